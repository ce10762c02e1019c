// A task that is under way: what is told of it, what it excludes, how it is cancelled, and what a restart leaves of it.

import { readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { until } from '../support/holders.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import {
  COPIES,
  type Document,
  isOver,
  P,
  poll,
  serveDestination,
  VERIFICATIONS,
  writeSettings,
} from '../support/tasks.js';
import { file, readTree } from '../support/tree.js';

const MIB = 1024 * 1024;
const copying = { maxIterations: 2, successThreshold: 1, maxConcurrency: 4 };
const BUSY = 'Another task is already under progress. Cannot accept new task.';

/** A copy whose source has stalled in the middle of a big file. */
async function stalledCopy(args: string[] = []) {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', { big: file({ size: 64 * MIB }), small: 's' });
  const served = await source.serve([from]);
  const between = await proxy(served.url, { stallAfter: 40 * MIB });
  const to = destination.path('data');
  const settings = { url: between.url, roots: { data: to } };
  const { agent, asked } = await serveDestination(destination, settings, args);
  const [, { taskId, statusUrl }] = await asked.post(COPIES, copying);
  await between.stalled;
  await poll(asked, statusUrl, ({ status }) => status.at(-1)?.state === 'DOWNLOADING');
  return { source, destination, from, to, served, between, settings, agent, asked, taskId, statusUrl };
}

const lastState = ({ status }: Document): string => status.at(-1).state;

test('is shown, excludes every other task and command, and is cancelled', async () => {
  const { destination, asked, taskId, statusUrl, from, to, between } = await stalledCopy();
  const [, running] = await asked.get(statusUrl);
  expect(running).toEqual({
    ...{ taskId, source: '127.0.0.1', port: Number(new URL(between.url).port), ...copying },
    status: [
      {
        ...{ iteration: 0, state: 'DOWNLOADING', totalSize: 64 * MIB + 1, totalFiles: 2 },
        ...{ bytesToDownload: 64 * MIB + 1, filesToDownload: 2, downloadFailures: 0 },
        ...{ filesDownloaded: expect.any(Number), bytesDownloaded: expect.any(Number) },
      },
    ],
  });
  expect(readdirSync(to).filter((name) => name.endsWith('.lm-part'))).toHaveLength(1);
  const [, { files }] = await asked.get(`${P}/files`);
  expect(files.filter(({ fileUrl }: { fileUrl: string }) => fileUrl.includes('.lm-'))).toEqual([]); // it is no file yet
  expect(await asked.post(COPIES, copying)).toEqual([409, { status: 'Conflict', code: 409, message: BUSY }]);
  expect(await asked.post(VERIFICATIONS, { maxConcurrency: 1, digestAlgorithm: 'md5' })).toEqual([
    409,
    {
      ...{ status: 'Conflict', code: 409 },
      message: 'Another files digest verification is in progress for instance=1',
    },
  ]);
  for (const args of [['copy', between.url, to], ['verify']])
    expect(await destination.lm(args)).toMatchObject({
      code: 9,
      stderr: expect.stringContaining(`in use by lm serve, copy task ${taskId} (pid `),
    });
  const { stdout } = await destination.lm(['status']);
  expect(stdout).toMatch(/running +lm serve, copy task .*\n +iteration 0: DOWNLOADING, /);
  expect(stdout).toMatch(new RegExp(`task +copy ${taskId}, for 127\\.0\\.0\\.1 since .*: DOWNLOADING`));

  const [status, cancelled] = await asked.patch(statusUrl);
  expect([status, lastState(cancelled)]).toEqual([200, 'CANCELLED']);
  expect(await asked.patch(statusUrl)).toEqual([200, cancelled]);
  expect((await destination.lm(['status'])).stdout).toMatch(/task +copy .*: CANCELLED/);
  expect(await asked.patch(`${COPIES}/nope`)).toEqual([
    404,
    { status: 'Not Found', code: 404, message: 'No task found with given id nope' },
  ]);
  between.cut(); // flows again

  const [again, next] = await asked.post(COPIES, copying);
  expect(again).toBe(202);
  expect(lastState(await poll(asked, next.statusUrl, isOver))).toBe('SUCCESS');
  expect(await readTree(to)).toEqual(await readTree(from));
  const [, ended] = await asked.get(next.statusUrl);
  expect(await asked.patch(next.statusUrl)).toEqual([200, ended]);
  expect((await asked.get(statusUrl))[0]).toBe(404); // of the one before nothing is known
});

test('of several that are asked for at once one is begun', async () => {
  const { source, destination, proxy } = sandbox();
  const served = await source.serve([source.write('data', { big: file({ size: 64 * MIB }) })]);
  const between = await proxy(served.url, { stallAfter: 40 * MIB });
  const { asked } = await serveDestination(destination, {
    url: between.url,
    roots: { data: destination.path('data') },
  });
  const answers = await Promise.all(Array.from({ length: 6 }, () => asked.post(COPIES, copying)));
  expect(answers.map(([status]) => status).sort()).toEqual([202, 409, 409, 409, 409, 409]);
});

test('a verification is cancelled too', async () => {
  const { source, destination, proxy } = sandbox();
  const served = await source.serve([source.write('data', { big: file({ size: 64 * MIB }) })]);
  const settings = { url: served.url, roots: { data: destination.path('data') } };
  const { asked } = await serveDestination(destination, settings);
  const [, { statusUrl }] = await asked.post(COPIES, copying);
  await poll(asked, statusUrl, isOver);
  const between = await proxy(served.url, { stallAfter: 2_000 }); // a status and a listing pass
  writeSettings(destination, { ...settings, url: between.url });
  const [, verification] = await asked.post(VERIFICATIONS, { maxConcurrency: 1, digestAlgorithm: 'md5' });
  await poll(asked, verification.statusUrl, ({ state }) => state === 'IN_PROGRESS');
  const [status, cancelled] = await asked.patch(verification.statusUrl);
  expect([status, cancelled.state]).toEqual([200, 'CANCELLED']);
  expect(cancelled).not.toHaveProperty('message');
  expect((await destination.lm(['status'])).stdout).toMatch(/task +verification .*: CANCELLED 2/);
});

test('a command that is at work refuses a task', async () => {
  const { source, destination, proxy } = sandbox();
  const served = await source.serve([source.write('data', { big: file({ size: 64 * MIB }) })]);
  const between = await proxy(served.url, { stallAfter: 40 * MIB });
  const to = destination.path('data');
  const { asked } = await serveDestination(destination, { url: between.url, roots: { data: to } });
  const copy = destination.start(['copy']);
  await between.stalled;
  for (const [path, body] of [
    [COPIES, copying],
    [VERIFICATIONS, { maxConcurrency: 1, digestAlgorithm: 'md5' }],
  ] as const) {
    const [status, { message }] = await asked.post(path, body);
    expect([status, message]).toEqual([409, expect.stringContaining(`is in use by lm copy (pid ${copy.pid}`)]);
  }
  expect(await asked.get(COPIES)).toEqual([200, []]);
  copy.kill('SIGTERM');
  await copy.done;
});

test('whose agent was killed is told of as failed, and the next one goes on where it was', async () => {
  const { destination, from, to, served, settings, agent, taskId, statusUrl } = await stalledCopy();
  await until(() => readdirSync(to).some((name) => name.endsWith('.lm-part')));
  agent.process.kill('SIGKILL');
  await agent.process.done;

  const { asked } = await serveDestination(destination, { ...settings, url: served.url });
  const [, told] = await asked.get(statusUrl);
  expect(told).toMatchObject({
    ...{ taskId, ...copying, message: expect.stringContaining('the agent ended while this task ran') },
    status: [
      { iteration: 0, state: 'FAILED' },
      { iteration: 2, state: 'FAILED' },
    ],
  });
  expect((await destination.lm(['status'])).stdout).toMatch(/task +copy .*: DOWNLOADING, cut off/);
  const [status, next] = await asked.post(COPIES, copying);
  expect(status).toBe(202);
  const { status: passes } = await poll(asked, next.statusUrl, isOver);
  expect(passes.at(-1).state).toBe('SUCCESS');
  expect(await readTree(to)).toEqual(await readTree(from));
  const { stdout } = await destination.lm(['status', '--json']);
  const { lastCopy } = JSON.parse(stdout.split('\n')[0]!);
  expect(lastCopy.report.status[0].bytesReused).toBeGreaterThan(0);
});

longTest('keeps an agent open that nobody asks any more, long enough for its end to be asked for', async () => {
  const { agent, asked, statusUrl, between } = await stalledCopy(['--expire-after', '6s']);
  await pause(7_000); // nothing tells that an agent has not ended
  between.cut(); // flows again
  await agent.process.says(/^copy: 100 % of the bytes match/m);
  await pause(500); // one that ends does so within a tenth of a second
  expect(lastState((await asked.get(statusUrl))[1])).toBe('SUCCESS');
  expect(await agent.process.done).toMatchObject({ code: 0 });
});

test('is told to programs as a run, but for its end, which is not the end of the output', async () => {
  const { source, destination } = sandbox();
  const served = await source.serve([source.write('data', { a: 'a' })]);
  const settings = { url: served.url, roots: { data: destination.path('data') } };
  const { agent, asked } = await serveDestination(destination, settings, ['--json']);
  const [, { taskId, statusUrl }] = await asked.post(COPIES, copying);
  await poll(asked, statusUrl, isOver);
  const lines = jsonLines((await agent.stop()).stdout);
  const run = lines.find(({ type }) => type === 'run-started')!.run;
  expect(lines.find(({ type }) => type === 'task-ended')).toMatchObject({
    ...{ task: taskId, kind: 'copy', run, exitCode: 0, report: { run } },
  });
  expect(lines.filter(({ type }) => type === 'summary')).toEqual([lines.at(-1)]);
  expect(lines.at(-1)).toMatchObject({ exitCode: 0, run: null });
});

test('whose agent is told to stop ends in order, and is told of as cancelled', async () => {
  const { destination, served, settings, agent, asked: before, statusUrl } = await stalledCopy();
  const [, running] = await before.get(statusUrl);
  expect(await agent.stop()).toMatchObject({ code: 0 });
  const { asked } = await serveDestination(destination, { ...settings, url: served.url });
  const [, told] = await asked.get(statusUrl);
  expect(told).toMatchObject({
    status: [{ iteration: 0, state: 'CANCELLED' }],
    message: expect.stringContaining('the agent was stopped while this task ran'),
  });
  expect(Object.keys(told)).toEqual([...Object.keys(running), 'message']); // in the Sidecar's order, as before
});
