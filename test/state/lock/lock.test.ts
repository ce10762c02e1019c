import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { geteuid, pid } from 'node:process';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { acquireLock, lockHolder } from '../../../src/state/lock/lock.js';
import { holderText } from '../../../src/state/lock/lock-holder.js';
import { IS_ROOT, OTHER_USER, SOMEBODY, under } from '../../support/as-user.js';

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
      ...{ code: 'locked', kind: 'locked' },
      message: expect.stringMatching(
        new RegExp(`^${b.path} is in use by lm copy \\(pid ${pid}, since 2\\d{3}-.*Z\\)$`),
      ),
    });
    await lock.release();
    expect(existsSync(join(dir, 'lock.json'))).toBe(false);
    await (await acquireLock([b, a], by('lm verify'))).release();
  });

  test('is of the directory, not of its path', async () => {
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

  test('a root that does not exist is an error', async () => {
    await expect(acquireLock([{ path: join(base, 'absent') }], by('lm copy'))).rejects.toMatchObject({ code: 'local' });
  });
});

describe('another process', () => {
  test('holds until it is killed, and is known by its pid even while it is stopped', async () => {
    child = holdInChild(a.path, dir);
    await once(child.stdout!, 'data');
    await expect(acquireLock([a], by('lm copy'))).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringContaining(`by lm hold (pid ${child.pid}, `),
    });
    child.kill('SIGSTOP');
    await expect(acquireLock([a], by('lm copy'))).rejects.toMatchObject({
      message: expect.stringMatching(new RegExp(` in use by a process of uid ${geteuid!()} .*pid ${child.pid}$`)),
    });
    expect(await lockHolder([a])).toEqual({ pid: child.pid, uid: geteuid!() });
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

test('an account is named beside its number, and no name can forge a line', () => {
  expect(holderText({ pid: 7, uid: 0 })).toBe('a process of uid 0 (root), pid 7');
  const holder = { pid: 7, host: 'h', command: 'lm\n\u001b[2Jcopy', since: '\rnow' };
  expect(holderText(holder)).toBe('lm\\n\\u{1b}[2Jcopy (pid 7, since \\rnow)');
});

(IS_ROOT ? describe : describe.skip)('another user who listens at the address of a lock (takes root)', () => {
  const forged = { pid: 1, host: 'h', command: 'lm copy\u001b[2J', since: '2026-01-01T00:00:00Z' };

  /** Listens as a lock does, under a user who is not this one, and answers what he likes. */
  async function squat(path: string, answer: string): Promise<ChildProcess> {
    const { dev, ino } = statSync(path, { bigint: true });
    const script = `require('node:net').createServer((socket) => socket.end(process.argv[2])).listen({ path: '\\0' + process.argv[1] },
      () => process.stdout.write('held'))`;
    const [command, ...before] = [...under(OTHER_USER), process.execPath];
    const words = ['-e', script, `lm:${dev}:${ino}`.padEnd(107, '-'), answer];
    child = spawn(command!, [...before, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout!, 'data');
    return child;
  }

  test.each([
    ['an answer of his own making', (holder: object) => JSON.stringify({ ...forged, ...holder })],
    ['no record', () => 'free'],
    ['nothing', () => ''],
  ])('is named by his uid: %s', async (_, answer) => {
    const { pid: his } = await squat(a.path, answer({ pid }));
    writeFileSync(join(dir, 'lock.json'), JSON.stringify(forged));
    const error = await acquireLock([a], by('lm copy')).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'locked' });
    expect(error.message).toBe(`${a.path} is in use by a process of uid ${OTHER_USER}, pid ${his}`);
    expect(await lockHolder([a])).toEqual({ pid: his, uid: OTHER_USER });
  });

  test('is not reported as root’s when the caller may not inspect the process', async () => {
    await squat(a.path, JSON.stringify(forged));
    chmodSync(base, 0o755);
    const script = `
      const { lockHolder } = await import(${JSON.stringify(new URL('../../../dist/modules/state/lock/lock.js', import.meta.url))});
      process.stdout.write(JSON.stringify(await lockHolder([{ path: ${JSON.stringify(a.path)} }])));`;
    const [command, ...before] = [...under(SOMEBODY), process.execPath, '--input-type=module', '-e', script];
    expect(String(execFileSync(command!, before))).toBe('"unknown"');
  });
});

/** Holds a lock with the built program's code, until killed unless `stay` says otherwise. */
function holdInChild(path: string, dir: string, stay = 'setInterval(() => {}, 1000)'): ChildProcess {
  const script = `
    const { acquireLock } = await import(${JSON.stringify(new URL('../../../dist/modules/state/lock/lock.js', import.meta.url))});
    await acquireLock([{ path: ${JSON.stringify(path)} }], { dir: ${JSON.stringify(dir)}, command: 'lm hold' });
    process.stdout.write('held'); ${stay}`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
}
