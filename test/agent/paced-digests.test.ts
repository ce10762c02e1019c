// How gently an agent reads for digests: at whose limit, and at which priority.

import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { readIoPressure } from '../../src/pace/io-pressure.js';
import { FILE_REQUEST_TYPE, writeFileRequest } from '../../src/wire/file-requests.js';
import { type RangeRequest, writeFetchRequest } from '../../src/wire/frames.js';
import { type DigestLine, type DigestProgress, readDigestLines } from '../../src/wire/messages.js';
import { sample } from '../support/form.js';
import { until } from '../support/holders.js';
import { P, type RunningAgent, scratch, startAgent } from './running-agent.js';

const KIB = 1024;
const MIB = 1 << 20;

const { dir, remove } = scratch();
const root = join(dir, 'data');
mkdirSync(root);
for (const [name, bytes] of Object.entries({ small: 256 * KIB, a: MIB, b: MIB }))
  writeFileSync(join(root, name), Buffer.alloc(bytes, name));

let agent: RunningAgent;
async function start(...flags: string[]): Promise<void> {
  agent = await startAgent([root, '--state-dir', join(dir, 'state'), ...flags]);
}
afterEach(() => agent.stop('SIGKILL'));
afterAll(remove);

const ALGORITHMS = sample(2, ['xxhash32', 'xxhash64'] as const); // in lanes, and file after file

async function digest(name: string, head: object): Promise<{ status: number; lines: DigestLine[] }> {
  const { size, mtimeNs, ino } = lstatSync(join(root, name), { bigint: true });
  const body = writeFileRequest({ digestAlgorithm: 'xxhash32', ...head }, [
    ['data/0', [[name, `${size}`, `${mtimeNs}`, `${ino}`]]],
  ]);
  const { status, text } = await agent.ask(`${P}/digests`, { method: 'POST', body });
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('{"type":"seal"'));
  return { status, lines: status === 200 ? lines.flatMap(readDigestLines) : [] };
}

function hashes(name: string): Promise<unknown> {
  const { size, mtimeNs, ino } = lstatSync(join(root, name), { bigint: true });
  const dirs: RangeRequest['dirs'] = [['data/0', [[name, `${size}`, `${mtimeNs}`, `${ino}`]]]];
  const body = writeFetchRequest({ kind: 'range', seals: 'alone', offset: 0, length: Number(size), dirs });
  return agent.ask(`${P}/fetch`, { method: 'POST', body, headers: { 'content-type': FILE_REQUEST_TYPE } });
}

const isDigested = ({ lines }: { lines: DigestLine[] }): boolean => lines.some((line) => 'digest' in line);

async function secondsOf(work: Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work;
  return (performance.now() - begun) / 1000;
}

/** Generous: a busy machine makes it slower, and nothing makes it faster than by half. */
const mostIn = (seconds: number, rate: number): number => rate * seconds * 1.5;

describe.each(ALGORITHMS)('a limit that clients ask for, by %s', (digestAlgorithm) => {
  const head = { digestAlgorithm, limitRate: MIB };

  test('holds for the requests of one client together', async () => {
    await start();
    const all = ['a', 'b', 'a', 'b', 'a', 'b'].map((name) =>
      digest(name, { ...head, limitRate: 2 * MIB, client: 'one' }),
    );
    const seconds = await secondsOf(Promise.all(all));
    expect((await Promise.all(all)).every(isDigested)).toBe(true);
    expect(6 * MIB).toBeLessThanOrEqual(mostIn(seconds, 2 * MIB));
  });

  test('is what the client asked for last, also for what it reads already', async () => {
    await start();
    let isOver = false;
    const slow = digest('a', { ...head, limitRate: 1, client: 'one' }).finally(() => {
      isOver = true;
    });
    const body = writeFileRequest({ digestAlgorithm, client: 'one' }, []); // has no file, and no limit
    await until(async () => (await agent.ask(`${P}/digests`, { method: 'POST', body })).status === 200 && isOver);
    expect(isDigested(await slow)).toBe(true); // it would have taken twelve days
  });

  test('holds up no other client, limited or not', async () => {
    await start();
    let isSlowOver = false;
    const slow = digest('a', { ...head, limitRate: 1, client: 'slow' })
      .catch(() => {}) // the agent is stopped under it
      .finally(() => {
        isSlowOver = true;
      });
    const others = [
      { digestAlgorithm },
      { ...head, client: 'other' },
      { digestAlgorithm },
      { ...head, client: 'other' },
    ];
    expect((await Promise.all(others.map((other) => digest('small', other)))).map(isDigested)).toEqual(
      Array(4).fill(true),
    );
    expect(isSlowOver).toBe(false); // it would take twelve days
    await agent.stop('SIGKILL');
    await slow;
  });

  test('lets no more than a second pass without a sign of life, which says how far it is', async () => {
    await start();
    const slow = digest('small', { ...head, limitRate: 64 * KIB, client: 'one' });
    const seconds = await secondsOf(slow);
    const { lines } = await slow;
    const progress = lines.filter((line): line is DigestProgress => 'type' in line && line.type === 'progress');
    expect(256 * KIB).toBeLessThanOrEqual(mostIn(seconds, 64 * KIB));
    const bytes = progress.map((line) => line.bytes);
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
    expect(progress.length).toBeGreaterThanOrEqual(2);
    expect(bytes.at(-1)).toBeLessThanOrEqual(256 * KIB);
    expect(lines.at(-1)).toEqual({ type: 'end', files: 1 });
  });
});

test('--limit-rate holds for all clients together, and for what is sent as well', async () => {
  await start('--limit-rate', '1MiB/s');
  const seconds = await secondsOf(
    Promise.all([
      digest('a', {}),
      digest('b', { limitRate: 100 * MIB, client: 'two' }),
      agent.ask(`${P}/files/data/0/a`),
      agent.ask(`${P}/files/data/0/b?digestAlgorithm=md5`),
    ]),
  );
  expect(4 * MIB).toBeLessThanOrEqual(mostIn(seconds, MIB));
});

test.each<[string, () => Promise<unknown>]>([
  ['digests', () => digest('a', {})],
  ['digests of a client with a limit of its own', () => digest('a', { limitRate: 100 * MIB, client: 'two' })],
  ['a digest of one file', () => agent.ask(`${P}/files/data/0/b?digestAlgorithm=md5`)],
  ['hashes by which a big file is compared', () => hashes('a')],
  ['a file', () => agent.ask(`${P}/files/data/0/a`)],
])('--limit-rate holds for %s', async (_, ask) => {
  await start('--limit-rate', '2MiB/s');
  expect(3 * MIB).toBeLessThanOrEqual(mostIn(await secondsOf(Promise.all([ask(), ask(), ask()])), 2 * MIB));
});

test.each([{ limitRate: 'fast' }, { limitRate: 0 }, { limitRate: 1.5 }, { yieldToIo: true, yieldFloor: -1 }])(
  '400: %j',
  async (head) => {
    await start();
    expect((await digest('a', head)).status).toBe(400);
  },
);

test.each([
  [[], { yieldToIo: true, yieldFloor: MIB }],
  [['--yield-to-io', '--yield-floor', '1MiB/s'], {}],
])('says first how it yields: %j, %j', async (flags, head) => {
  await start(...flags);
  const { lines } = await digest('a', { ...head, client: 'one' });
  const isKnown = 'waitedUs' in readIoPressure();
  const yielding = isKnown
    ? { bytesPerSecond: expect.any(Number), pressure: expect.any(Number) }
    : { why: expect.any(String) };
  expect(lines[0]).toMatchObject({ type: 'progress', yielding });
  if (!isKnown && flags.length > 0)
    expect(await agent.says('warning')).toMatchObject({ text: expect.stringContaining('no effect') });
  expect(isDigested({ lines })).toBe(true);
});

test('digests are made at a lower priority than all else that it does', async () => {
  await start();
  const priorities = (): number[] => {
    const tasks = `/proc/${agent.child.pid}/task`;
    const stats = readdirSync(tasks).map((tid) => readFileSync(`${tasks}/${tid}/stat`, 'latin1'));
    return stats.map((stat) => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])).toSorted((a, b) => a - b); // proc(5): 19
  };
  const usual = priorities();
  const own = usual[0]!;
  expect(usual).toEqual(usual.map(() => own)); // before the first digest
  await digest('a', {});
  const lower = priorities().filter((priority) => priority !== own);
  expect(new Set(lower)).toEqual(new Set([Math.min(19, own + 10)]));
  const stat = readFileSync(`/proc/${agent.child.pid}/stat`, 'latin1');
  expect(Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])).toBe(own);
});
