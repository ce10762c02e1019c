// Reads /proc of processes that really run.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { geteuid } from 'node:process';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { thisHost } from '../../../src/settings/cassandra/this-host.js';
import { leaveBehind, release, until } from '../../support/holders.js';

let base: string;
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'lm-host-')));
});
afterEach(() => rmSync(base, { recursive: true }));
afterEach(release);

test('a process, its arguments and its working directory', async () => {
  const pid = await leaveBehind(`cd '${base}'`, 'sleep 601');
  await until(() => [...thisHost.processes()].some((one) => one.pid === pid && one.argv[0] === 'sleep'));
  expect([...thisHost.processes()]).toContainEqual({ pid, argv: ['sleep', '601'], users: Array(4).fill(geteuid!()) });
  expect(thisHost.trusted(base)).toEqual([0, geteuid!(), geteuid!()]);
  expect(thisHost.toLocalPath(pid, 'conf')).toBe(join(base, 'conf'));
  expect(thisHost.toLocalPath(pid, '/conf')).toBe('/conf');
  await release();
  expect(thisHost.toLocalPath(pid, 'conf')).toBeUndefined();
});

test('the real path of a path that does not exist yet', () => {
  mkdirSync(join(base, 'real'));
  symlinkSync('real', join(base, 'link'));
  expect(thisHost.realPath(join(base, 'link/data/commitlog'))).toBe(join(base, 'real/data/commitlog'));
});

const canUnshare = geteuid!() === 0 && isAllowed(['unshare', '-m', 'true']);
function isAllowed([file, ...args]: string[]): boolean {
  try {
    execFileSync(file!, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

(canUnshare ? test : test.skip)(
  'a process with mounts of its own: what it calls by another name, and what by the same',
  async () => {
    for (const name of ['volume', 'inside']) mkdirSync(join(base, name));
    const mounted = `mount --bind '${base}/volume' '${base}/inside'`;
    const pid = await leaveBehind(mounted, 'sleep 602', ['unshare', '-m']);
    expect(thisHost.toLocalPath(pid, `${base}/inside/commitlog`)).toBe(`${base}/volume/commitlog`);
    expect(thisHost.toLocalPath(pid, `${base}/other`)).toBe(`${base}/other`);
  },
);
