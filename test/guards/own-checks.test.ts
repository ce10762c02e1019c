import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { LmError } from '../../src/errors.js';
import { type OwnCheck, refuseFailedPreCheck, runOwnCheck } from '../../src/guards/own-checks.js';
import { until } from '../support/holders.js';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'lm-pre-check-'));
});
afterEach(() => rmSync(base, { recursive: true }));

const check = (command: string): OwnCheck => ({
  command,
  env: { PATH: '/usr/bin:/bin', KEPT: 'yes', LM_PORT: 'stale', OUT: join(base, 'out') },
  source: 'old.example',
  port: 9043,
  roots: [{ path: '/srv/data' }, { path: '/srv/log' }],
  iteration: 2,
  threshold: 0.95,
});

const runPreCheck = async (own: OwnCheck, signal?: AbortSignal): Promise<void> =>
  refuseFailedPreCheck(await runOwnCheck(own, signal));

const refusal = async (command: string): Promise<LmError> => {
  const error = await runPreCheck(check(command)).then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(LmError);
  expect(error.code).toBe('refused');
  return error;
};

test('a command that exits with 0 lets the copy go on; its environment describes the copy', async () => {
  await runPreCheck(check('echo "$LM_SOURCE $LM_PORT $LM_ROOTS $LM_ITERATION $LM_THRESHOLD $KEPT" > "$OUT"'));
  expect(readFileSync(join(base, 'out'), 'utf8')).toBe('old.example 9043 /srv/data:/srv/log 2 0.95 yes\n');
});

test('another exit code refuses, with the last lines of both outputs', async () => {
  const error = await refusal('for i in $(seq 1 20); do echo line $i; done; sleep 0; printf "why\\033\\n" >&2; exit 3');
  expect(error.message).toMatch(/^the pre-check ended with exit code 3: for i in/);
  expect(error.details).toHaveLength(10);
  expect(error.details).toContain('line 20');
  expect(error.details).toContain('why\\u{1b}');
});

test('a signal refuses', async () => {
  expect((await refusal('kill -9 $$')).message).toBe('the pre-check ended with signal SIGKILL: kill -9 $$');
  expect((await refusal('no-such-command-here')).message).toContain('exit code 127');
});

test('a process that it leaves running does not delay the copy', async () => {
  await runPreCheck(check('sleep 600 & echo $! > "$OUT"'));
  process.kill(Number(readFileSync(join(base, 'out'), 'utf8')), 'SIGKILL');
});

test('an abort ends it and what it has started, and throws the reason', async () => {
  const controller = new AbortController();
  const reason = new LmError('interrupted', 'interrupted');
  const running = runPreCheck(check('sleep 600 & echo $! > "$OUT.new"; mv "$OUT.new" "$OUT"; wait'), controller.signal);
  await until(() => existsSync(join(base, 'out')));
  const sleeper = Number(readFileSync(join(base, 'out'), 'utf8'));
  controller.abort(reason);
  await expect(running).rejects.toBe(reason);
  await until(() => !isAlive(sleeper));
  await expect(runPreCheck(check('exit 0'), controller.signal)).rejects.toBe(reason);
});

/** A zombie nobody reaps yet is dead enough. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
