// The operator's check at the source: one at a time, however many clients ask, each with an outcome of its own time.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type AtRestCheck, createAtRestCheck } from '../../../src/agent/replies/at-rest-check.js';
import { until } from '../../support/holders.js';

let dir: string;
let check: AtRestCheck | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lm-check-'));
});
afterEach(() => {
  check?.close();
  rmSync(dir, { recursive: true });
});

const runs = (): number => (existsSync(join(dir, 'runs')) ? readFileSync(join(dir, 'runs'), 'utf8').length : 0);
const PATH = process.env['PATH'] ?? '';

test('ends as the command does, with its last lines', async () => {
  check = createAtRestCheck('echo "$LM_ROOTS"; echo up >&2; exit 3', { PATH, LM_ROOTS: '/d' });
  expect(await check.run()).toMatchObject({ succeeded: false, end: 'exit code 3', lines: ['/d', 'up'] });
  expect((await createAtRestCheck('kill -9 $$', { PATH }).run()).end).toBe('signal SIGKILL');
  expect(await createAtRestCheck('true', { PATH }).run()).toMatchObject({ succeeded: true, lines: [] });
});

test('never runs twice at once; who asks while it runs gets a run that began later', async () => {
  const [lock, go] = [join(dir, 'lock'), join(dir, 'go')];
  const wait = `until [ -e '${go}' ]; do sleep 0.01; done`;
  const command = `mkdir '${lock}' || exit 9; printf x >> '${dir}/runs'; ${wait}; rmdir '${lock}'`;
  check = createAtRestCheck(command, { PATH }, 1);
  const first = [check.run(), check.run()];
  await until(() => runs() === 1);
  const later = [check.run(), check.run(), check.run()];
  writeFileSync(go, '');
  const outcomes = await Promise.all([...first, ...later]);
  expect(outcomes.map(({ end }) => end)).toEqual(Array(5).fill('exit code 0'));
  expect(runs()).toBe(2);
});

test('begins no other run before the pause is over, and none once it is closed', async () => {
  check = createAtRestCheck(`printf x >> '${dir}/runs'`, { PATH }, 3_600_000);
  await check.run();
  const next = check.run();
  next.catch(() => {});
  await new Promise((resolve) => setImmediate(resolve));
  expect(runs()).toBe(1);
  check.close();
  await expect(next).rejects.toThrow('the agent is stopping');
  expect(runs()).toBe(1);
});

test('closing kills what runs, and all it has started', async () => {
  check = createAtRestCheck(`printf x >> '${dir}/runs'; sleep 600; true`, { PATH });
  const running = check.run();
  running.catch(() => {});
  await until(() => runs() === 1);
  check.close();
  await expect(running).rejects.toThrow('the agent is stopping');
});
