import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { refuseUntrustedPath } from '../../../src/state/identity/trusted-records.js';
import { findInstance, type Instance, openInstance, removeInstance } from '../../../src/state/instance.js';
import { readJournal } from '../../../src/state/journal/journal.js';
import { IS_ROOT, OTHER_USER } from '../../support/as-user.js';

const roots = [{ key: 'data/0', path: '/srv/data' }];
let base: string;
let stateDir: string;
let made: Instance;

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'lm-strangers-')));
  stateDir = join(base, 'state');
  made = openInstance({ stateDir, role: 'destination', roots });
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

const open = () => openInstance({ stateDir, role: 'destination', roots });
const give = (path: string) => chownSync(path, OTHER_USER, OTHER_USER);

(IS_ROOT ? describe : describe.skip)('records are not trusted', () => {
  test.each<[string, () => void, () => string]>([
    ['in another user’s directory', () => give(made.dir), () => `${made.dir} belongs to uid ${OTHER_USER}`],
    ['in another user’s state directory', () => give(stateDir), () => `${stateDir} belongs to uid ${OTHER_USER}`],
    ['below another user’s directory', () => give(base), () => `${base} belongs to uid ${OTHER_USER}`],
    [
      'where one of them is another user’s',
      () => {
        writeFileSync(join(made.dir, 'remembered.json'), '{}');
        give(join(made.dir, 'remembered.json'));
      },
      () => `${made.dir}/remembered.json belongs to uid ${OTHER_USER}`,
    ],
    [
      'that all can write',
      () => chmodSync(join(made.dir, 'instance.json'), 0o666),
      () => `${made.dir}/instance.json can be written by everybody (mode 0666)`,
    ],
    [
      'where a group can write',
      () => {
        chownSync(made.dir, 0, OTHER_USER);
        chmodSync(made.dir, 0o770);
      },
      () => `${made.dir} can be written by group ${OTHER_USER} (mode 0770)`,
    ],
    [
      'that lie elsewhere',
      () => symlinkSync('/etc/hostname', join(made.dir, 'adoption.json')),
      () => `${made.dir}/adoption.json is a link, which lm never makes`,
    ],
  ])('%s', (_, change, fault) => {
    change();
    expect(open).toThrow(
      expect.objectContaining({ code: 'usage', message: `the records in ${made.dir} are not trusted: ${fault()}` }),
    );
    expect(findInstance({ stateDir })).toEqual({ ...made, untrusted: fault() });
  });

  test('nor is anything made where another user could have made it', () => {
    give(stateDir);
    const other = [{ key: 'data/0', path: '/srv/other' }];
    expect(() => openInstance({ stateDir, role: 'destination', roots: other })).toThrow('are not trusted');
    expect(readdirSync(stateDir)).toEqual([made.name]);
    expect(() => refuseUntrustedPath(stateDir)).toThrow(`the records in ${stateDir} are not trusted`);
  });

  test('a damaged record is reported as another user’s, not as damaged', () => {
    writeFileSync(join(made.dir, 'instance.json'), '{');
    give(made.dir);
    expect(() => findInstance({ stateDir })).toThrow(`belongs to uid ${OTHER_USER}`);
  });

  test('they are removed without following a link, and only from the directory they were in', () => {
    mkdirSync(join(base, 'precious', 'deep'), { recursive: true });
    mkdirSync(join(made.dir, 'spool'));
    symlinkSync(join(base, 'precious'), join(made.dir, 'spool', 'link'));
    symlinkSync(join(base, 'precious'), join(made.dir, 'link'));
    give(made.dir);
    const theirs = findInstance({ stateDir })!;
    renameSync(made.dir, `${made.dir}.kept`);
    symlinkSync(join(base, 'precious'), made.dir);
    expect(() => removeInstance(theirs)).toThrow(expect.objectContaining({ code: 'local' }));
    rmSync(made.dir);
    mkdirSync(made.dir);
    expect(() => removeInstance(theirs)).toThrow('is no longer what it was');
    rmSync(made.dir, { recursive: true });
    renameSync(`${made.dir}.kept`, made.dir);
    expect(removeInstance(theirs)).toEqual(['instance.json', 'link', 'spool']);
    expect([existsSync(made.dir), existsSync(join(base, 'precious', 'deep'))]).toEqual([false, true]);
  });
});

test('the user’s own records are obeyed, below a sticky directory too', () => {
  chmodSync(base, 0o1777);
  expect(open()).toEqual(made);
  expect(findInstance({ stateDir })).toEqual(made);
});

test.each(['instance.json', 'journal.jsonl'])('a pipe in the place of %s ends in a line', (name) => {
  rmSync(join(made.dir, name), { force: true });
  execFileSync('mkfifo', ['-m', '600', join(made.dir, name)]);
  expect(() => (name === 'instance.json' ? findInstance({ stateDir }) : readJournal(made.dir))).toThrow(
    `${made.dir}/${name} is a pipe, takes a regular file`,
  );
});
