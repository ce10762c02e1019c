// What a stranger could have put where it is found, on real directories of several owners.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readTrusted } from '../../src/trust/regular-file.js';
import { faultOnPath, follow } from '../../src/trust/trust.js';
import { asUser, IS_ROOT, OTHER_USER, SOMEBODY } from '../support/as-user.js';

let base: string;
let file: string;

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'lm-trust-')));
  chmodSync(base, 0o755);
  mkdirSync(join(base, 'dir'));
  file = join(base, 'dir', 'lm.yaml');
  writeFileSync(file, 'text', { mode: 0o644 });
});

afterEach(() => rmSync(base, { recursive: true }));

const at = (...names: string[]) => join(base, ...names);

/** Without the name of the directory. */
function refusalOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as Error).message.replaceAll(base, 'BASE');
  }
  return 'nothing';
}

const give = (path: string, uid: number) => lchownSync(path, uid, uid);

(IS_ROOT ? describe : describe.skip)('as root', () => {
  test.each<[string, () => void, string]>([
    ['nothing wrong', () => {}, 'nothing'],
    ['a stranger’s file', () => give(file, OTHER_USER), `it belongs to uid ${OTHER_USER}`],
    ['a stranger’s directory', () => give(at('dir'), OTHER_USER), `BASE/dir belongs to uid ${OTHER_USER}`],
    ['a stranger’s directory further up', () => give(base, OTHER_USER), `BASE belongs to uid ${OTHER_USER}`],
    ['a file that all can write', () => chmodSync(file, 0o646), 'it can be written by everybody (mode 0646)'],
    ['a directory that all can write', () => chmodSync(at('dir'), 0o777), 'BASE/dir can be written by everybody'],
    ['one further up', () => chmodSync(base, 0o757), 'BASE can be written by everybody (mode 0757)'],
    ['a sticky directory', () => chmodSync(base, 0o1777), 'nothing'],
    [
      'a stranger’s file in a sticky directory',
      () => {
        chmodSync(at('dir'), 0o1777);
        give(file, OTHER_USER);
      },
      `it belongs to uid ${OTHER_USER}`,
    ],
    ['a file of root’s own group', () => chmodSync(file, 0o664), 'nothing'],
    [
      'a file that a group can write',
      () => {
        chownSync(file, 0, OTHER_USER);
        chmodSync(file, 0o664);
      },
      `it can be written by group ${OTHER_USER} (mode 0664)`,
    ],
    [
      'a directory that a group can write',
      () => {
        chownSync(at('dir'), 0, OTHER_USER);
        chmodSync(at('dir'), 0o2775);
      },
      `BASE/dir can be written by group ${OTHER_USER} (mode 2775)`,
    ],
    [
      'a link of root’s',
      () => {
        renameSync(file, at('real'));
        symlinkSync('../real', file);
      },
      'nothing',
    ],
    [
      'a stranger’s link to a file of root’s, in a sticky directory',
      () => {
        chmodSync(at('dir'), 0o1777);
        renameSync(file, at('real'));
        symlinkSync(at('real'), file);
        give(file, OTHER_USER);
      },
      `it belongs to uid ${OTHER_USER}`,
    ],
    [
      'a link of root’s through a directory of a stranger’s',
      () => {
        mkdirSync(at('theirs'));
        renameSync(file, at('theirs', 'real'));
        give(at('theirs'), OTHER_USER);
        symlinkSync(at('theirs', 'real'), file);
      },
      `BASE/theirs belongs to uid ${OTHER_USER}`,
    ],
    [
      'a link of root’s in and out of it again',
      () => {
        mkdirSync(at('theirs'));
        give(at('theirs'), OTHER_USER);
        renameSync(file, at('real'));
        symlinkSync('../theirs/../real', file);
      },
      `BASE/theirs belongs to uid ${OTHER_USER}`,
    ],
    [
      'a second name of a file of root’s, in a directory of a stranger’s',
      () => {
        give(at('dir'), OTHER_USER);
        linkSync(file, at('second'));
      },
      `BASE/dir belongs to uid ${OTHER_USER}`,
    ],
  ])('%s', (_, change, refusal) => {
    change();
    const found = refusalOf(() => readTrusted(file, 100));
    if (refusal === 'nothing') expect(found).toBe(refusal);
    else expect(found).toContain(`BASE/dir/lm.yaml is not trusted: ${refusal}`);
  });

  test('what mends it is said', () => {
    give(file, OTHER_USER);
    expect(() => readTrusted(file, 100)).toThrow(
      expect.objectContaining({ code: 'usage', hint: expect.stringContaining(`chown -h 0 ${file}`) }),
    );
    give(file, 0);
    chmodSync(file, 0o666);
    expect(() => readTrusted(file, 100)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining(`chmod go-w ${file}`) }),
    );
  });

  test('another user obeys root and itself, and no third one', () => {
    const read = () => asUser(SOMEBODY, () => refusalOf(() => readTrusted(file, 100)));
    expect(read()).toBe('nothing');
    give(file, SOMEBODY);
    give(at('dir'), SOMEBODY);
    expect(read()).toBe('nothing');
    give(at('dir'), OTHER_USER);
    expect(read()).toContain(`BASE/dir belongs to uid ${OTHER_USER}`);
    expect(refusalOf(() => readTrusted(file, 100))).toContain(`BASE/dir belongs to uid ${OTHER_USER}`);
    give(at('dir'), 0);
    expect(refusalOf(() => readTrusted(file, 100))).toContain(`it belongs to uid ${SOMEBODY}`);
  });

  test('a file of the service may be its account’s, and its directories too; not those of others', () => {
    give(file, SOMEBODY);
    give(at('dir'), SOMEBODY);
    expect(readTrusted(file, 100, { owner: SOMEBODY }).toString()).toBe('text');
    chmodSync(file, 0o666);
    expect(refusalOf(() => readTrusted(file, 100, { owner: SOMEBODY }))).toContain('can be written by everybody');
    chmodSync(file, 0o644);
    give(at('dir'), OTHER_USER);
    expect(refusalOf(() => readTrusted(file, 100, { owner: SOMEBODY }))).toContain(`belongs to uid ${OTHER_USER}`);
  });

  test('a ConfigMap as Kubernetes lays it out: modes count for nothing where nobody can write', () => {
    const script = `set -e; cd "$1"; mount -t tmpfs none dir; chmod 777 dir; mkdir dir/..v1; ln -s ..v1 dir/..data
      ln -s ..data/lm.yaml dir/lm.yaml; echo text > dir/..v1/lm.yaml; chmod 666 dir/..v1/lm.yaml
      "$2" config show --config dir/lm.yaml --json 2>&1 >/dev/null | head -1; mount -o remount,ro dir
      "$2" config show --config dir/lm.yaml --json 2>&1 >/dev/null | head -1
      chown -h ${OTHER_USER} . ; "$2" config show --config dir/lm.yaml --json 2>&1 >/dev/null | head -1`;
    writeFileSync(file, '');
    const lm = join(dirname(dirname(import.meta.dirname)), 'bin', 'lm.js');
    const { stdout, status } = spawnSync('unshare', ['-m', 'sh', '-c', script, 'sh', base, lm], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout.replaceAll(base, 'BASE').trim().split('\n')).toEqual([
      'lm config show: BASE/dir/lm.yaml is not trusted: BASE/dir can be written by everybody (mode 0777)',
      "lm config show: BASE/dir/lm.yaml:1: got 'text', takes a mapping of settings",
      `lm config show: BASE/dir/lm.yaml is not trusted: BASE belongs to uid ${OTHER_USER}`,
    ]);
  });
});

test('what is not there has no fault', () => {
  chmodSync(base, 0o777);
  expect(() => readTrusted(at('none'), 100)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});

test('the way of a link is the kernel’s', () => {
  symlinkSync('loop', at('loop'));
  expect(refusalOf(() => follow(at('loop')))).toMatch(/^ELOOP/);
  expect(() => follow(join(file, 'x'))).toThrow(expect.objectContaining({ code: 'ENOTDIR' }));
  expect(() => follow(at('none', 'x'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  expect(faultOnPath(at('none', 'x'))).toBeUndefined();
  expect(follow(`${base}/./dir/..//dir/lm.yaml`)).toMatchObject({ path: file });
  expect(follow('/')).toMatchObject({ path: '/' });
});

test('what is no file, or too big, ends in a line; nobody is waited for', () => {
  execFileSync('mkfifo', [at('pipe')]);
  symlinkSync('pipe', at('link'));
  expect(refusalOf(() => readTrusted(at('link'), 100))).toBe('BASE/link is a pipe, takes a regular file');
  expect(refusalOf(() => readTrusted('/dev/null', 100))).toBe('/dev/null is a device, takes a regular file');
  expect(refusalOf(() => readTrusted(base, 100))).toBe('EISDIR: BASE');
  truncateSync(file, 2 ** 40);
  expect(refusalOf(() => readTrusted(file, 100))).toBe('BASE/dir/lm.yaml is too big: takes 100 bytes at most');
  const shell = '"$0" config show --config <(echo x) 2>&1 >/dev/null | head -1';
  const lm = join(dirname(dirname(import.meta.dirname)), 'bin', 'lm.js');
  expect(execFileSync('bash', ['-c', shell, lm], { encoding: 'utf8' })).toMatch(
    /^lm config show: \/dev\/fd\/\d+ is a pipe, takes a regular file\n$/,
  );
});
