import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pid } from 'node:process';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { acquireLock, lockHolder } from '../../src/state/lock.js';

let base: string;
let a: { path: string };
let b: { path: string };
let dir: string;
let child: ChildProcess | undefined;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'lm-lock-'));
  [a, b] = ['a', 'b'].map((name) => ({ path: join(base, name) })) as [{ path: string }, { path: string }];
  dir = join(base, 'state');
  for (const path of [a.path, b.path, dir]) mkdirSync(path);
});

afterEach(() => {
  child?.kill('SIGKILL');
  child = undefined;
  rmSync(base, { recursive: true, force: true });
});

const by = (command: string) => ({ dir, command });

describe('acquireLock', () => {
  test('excludes the next, names the holder, and lets the next in after release', async () => {
    const lock = await acquireLock([a, b], by('lm copy'));
    expect(existsSync(join(dir, 'lock.json'))).toBe(true);
    await expect(acquireLock([b], by('lm verify'))).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringMatching(
        new RegExp(`^${b.path} is in use by lm copy \\(pid ${pid}, since 2\\d{3}-.*Z\\)$`),
      ),
    });
    await lock.release();
    expect(existsSync(join(dir, 'lock.json'))).toBe(false);
    await (await acquireLock([b, a], by('lm verify'))).release();
  });

  test('goes by the directory, not by its path', async () => {
    symlinkSync(a.path, join(base, 'link'));
    const lock = await acquireLock([a, { path: join(base, 'link') }], by('lm copy')); // one directory, locked once
    await expect(acquireLock([{ path: join(base, 'link') }], by('lm copy'))).rejects.toMatchObject({ code: 'locked' });
    await lock.release();
  });

  test.each([0, 1])('takes all or nothing, whichever root is held (%i)', async (held) => {
    const lock = await acquireLock([[a, b][held]!], by('lm copy'));
    await expect(acquireLock([a, b], by('lm copy'))).rejects.toMatchObject({ code: 'locked' });
    await (await acquireLock([[b, a][held]!], by('lm copy'))).release();
    await lock.release();
  });

  test('a second release leaves the next holder alone', async () => {
    const first = await acquireLock([a], by('lm copy'));
    await first.release();
    const second = await acquireLock([a], by('lm copy'));
    await first.release();
    expect(existsSync(join(dir, 'lock.json'))).toBe(true);
    expect(await lockHolder([a])).toMatchObject({ pid });
    await second.release();
  });

  test('a root that is not there is an error', async () => {
    await expect(acquireLock([{ path: join(base, 'absent') }], by('lm copy'))).rejects.toMatchObject({ code: 'local' });
  });
});

describe('another process', () => {
  test('holds until it is killed, is named even while it is stopped, and by whoever looks from another state directory', async () => {
    child = holdInChild(a.path, dir);
    await once(child.stdout!, 'data');
    const elsewhere = join(base, 'elsewhere');
    mkdirSync(elsewhere);
    await expect(acquireLock([a], { dir: elsewhere, command: 'lm copy' })).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringContaining(`by lm hold (pid ${child.pid}, `),
    });
    child.kill('SIGSTOP');
    await expect(acquireLock([a], by('lm copy'))).rejects.toMatchObject({
      message: expect.stringContaining(`by lm hold (pid ${child.pid}, `),
    });
    expect(await lockHolder([a])).toBe('unknown');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await lockHolder([a, { path: join(base, 'absent') }])).toBeUndefined();
    await (await acquireLock([a], by('lm copy'))).release();
  });

  test('is not kept alive by a lock', async () => {
    child = holdInChild(a.path, dir, '');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

/** Holds a lock with the built program's code, until killed unless `stay` says otherwise. */
function holdInChild(path: string, dir: string, stay = 'setInterval(() => {}, 1000)'): ChildProcess {
  const script = `
    const { acquireLock } = await import(${JSON.stringify(new URL('../../dist/modules/state/lock.js', import.meta.url))});
    await acquireLock([{ path: ${JSON.stringify(path)} }], { dir: ${JSON.stringify(dir)}, command: 'lm hold' });
    process.stdout.write('held'); ${stay}`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
}
