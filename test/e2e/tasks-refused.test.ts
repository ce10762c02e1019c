// What refuses a task, before it is taken on and after; wrong bodies, wrong routes, and routes of the other role.

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { jsonLines } from '../support/lm.js';
import { sandbox } from '../support/sandbox.js';
import {
  type Asked,
  asking,
  COPIES,
  isOver,
  P,
  poll,
  serveDestination,
  VERIFICATIONS,
  writeSettings,
} from '../support/tasks.js';
import { dir, readTree } from '../support/tree.js';

const copying = { maxIterations: 1, successThreshold: 1, maxConcurrency: 8 };
const verifying = { maxConcurrency: 8, digestAlgorithm: 'MD5' };
const badRequest = (message: string) => [400, { status: 'Bad Request', code: 400, message }];
const NOT_FOUND = [404, { status: 'Not Found' }];
const HOURS_AGO_S = Date.now() / 1000 - 7_200;

async function pair(more: object = {}) {
  const all = sandbox();
  const from = all.source.write('data', { ks: dir({ t: dir({ 'a.db': 'hello\n', 'b.db': 'there\n', c: '' }) }) });
  for (const name of ['a.db', 'b.db', 'c']) utimesSync(join(from, 'ks/t', name), HOURS_AGO_S, HOURS_AGO_S);
  const served = await all.source.serve([from]);
  const to = all.destination.path('data');
  const settings = { url: served.url, roots: { data: to }, ...more };
  return { ...all, from, to, served, settings, ...(await serveDestination(all.destination, settings)) };
}

async function done(asked: Asked, path: string, body: object) {
  const [status, { statusUrl, message }] = await asked.post(path, body);
  expect([status, message]).toEqual([202, undefined]);
  return poll(asked, statusUrl, isOver);
}

test('bodies, limits, ids and roles', async () => {
  const { asked, served } = await pair();
  const UNREADABLE = 'Error while decoding values, please check your request body.';
  for (const body of [
    ...['', 'no', '[]', 'null', '{}', '{"maxIterations":1'],
    ...[
      { ...copying, maxIterations: 0 },
      { ...copying, maxIterations: 1.5 },
      { ...copying, maxIterations: 2 ** 31 },
    ],
    ...[
      { ...copying, successThreshold: 1.1 },
      { ...copying, successThreshold: -0.1 },
    ],
    ...[{ ...copying, successThreshold: '1' }, { ...copying, maxConcurrency: 0 }, { maxIterations: 1 }],
  ])
    expect([body, ...(await asked.post(COPIES, body))]).toEqual([body, ...badRequest(UNREADABLE)]);
  const UNPARSED = 'Failed to parse request body, please ensure that the request is valid.';
  for (const body of [
    ...['', '{}', { ...verifying, maxConcurrency: 0 }, { ...verifying, digestAlgorithm: '' }],
    ...[{ ...verifying, digestAlgorithm: null }, { maxConcurrency: 1 }],
  ])
    expect([body, ...(await asked.post(VERIFICATIONS, body))]).toEqual([body, ...badRequest(UNPARSED)]);
  for (const path of [COPIES, VERIFICATIONS])
    expect(await asked.post(path, { ...copying, ...verifying, maxConcurrency: 21 })).toEqual(
      badRequest('max concurrency can not be more than 20'),
    );
  expect(await asked.post(VERIFICATIONS, { ...verifying, digestAlgorithm: 'sha256' })).toEqual(
    badRequest('Unsupported digest algorithm sha256'),
  );
  expect((await asked.post(COPIES, { ...copying, more: 'x'.repeat(20_000) }))[0]).toBe(413);
  expect(await asked.get(COPIES)).toEqual([200, []]); // nothing of that was a task

  const unknown = (message: string) => [404, { status: 'Not Found', code: 404, message }];
  expect(await asked.get(`${COPIES}/nope`)).toEqual(unknown('No task found with given id nope'));
  expect(await asked.patch(`${COPIES}/nope`)).toEqual(unknown('No task found with given id nope'));
  expect(await asked.get(`${VERIFICATIONS}/nope`)).toEqual(unknown('No task found with given id nope'));
  expect(await asked.patch(`${VERIFICATIONS}/nope`)).toEqual(unknown('No live migration task found with id nope'));

  const source = asking(served.url);
  for (const path of [COPIES, VERIFICATIONS]) {
    expect(await source.get(path)).toEqual(NOT_FOUND);
    expect(await source.post(path, copying)).toEqual(NOT_FOUND);
    expect(await source.get(`${path}/nope`)).toEqual(NOT_FOUND);
    expect(await source.patch(`${path}/nope`)).toEqual(NOT_FOUND);
    expect((await asked.del(path))[0]).toBe(405);
  }
  expect(await source.get('/api/v1/__health')).toEqual([200, { status: 'OK' }]);
  await done(asked, COPIES, copying);
  for (const path of ['files/data/0/ks/t/a.db', 'files/data/0/ks/t/a.db?digestAlgorithm=MD5', 'open-files'])
    expect(await asked.get(`${P}/${path}`)).toEqual(NOT_FOUND);
  const lines = await asked.get(`${P}/files`, '-H', 'Accept: application/x-ndjson'); // nobody copies from here
  expect(lines).toMatchObject([200, { files: expect.any(Array) }]);
  for (const path of ['fetch', 'digests']) expect(await asked.post(`${P}/${path}`, '{}')).toEqual(NOT_FOUND);
  expect(await asked.get(`${P}/files`, '-H', 'Host: elsewhere')).toEqual([
    500,
    expect.objectContaining({ code: 500, message: expect.stringContaining('elsewhere') }),
  ]);
  expect((await asked.get('/api/v1/__health', '-H', 'Host: elsewhere'))[0]).toBe(421);
});

test('a destination that was not given to lm fails the task, until lm.yaml gives it', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { ks: dir({ a: 'a' }) });
  const to = destination.write('data', { stranger: 'here before' });
  const settings = { url: (await source.serve([from])).url, roots: { data: to } };
  const env = { LM_ADOPT: 'true', LM_MAX_DELETE: '100%' }; // of no account: the body and lm.yaml are
  const { asked } = await serveDestination(destination, settings, [], { env });
  const refused = await done(asked, COPIES, copying);
  expect(refused.status.map(({ state }: { state: string }) => state)).toEqual(['FAILED', 'FAILED']);
  expect(refused.message).toMatch(/--adopt/);
  expect(Object.keys(await readTree(to))).toContain('stranger');
  writeSettings(destination, { ...settings, adopt: true, max_delete: '100%' });
  expect((await done(asked, COPIES, copying)).message).toBeUndefined();
  expect(await readTree(to)).toEqual(await readTree(from));
});

test('a verification reads every file, by the digest that was asked for, whatever lm.yaml says of others', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { a: 'a' });
  const roots = { data: destination.write('data', {}) };
  const { url } = await source.serve([from]);
  const { asked } = await serveDestination(destination, { url, roots, incremental: true, live: true });
  expect((await done(asked, COPIES, copying)).message).toBeUndefined();
  expect(await done(asked, VERIFICATIONS, verifying)).toMatchObject({ state: 'COMPLETED', digestAlgorithm: 'MD5' });
  const { lastVerify } = jsonLines((await destination.lm(['status', '--json'])).stdout).find(
    ({ role }) => role === 'destination',
  )!;
  expect(lastVerify.report).toMatchObject({ digestAlgorithm: 'md5', filesMatched: 1 });
  for (const name of ['by', 'proofs', 'live']) expect(lastVerify.report).not.toHaveProperty(name);
});

test('a second agent for the same directories does not begin; one for others does, at another port', async () => {
  const { destination, host, settings, to } = await pair();
  const again = ['serve', '--role', 'destination', '--insecure', '--listen', '127.0.0.2:0'];
  expect(await destination.lm(again)).toMatchObject({
    code: 9,
    stderr: expect.stringContaining('this destination has an agent already: lm serve (pid '),
  });
  const other = await serveDestination(host('other'), { ...settings, roots: { data: `${to}-2` } });
  expect((await done(other.asked, COPIES, copying)).message).toBeUndefined();
  expect(await readTree(`${to}-2`)).not.toEqual({});
});

test('settings for other directories than the agent was started for refuse it, and leave no records', async () => {
  const { destination, asked, settings, to } = await pair();
  await done(asked, COPIES, copying);
  const elsewhere = `${to}-2`;
  writeSettings(destination, { ...settings, roots: { data: elsewhere } });
  const refused = badRequest(
    expect.stringContaining(`for another migration than this agent's: data/0=${elsewhere}; start`) as unknown as string,
  );
  expect(await asked.post(COPIES, copying)).toEqual(refused);
  expect(await asked.post(VERIFICATIONS, verifying)).toEqual(refused);
  expect(existsSync(elsewhere)).toBe(false);
  writeSettings(destination, settings);
  expect((await destination.lm(['status', '--json'])).stdout).not.toContain(elsewhere);
  expect((await done(asked, VERIFICATIONS, verifying)).state).toBe('COMPLETED');
});

test('one that cannot be recorded is none, and has ended when that is said', async () => {
  const { destination, asked } = await pair();
  await done(asked, COPIES, copying);
  const state = destination.path('state');
  const [instance] = readdirSync(state).filter((name) => name.startsWith('destination-'));
  const record = join(state, instance!, 'task.json');
  rmSync(record);
  mkdirSync(record);
  for (let i = 0; i < 3; i++)
    expect(await asked.post(VERIFICATIONS, verifying)).toMatchObject([
      500,
      { message: expect.stringContaining('task.json: EISDIR') },
    ]);
});

test('settings that cannot be used refuse it before it is one', async () => {
  const { destination, agent, asked, settings } = await pair();
  writeSettings(destination, { ...settings, max_delete: 'everything' });
  expect(await asked.post(COPIES, copying)).toEqual(
    badRequest(expect.stringMatching(/^max_delete \(.*lm\.yaml:\d+\): got 'everything'/) as unknown as string),
  );
  writeSettings(destination, { roots: settings.roots });
  expect(await asked.post(COPIES, copying)).toEqual(
    badRequest(expect.stringContaining('no source URL is given') as unknown as string),
  );
  expect(await asked.post(VERIFICATIONS, verifying)).toEqual(
    badRequest(expect.stringContaining('no source URL is given') as unknown as string),
  );
  writeSettings(destination, settings);
  expect(await asked.post(VERIFICATIONS, verifying)).toEqual(
    badRequest(expect.stringContaining('there is nothing to verify') as unknown as string),
  );
  expect(await asked.get(COPIES)).toEqual([200, []]);
  const { stderr } = await agent.stop();
  expect(stderr.match(/^warning: a (copy|verification) task was refused to 127\.0\.0\.1: /gm)).toHaveLength(4);
});

describe('a service here', () => {
  const service = createServer();
  let port: number;
  beforeAll(async () => {
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
    port = (service.address() as { port: number }).port;
  });
  afterAll(() => void service.close());

  test('that runs refuses a copy, unless lm.yaml waives that', async () => {
    const { destination, asked, settings } = await pair();
    writeSettings(destination, { ...settings, guard_port: port });
    expect(await asked.post(COPIES, copying)).toEqual(
      badRequest(
        expect.stringMatching(
          new RegExp(
            `^Cannot start data copy: Cassandra is currently running on this instance.*listens on 127\\.0\\.0\\.1:${port}`,
          ),
        ) as unknown as string,
      ),
    );
    writeSettings(destination, { ...settings, guard_port: port, allow_running: true });
    expect((await done(asked, COPIES, copying)).message).toBeUndefined();
  });
});

test('to complete without a proof is taken, and said in the log and by lm status', async () => {
  const { source, destination } = sandbox();
  const served = await source.serve([source.write('data', { a: 'a' })]);
  const settings = { url: served.url, roots: { data: destination.path('data') } };
  const log = destination.path('access.log');
  const { agent, asked } = await serveDestination(destination, settings, ['--access-log', log]);
  await done(asked, COPIES, copying);
  expect((await asked.post(`${P}/status`))[0]).toBe(200);
  const { stdout } = await destination.lm(['status']);
  expect(stdout).toMatch(/completed +2\S+ by 127\.0\.0\.1, over HTTP, without a verification after it\n/);
  for (const args of [['reset'], ['instances', '--forget', /^(destination-\w+)/.exec(stdout)![1]!]])
    expect(await destination.lm(args)).toMatchObject({
      code: 9,
      stderr: expect.stringMatching(/ is in use by lm serve /),
    });
  const { stderr } = await agent.stop();
  expect(await destination.lm(['reset'])).toMatchObject({ code: 0 });
  expect(stderr).toMatch(/127\.0\.0\.1 completed this destination, without a verification after it over HTTP at 2/);
  const audits = readFileSync(log, 'utf8')
    .split('\n')
    .filter(Boolean)
    .flatMap((line) => JSON.parse(line).audit ?? []);
  expect(audits).toEqual([
    expect.stringMatching(/^began copy task /),
    'completed this destination, without a verification after it',
  ]);
});

test('what differs is counted as the Sidecar counts it', async () => {
  const { asked, from, to } = await pair();
  await done(asked, COPIES, copying);
  const about = { filesNotFoundAtSource: 0, filesNotFoundAtDestination: 0 };
  const at = (name: string): string => join(to, 'ks/t', name);
  writeFileSync(at('a.db'), 'HELLO\n');
  utimesSync(at('a.db'), HOURS_AGO_S, HOURS_AGO_S);
  expect(await done(asked, VERIFICATIONS, { maxConcurrency: 4, digestAlgorithm: 'xxHash32' })).toMatchObject({
    ...{ state: 'FAILED', digestAlgorithm: 'xxHash32', ...about, metadataMatched: 5, metadataMismatches: 0 },
    ...{ digestMismatches: 1, digestVerificationFailures: 0, filesMatched: 2 },
    message: expect.stringContaining('1 difference'),
  });
  utimesSync(at('b.db'), HOURS_AGO_S + 1, HOURS_AGO_S + 1);
  expect(await done(asked, VERIFICATIONS, verifying)).toMatchObject({
    ...{ state: 'FAILED', ...about, metadataMatched: 4, metadataMismatches: 1 },
    ...{ digestMismatches: 0, digestVerificationFailures: 0, filesMatched: 0 },
    message: expect.stringContaining('2 differences'),
  });
  appendFileSync(join(from, 'ks/t/new'), 'x');
  expect(await done(asked, VERIFICATIONS, verifying)).toMatchObject({
    ...{ state: 'FAILED', filesNotFoundAtSource: 0, filesNotFoundAtDestination: 1 },
  });
});
