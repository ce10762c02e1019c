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
import { refuseStrangersOnWay } from '../../../src/state/identity/strangers.js';
import { findInstance, type Instance, openInstance, removeInstance } from '../../../src/state/instance.js';
import { readJournal } from '../../../src/state/journal/journal.js';
import { IS_ROOT, STRANGER } from '../../support/as-user.js';

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
const give = (path: string) => chownSync(path, STRANGER, STRANGER);

(IS_ROOT ? describe : describe.skip)('records are not obeyed', () => {
  test.each<[string, () => void, () => string]>([
    ['in a stranger’s directory', () => give(made.dir), () => `${made.dir} belongs to uid ${STRANGER}`],
    ['in a stranger’s state directory', () => give(stateDir), () => `${stateDir} belongs to uid ${STRANGER}`],
    ['below a stranger’s directory', () => give(base), () => `${base} belongs to uid ${STRANGER}`],
    [
      'where one of them is a stranger’s',
      () => {
        writeFileSync(join(made.dir, 'remembered.json'), '{}');
        give(join(made.dir, 'remembered.json'));
      },
      () => `${made.dir}/remembered.json belongs to uid ${STRANGER}`,
    ],
    [
      'that all can write',
      () => chmodSync(join(made.dir, 'instance.json'), 0o666),
      () => `${made.dir}/instance.json can be written by everybody (mode 0666)`,
    ],
    [
      'where a group can write',
      () => {
        chownSync(made.dir, 0, STRANGER);
        chmodSync(made.dir, 0o770);
      },
      () => `${made.dir} can be written by group ${STRANGER} (mode 0770)`,
    ],
    [
      'that lie elsewhere',
      () => symlinkSync('/etc/hostname', join(made.dir, 'adoption.json')),
      () => `${made.dir}/adoption.json is a link, which lm never makes`,
    ],
  ])('%s', (_, change, fault) => {
    change();
    expect(open).toThrow(
      expect.objectContaining({ code: 'usage', message: `the records in ${made.dir} are not obeyed: ${fault()}` }),
    );
    expect(findInstance({ stateDir })).toEqual({ ...made, stranger: fault() });
  });

  test('nor is anything made where a stranger could have', () => {
    give(stateDir);
    const other = [{ key: 'data/0', path: '/srv/other' }];
    expect(() => openInstance({ stateDir, role: 'destination', roots: other })).toThrow('are not obeyed');
    expect(readdirSync(stateDir)).toEqual([made.name]);
    expect(() => refuseStrangersOnWay(stateDir)).toThrow(`the records in ${stateDir} are not obeyed`);
  });

  test('and a damaged one is not called damaged, but a stranger’s', () => {
    writeFileSync(join(made.dir, 'instance.json'), '{');
    give(made.dir);
    expect(() => findInstance({ stateDir })).toThrow(`belongs to uid ${STRANGER}`);
  });

  test('they are removed without following a link, and only from where they were', () => {
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

test('those of one’s own are, below a sticky directory too', () => {
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
