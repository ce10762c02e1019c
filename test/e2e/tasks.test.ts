// The guide's walkthrough with curl, from the first copy to the end of the migration, document by document.

import { appendFileSync, truncateSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';
import { asking, COPIES, isOver, P, poll, serveDestination, VERIFICATIONS, writeSettings } from '../support/tasks.js';
import { dir, readTree } from '../support/tree.js';

const UUID_1 = /^[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const HOURS_AGO_S = Date.now() / 1000 - 7_200;

const migration_map = { '127.0.0.1': '127.0.0.2' };
const unknown = { totalSize: -1, totalFiles: -1, bytesToDownload: -1, filesToDownload: -1 };
const none = { filesDownloaded: 0, downloadFailures: 0, bytesDownloaded: 0 };

test('a migration by curl alone', async () => {
  const { source, destination } = sandbox();
  const data = source.write('data', {
    ks: dir({ 't-0a1b': dir({ 'nb-1-big-Data.db': 'hello\n', empty: '' }) }),
  });
  const commitlog = source.write('commitlog', { 'CommitLog-7-1731000000000.log': '' });
  truncateSync(join(commitlog, 'CommitLog-7-1731000000000.log'), 33_554_432);
  for (const path of ['nb-1-big-Data.db', 'empty'].map((name) => join(data, 'ks/t-0a1b', name)))
    utimesSync(path, HOURS_AGO_S, HOURS_AGO_S);
  writeSettings(source, {
    roots: { data, commitlog },
    live_migration: { migration_map },
  });
  const served = await source.serve(['--host', '127.0.0.1']);
  const from = asking(served.url);
  const settings = {
    url: served.url,
    roots: { data: destination.path('data'), commitlog: destination.path('commitlog') },
    guard_port: 19_942,
    live_migration: { migration_map },
  };
  const { agent, asked: to } = await serveDestination(destination, settings, ['--host', '127.0.0.2']);
  const port = Number(new URL(served.url).port);
  const about = { source: '127.0.0.1', port };

  for (const asked of [from, to]) {
    expect(await asked.get('/api/v1/__health')).toEqual([200, { status: 'OK' }]);
    expect(await asked.get(`${P}/status`)).toEqual([200, { state: 'NOT_COMPLETED', endTime: null }]);
  }
  const elsewhere = await to.get(`${P}/status`, '-H', 'Host: 127.0.0.1:9043'); // the source's name
  expect(elsewhere).toMatchObject([500, { status: 'Internal Server Error', code: 500 }]);
  expect((await to.get(`${P}/status`, '-H', 'Host: localhost:9043'))[0]).toBe(200); // as through a tunnel
  const [, listed] = await from.get(`${P}/files`);
  expect(listed.totalSize).toBe(33_554_438);
  expect(await to.get(`${P}/files`)).toEqual([200, { files: [], totalSize: 0 }]);
  expect(await to.get(COPIES)).toEqual([200, []]);
  expect(await to.get(VERIFICATIONS)).toEqual([200, []]);

  // The first copies, of a source that lives.
  const copying = { maxIterations: 2, successThreshold: 0.5, maxConcurrency: 8 };
  const [created, { taskId, statusUrl }] = await to.post(COPIES, copying);
  expect([created, taskId, statusUrl]).toEqual([202, expect.stringMatching(UUID_1), `${COPIES}/${taskId}`]);
  const all = { totalSize: 33_554_438, totalFiles: 5 };
  const copied = await poll(to, statusUrl, isOver);
  expect(copied).toEqual({
    ...{ taskId, ...about, ...copying },
    status: [
      {
        ...{ iteration: 0, state: 'DOWNLOAD_COMPLETE', ...all, bytesToDownload: 33_554_438, filesToDownload: 5 },
        ...{ filesDownloaded: 5, downloadFailures: 0, bytesDownloaded: 33_554_438 },
      },
      { iteration: 1, state: 'SUCCESS', ...all, bytesToDownload: -1, filesToDownload: -1, ...none },
    ],
  });
  expect(await to.get(COPIES)).toEqual([200, [copied]]);

  // The final pass, once the service has stopped.
  appendFileSync(join(data, 'ks/t-0a1b/nb-1-big-Data.db'), 'more\n');
  utimesSync(join(data, 'ks/t-0a1b/nb-1-big-Data.db'), HOURS_AGO_S, HOURS_AGO_S);
  const [, last] = await to.post(COPIES, { ...copying, successThreshold: 1.0 });
  expect(await poll(to, last.statusUrl, isOver)).toMatchObject({
    successThreshold: 1,
    status: [{ state: 'DOWNLOAD_COMPLETE', filesToDownload: 1, bytesDownloaded: 11 }, { state: 'SUCCESS' }],
  });
  expect(await readTree(destination.path('data'))).toEqual(await readTree(data));
  expect((await to.get(`${P}/files`))[1].files.length).toBe(5);

  const [verifying, { taskId: id, statusUrl: verificationUrl }] = await to.post(VERIFICATIONS, {
    ...{ maxConcurrency: 8, digestAlgorithm: 'MD5' },
  });
  expect([verifying, verificationUrl]).toEqual([202, `${VERIFICATIONS}/${id}`]);
  expect(await poll(to, verificationUrl, isOver)).toEqual({
    ...{ id, digestAlgorithm: 'MD5', state: 'COMPLETED', ...about },
    ...{ filesNotFoundAtSource: 0, filesNotFoundAtDestination: 0, metadataMatched: 5, metadataMismatches: 0 },
    ...{ digestMismatches: 0, digestVerificationFailures: 0, filesMatched: 3 },
  });
  expect(await to.get(COPIES)).toEqual([200, []]); // the one task is a verification now
  expect(await to.get(`${COPIES}/${id}`)).toEqual([
    404,
    { status: 'Not Found', code: 404, message: `Task ${id} is not a data copy task` },
  ]);

  // Complete, on both sides.
  for (const asked of [to, from]) {
    const [status, document] = await asked.post(`${P}/status`);
    expect([status, document]).toEqual([200, { state: 'COMPLETED', endTime: expect.any(Number) }]);
    expect(await asked.get(`${P}/status`)).toEqual([200, document]);
    expect(await asked.post(`${P}/status`)).toEqual([
      400,
      { status: 'Bad Request', code: 400, message: 'Live migration marked as COMPLETED earlier.' },
    ]);
    expect(await asked.del(`${P}/status`)).toEqual([403, { status: 'Forbidden' }]);
  }
  expect(await to.post(COPIES, copying)).toEqual([400, { status: 'Bad Request' }]);
  expect(await to.post(VERIFICATIONS, { maxConcurrency: 8, digestAlgorithm: 'MD5' })).toEqual([
    400,
    { status: 'Bad Request' },
  ]);
  expect((await to.get(VERIFICATIONS))[1]).toMatchObject([{ id, state: 'COMPLETED' }]);
  expect(await from.get(`${P}/files/data/0/ks/t-0a1b/nb-1-big-Data.db`)).toEqual([400, { status: 'Bad Request' }]);

  // The pair is taken out of the map, and the agent started anew.
  expect(await agent.stop()).toMatchObject({ code: 0 });
  const { live_migration: _, ...unmapped } = settings;
  const { asked: after } = await serveDestination(destination, unmapped);
  expect(await after.get(VERIFICATIONS)).toMatchObject([200, [{ id, state: 'COMPLETED' }]]);
  expect(await after.del(`${P}/status`)).toEqual([200, { status: 'OK' }]);
  expect(await after.get(`${P}/status`)).toEqual([200, { state: 'NOT_COMPLETED', endTime: null }]);
});

test('a source that cannot be reached', async () => {
  const { source, destination } = sandbox();
  const gone = await source.serve([source.write('data', { a: 'a' })]);
  await gone.stop();
  const settings = { url: gone.url, roots: { data: destination.path('data') }, retry_for: '0s' };
  const { asked } = await serveDestination(destination, settings);
  const [status, { statusUrl }] = await asked.post(COPIES, {
    ...{ maxIterations: 2, successThreshold: 1, maxConcurrency: 8 },
  });
  expect(status).toBe(202);
  const { status: passes, message } = await poll(asked, statusUrl, isOver);
  expect(passes).toEqual([
    { iteration: 0, state: 'FAILED', ...unknown, ...none },
    { iteration: 2, state: 'FAILED', ...unknown, ...none }, // nothing more will come
  ]);
  expect(message).toMatch(/ECONNREFUSED|cannot be reached|unreachable/);
});

test('from a Sidecar', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', { ks: dir({ t: dir({ 'a+b.db': 'hello\n', empty: '' }) }) });
  const served = await source.serve([from]);
  const sidecar = await proxy(served.url, { asSidecar: true });
  const settings = { url: sidecar.url, roots: { data: destination.path('data') } };
  const { asked } = await serveDestination(destination, settings);
  const over = async (path: string, body: object) => {
    const [status, { statusUrl }] = await asked.post(path, body);
    expect(status).toBe(202);
    return poll(asked, statusUrl, isOver);
  };
  const copied = await over(COPIES, { maxIterations: 2, successThreshold: 1, maxConcurrency: 8 });
  expect(copied.status.at(-1).state).toBe('SUCCESS');
  for (const digestAlgorithm of ['MD5', 'XXHash32'])
    expect(await over(VERIFICATIONS, { maxConcurrency: 8, digestAlgorithm })).toMatchObject({
      ...{ state: 'COMPLETED', digestAlgorithm, metadataMatched: 4, filesMatched: 2 },
    });
  expect(await over(VERIFICATIONS, { maxConcurrency: 8, digestAlgorithm: 'XXHash64' })).toMatchObject({
    ...{ state: 'FAILED', metadataMatched: 0, message: expect.stringContaining('which cannot compute xxhash64') },
  });
});
