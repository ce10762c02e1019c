// Places and limits in which a command cannot do its work: each ends in one line, with what mends it, and a code of the table.

import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { IS_ROOT, SOMEBODY, under } from '../support/as-user.js';
import type { LmOptions } from '../support/lm.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { dir } from '../support/tree.js';

const CLOSED = 'http://127.0.0.1:1';
const limited = (how: string): string[] => ['sh', '-c', `${how}; exec "$@"`, 'sh'];
const withMounts = IS_ROOT && spawnSync('unshare', ['-m', 'true']).status === 0;

interface Place {
  args: string[];
  options: (here: Host) => LmOptions;
  code: number;
  says: RegExp;
  takes?: boolean;
}

const PLACES: Record<string, Place> = {
  'too few addresses for its threads': {
    args: ['copy', CLOSED, 'data'],
    options: () => ({ under: limited('ulimit -v 4000000') }),
    code: 8,
    says: /^lm copy: not enough memory: ulimit -v leaves 3\.8 GiB of addresses, .*\nhint: ulimit -v unlimited: .*\nerror memory \(8\): .*\n$/,
  },
  'no file may have a byte': {
    args: ['copy', CLOSED, 'data'],
    options: () => ({ under: limited('ulimit -f 0') }),
    code: 8,
    says: /^lm copy: cannot write .*\/instance\.json: EFBIG\nhint: .*ulimit -f.*\nerror local \(8\): .*\n$/,
  },
  'no directory for temporary files': {
    args: ['demo'],
    options: () => ({ env: { TMPDIR: '/nowhere' } }),
    code: 8,
    says: /^lm demo: cannot create a directory in \/nowhere: ENOENT\nhint: TMPDIR .*\nerror temporary-dir \(8\): .*\n$/,
  },
  'a home that is not there': {
    args: ['copy', CLOSED, 'data'],
    options: () => ({ env: { HOME: '/proc/nowhere', LM_STATE_DIR: '' } }),
    code: 8,
    says: /^lm copy: cannot create \/proc\/nowhere: ENOENT\nhint: mend what .*\nerror local \(8\): .*\n$/,
  },
  'no home, and no account': {
    args: ['status'],
    options: () => ({ under: [...under(SOMEBODY), 'env', '-u', 'HOME'], env: { LM_STATE_DIR: '' } }),
    code: 2,
    says: /^lm status: no home directory: HOME is no absolute path, and this user has no account\nhint: .*--state-dir.*\nerror state-dir \(2\): .*\n$/,
    takes: IS_ROOT,
  },
  'a working directory that is closed to its user': {
    args: ['status'],
    options: (here) => ({ under: under(SOMEBODY), cwd: closedDir(here) }),
    code: 2,
    says: /^lm status: cannot read .*\/closed\/lm\.yaml: EACCES\nhint: .*--config\nerror settings-file \(2\): .*\n$/,
    takes: IS_ROOT,
  },
  'records on a file system that is read-only': {
    args: ['serve', 'data'],
    options: (here) => {
      const mounted = `mkdir -p "${here.stateDir}"; mount --bind "${here.stateDir}" "${here.stateDir}" && mount -o remount,ro,bind "${here.stateDir}"`;
      return { under: ['unshare', '-m', ...limited(mounted)] };
    },
    code: 8,
    says: /^lm serve: cannot create .*\/state\/source-\w+: EROFS\nhint: the file system is mounted read-only\nerror local \(8\): .*\n$/,
    takes: withMounts,
  },
};

function closedDir(here: Host): string {
  mkdirSync(here.path('closed'), { mode: 0 });
  return here.path('closed');
}

describe('one line and a code of the table', () => {
  for (const [name, { args, options, code, says, takes = true }] of Object.entries(PLACES))
    (takes ? test : test.skip)(name, async () => {
      const here = sandbox().host('here');
      here.write('data', {});
      chmodSync(join(here.dir, '..'), 0o755);
      const ended = await here.lm(args, options(here));
      expect({ code: ended.code, stdout: ended.stdout, said: ended.stderr }).toEqual({
        ...{ code, stdout: '' },
        said: expect.stringMatching(says),
      });
    });
});

/** How many Node itself takes differs by its version: with fewer it tells no error of ours, with more there are enough. */
test('too few files open', async () => {
  const here = sandbox().host('here');
  const said: string[] = [];
  for (let files = 18; files < 30; files++) {
    const { code, stderr } = await here.lm(['status'], { under: limited(`ulimit -n ${files}`) });
    if (code === 8) said.push(stderr);
  }
  expect(said).not.toEqual([]);
  for (const text of said)
    expect(text).toMatch(
      /^lm( status)?: cannot (open|read) .*: EMFILE\n(hint: .*ulimit -n.*\nerror local \(8\).*\n)?$/,
    );
});

(IS_ROOT ? test : test.skip)('a umask that takes from the owner closes nothing of lm’s to lm', async () => {
  const { source, destination } = sandbox();
  const agent = await source.serve([source.write('data', { a: 'a', d: dir({ b: 'b' }) })]);
  const to = destination.write('data', {});
  chmodSync(join(destination.dir, '..'), 0o755);
  mkdirSync(destination.stateDir);
  for (const path of [to, destination.stateDir]) chownSync(path, SOMEBODY, SOMEBODY);
  const closing = { under: [...under(SOMEBODY), ...limited('umask 0777')] };
  const guards = ['--allow-running', '--threshold', '0.5'];
  expect(await destination.lm(['copy', agent.url, to, ...guards], closing)).toMatchObject({ code: 0 });
  expect(await destination.lm(['copy', ...guards], closing)).toMatchObject({ code: 0 });
  expect(readdirSync(to)).toEqual(['a', 'd']);
});
