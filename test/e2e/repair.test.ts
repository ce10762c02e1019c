// `lm verify --repair`: what is wrong here is fetched block by block, and verified again; what is wrong at the source is not taken.

import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  cpSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { isPartName } from '../../src/files/entry.js';
import { failingDisk } from '../support/failing-disk.js';
import { flipBit } from '../support/flip-bit.js';
import { sample } from '../support/form.js';
import { holdOpen, release } from '../support/holders.js';
import { type Agent, type JsonLine, jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, type Sandbox, sandbox } from '../support/sandbox.js';
import { settled } from '../support/settled.js';
import { dir, file, readTree, type Tree } from '../support/tree.js';

const MIB = 1024 * 1024;

let box: Sandbox;
let source: Host;
let destination: Host;
let agent: Agent;
let from: string;
let to: string;

async function begin(tree: Tree, more: (from: string) => void = () => {}): Promise<void> {
  box = sandbox();
  ({ source, destination } = box);
  from = source.write('data', tree);
  more(from);
  to = destination.write('data', {});
  await settled(from);
  agent = await source.serve([from]);
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
}

async function repair(...args: string[]) {
  const { code, stdout, stderr } = await destination.lm(['verify', '--repair', '--json', ...args]);
  const lines = jsonLines(stdout);
  const last: JsonLine = lines.at(-1)!;
  return { code, stderr, repairs: lines.filter(({ type }) => type === 'repaired'), report: last['report'], last };
}

/** Every page of a MiB is wrong then, so that all of it has to come; size and time stay. */
function spoilBlock(path: string, offset: number): void {
  const stamp = destination.path('stamp');
  execFileSync('touch', ['-r', path, '--', stamp]);
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.alloc(MIB, 'wrong'), 0, MIB, offset);
  closeSync(fd);
  execFileSync('touch', ['-r', stamp, '--', path]);
}

const parts = (): string[] => (readdirSync(to, { recursive: true }) as string[]).filter((name) => isPartName(name));

/** Of every size class; where a bit is flipped. */
const FILES: Record<string, { size: number; at: number }> = {
  one: { size: 1, at: 0 },
  small: { size: 2048, at: 2047 },
  below: { size: MIB - 1, at: 0 },
  above: { size: MIB + 1, at: MIB },
  bundled: { size: 8 * MIB - 1, at: 3 * MIB + 5 },
  big: { size: 8 * MIB + 1, at: 8 * MIB },
  huge: { size: 65 * MIB, at: 64 * MIB + 17 },
};

describe('bits flipped at rest', () => {
  test('are repaired in files of every size, by no more than the blocks that they are in', async () => {
    const files = Object.entries(FILES);
    await begin({ d: dir(Object.fromEntries(files.map(([name, { size }], seed) => [name, file({ size, seed })]))) });
    const before = await readTree(to, { directoryTimes: true });
    for (const [name, { at }] of files) flipBit(`${to}/d/${name}`, at);
    const line = await box.proxy(agent.url);
    const { code, stderr, repairs, report } = await repair(line.url);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(repairs).toHaveLength(files.length);
    for (const [name, { size, at }] of files) {
      const block = Math.floor(at / MIB) * MIB;
      const told = repairs.find(({ key }) => key === `data/0/d/${name}`);
      expect(told).toMatchObject({ was: 'digest', now: 'repaired', bytes: size, blocksAt: [block] });
      expect(told!['bytesReceived']).toBeLessThanOrEqual(Math.min(MIB, size - block));
    }
    const wrong = files.reduce((sum, [, { size, at }]) => sum + Math.min(MIB, size - Math.floor(at / MIB) * MIB), 0);
    expect(line.passed()).toBeLessThan(wrong + 64 * 1024);
    expect(report).toMatchObject({
      ...{ state: 'COMPLETED', digestMismatches: 0, filesMatched: files.length, metadataMismatches: 0, reasons: {} },
      repairs: {
        ...{ repaired: { entries: files.length }, notRepaired: 0, unfinished: 0 },
        before: { digestMismatches: files.length },
      },
    });
    expect(await readTree(to, { directoryTimes: true })).toEqual(before);
    expect(await destination.lm(['verify', '--incremental'])).toMatchObject({ code: 0 });
    expect(await destination.lm(['complete'])).toMatchObject({ code: 0 });
  });

  longTest('are repaired where the ledger tells of them, and by another digest, and satisfy complete', async () => {
    await begin({ a: file({ size: 3 * MIB, seed: 1 }), b: 'quite small' });
    expect(await destination.lm(['verify', '--incremental'])).toMatchObject({ code: 0 });
    for (const args of [['--incremental'], ['--algo', 'md5']]) {
      flipBit(`${to}/a`, MIB);
      flipBit(`${to}/b`, 3);
      expect(await repair(...args)).toMatchObject({ code: 0, report: { repairs: { repaired: { entries: 2 } } } });
      expect(await readTree(to)).toEqual(await readTree(from));
    }
    expect(await destination.lm(['report'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/repaired/) });
    expect(await destination.lm(['complete'])).toMatchObject({ code: 0 });
  });

  test('are repaired in files that nobody may write or read, which keep their modes', async () => {
    await begin({
      a: file({ content: 'readable', mode: 0o444 }),
      b: file({ content: 'nobody', mode: 0 }),
      c: 'changed',
    });
    const before = await readTree(to);
    for (const name of ['a', 'b', 'c']) flipBit(`${to}/${name}`, 1);
    chmodSync(`${to}/c`, 0o640);
    expect(await repair()).toMatchObject({
      code: 0,
      stderr: '',
      report: { metadataMismatches: 0, digestMismatches: 0 },
    });
    expect(await readTree(to)).toEqual(before);
  });

  longTest('are fetched whole from a Sidecar, which seals nothing', async () => {
    await begin({ a: file({ size: MIB + 1 }), b: 'small' });
    flipBit(`${to}/a`, MIB);
    const { url } = await box.proxy(agent.url, { asSidecar: true });
    const records = box.host('sidecar');
    const other = records.write('data', {});
    expect(await records.lm(['copy', url, other, '--algo', 'md5'].slice(0, 3))).toMatchObject({ code: 0 });
    flipBit(`${other}/a`, MIB);
    flipBit(`${other}/b`, 0);
    const { code, stdout } = await records.lm(['verify', '--repair']);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ {2}repaired +2 files, /m) });
    expect(readFileSync(`${other}/a`).equals(readFileSync(`${from}/a`))).toBe(true);
  });
});

describe('what is not for a repair', () => {
  test('is left to a copy: what is missing, or differs in size, time or kind', async () => {
    await begin({ d: dir({ gone: 'gone', size: 'size', time: 'time', wrong: 'wrong', foreign: 'x' }) });
    for (const name of ['size', 'time', 'wrong']) flipBit(`${to}/d/${name}`, 0);
    appendFileSync(`${to}/d/size`, 'more');
    writeFileSync(`${to}/d/time`, 'TIME'); // by somebody else, whose work it is
    const before = await readTree(to);
    const { code, repairs, last } = await repair();
    expect(code).toBe(4);
    expect(repairs).toMatchObject([{ key: 'data/0/d/wrong', now: 'repaired' }]);
    expect(last['next']).toMatch(/^lm copy/);
    const after = await readTree(to);
    expect({ ...after, 'd/wrong': 0 }).toEqual({ ...before, 'd/wrong': 0 });
  });

  longTest('a file with another name here, which would change with it', async () => {
    await begin({ a: 'content' });
    linkSync(`${to}/a`, destination.path('other'));
    flipBit(`${to}/a`, 0);
    const wrong = readFileSync(`${to}/a`, 'utf8');
    const { code, repairs } = await repair();
    expect({ code, repairs }).toMatchObject({
      code: 4,
      repairs: [{ now: 'not-repaired', why: expect.stringContaining('hard link') }],
    });
    expect(readFileSync(`${to}/a`, 'utf8')).toBe(wrong);
  });

  test.each(['--offline', '--live', '--sstables'])('a verification with %s', async (option) => {
    const { destination } = sandbox();
    const { code, stderr } = await destination.lm([
      'verify',
      'http://127.0.0.1:9',
      destination.write('data', {}),
      '--repair',
      option,
    ]);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('exclude each other') });
  });

  test('a destination that was not given to lm, whose service runs, or that is complete', async () => {
    await begin({ a: 'content' });
    flipBit(`${to}/a`, 0);
    const stranger = box.host('stranger');
    const there = stranger.write('data', { a: 'x' });
    const strange = await stranger.lm(['verify', agent.url, there, '--repair']);
    expect(strange).toMatchObject({ code: 6, stderr: expect.stringContaining('not given to lm') });
    expect(strange.stderr).toContain('\nerror not-adopted (6): ');
    const pid = await holdOpen(`${to}/a`);
    expect(await destination.lm(['verify', '--repair'])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining(`pid ${pid}`),
    });
    await release();
    expect(await destination.lm(['verify', '--repair', '--pre-check', 'exit 3'])).toMatchObject({ code: 6 });
    expect(readFileSync(`${to}/a`, 'utf8')).not.toBe('content');
    expect(await repair()).toMatchObject({ code: 0 });
    expect(await destination.lm(['complete'])).toMatchObject({ code: 0 });
    expect(await destination.lm(['verify', '--repair'])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('complete'),
    });
  });
});

describe('nothing is taken from a source', () => {
  const serveAgain = async (env: Record<string, string>): Promise<void> => {
    await agent.stop();
    agent = await source.serve([from], { env });
  };

  test('whose disk reads the file differently each time', async () => {
    await begin({ a: file({ size: 5000 }), b: file({ size: 2 * MIB, seed: 2 }) });
    flipBit(`${to}/a`, 77);
    const wrong = readFileSync(`${to}/a`);
    await serveAgain(failingDisk('/a', 'each-time'));
    const { code, repairs, report, last } = await repair(agent.url);
    expect({ code, repairs }).toMatchObject({
      code: 4,
      repairs: [{ key: 'data/0/a', now: 'not-repaired', bytesReceived: 0, why: expect.stringContaining('failing') }],
    });
    expect(report).toMatchObject({ digestMismatches: 1, repairs: { notRepaired: 1, wrongAtSource: 1 } });
    expect(last['next']).toMatch(/^see to the disk of the source/);
    expect(readFileSync(`${to}/a`).equals(wrong)).toBe(true);
    expect(parts()).toEqual([]);
  });

  test('that has not what it had when it was copied, by the same times: the file here may be the only good one', async () => {
    await begin({ a: file({ size: 5000 }) });
    const good = readFileSync(`${to}/a`);
    await serveAgain(failingDisk('/a', 'always'));
    const { code, repairs } = await repair(agent.url);
    expect({ code, repairs }).toMatchObject({
      code: 4,
      repairs: [
        {
          now: 'not-repaired',
          why: expect.stringMatching(/not what was copied.*the one here is as it was copied: keep it/),
        },
      ],
    });
    expect(readFileSync(`${to}/a`).equals(good)).toBe(true);
  });

  const TABLE = 'nb-big-lz4';
  const FIXTURE = fileURLToPath(new URL(`../fixtures/sstables/${TABLE}`, import.meta.url));
  const component = (name: string) => `ks/${TABLE}/nb-2-big-${name}`;
  const table = () =>
    begin({}, (to) => cpSync(FIXTURE, join(to, 'ks', TABLE), { recursive: true, preserveTimestamps: true }));

  test.each(sample(2, ['Data.db', 'Digest.crc32']))('whose SSTable is wrong by its own digest: %s', async (name) => {
    await table();
    flipBit(`${from}/${component(name)}`, 2);
    const before = await readTree(to);
    const { code, repairs, report } = await repair();
    const why = expect.stringMatching(/damaged at the source/);
    expect({ code, repairs }).toMatchObject({
      code: 4,
      repairs: [{ key: `data/0/${component(name)}`, now: 'not-repaired', why }],
    });
    if (name === 'Data.db') expect(repairs[0]!['why']).toContain('the one here is whole');
    expect(report.repairs).toMatchObject({ wrongAtSource: 1 });
    expect(await readTree(to)).toEqual(before);
  });

  longTest(
    'whose SSTable was damaged before it was copied, though its Data.db is proved and not read again',
    async () => {
      await begin({}, (from) => {
        cpSync(FIXTURE, join(from, 'ks', TABLE), { recursive: true, preserveTimestamps: true });
        flipBit(join(from, component('Data.db')), 2);
      });
      await settled(to); // or the first read proves nothing
      expect(await destination.lm(['verify', '--incremental'])).toMatchObject({ code: 0 });
      flipBit(`${to}/${component('TOC.txt')}`, 2);
      const { code, repairs } = await repair('--incremental');
      const why = expect.stringMatching(/damaged at the source/);
      expect({ code, repairs }).toMatchObject({ code: 4, repairs: [{ now: 'not-repaired', why }] });
    },
  );

  longTest('but from one whose SSTable is whole', async () => {
    await table();
    for (const name of ['Data.db', 'Digest.crc32', 'TOC.txt']) flipBit(`${to}/${component(name)}`, 2);
    expect(await repair()).toMatchObject({ code: 0, report: { repairs: { repaired: { entries: 3 } } } });
    expect(await destination.lm(['verify', '--sstables'])).toMatchObject({ code: 0 });
  });
});

describe('a source that changes', () => {
  longTest('before anything is taken: the file here stays as it was', async () => {
    await begin({ a: file({ size: 2 * MIB }) });
    flipBit(`${to}/a`, 0);
    const wrong = readFileSync(`${to}/a`);
    const change = `test -e ${box.dir}/again && echo more >> ${from}/a; touch ${box.dir}/again`; // it runs before the listing, and before the repair
    const { code, repairs } = await repair('--pre-check', change);
    expect({ code, repairs }).toMatchObject({ code: 4, repairs: [{ now: 'not-repaired' }] });
    expect(readFileSync(`${to}/a`).equals(wrong)).toBe(true);
    expect(parts()).toEqual([]);
  });

  test('while blocks are taken: the file stays a part, and the next copy goes on with it', async () => {
    await begin({ a: file({ size: 20 * MIB }) });
    for (let at = 0; at < 20 * MIB; at += MIB) spoilBlock(`${to}/a`, at); // more than one request patches
    const line = await box.proxy(agent.url, { bytesPerSecond: 8 * MIB });
    const running = destination.start(['verify', line.url, '--repair', '--json']);
    await line.hasPassed(8 * MIB);
    appendFileSync(`${from}/a`, 'more');
    const { code, stdout } = await running.done;
    const told = jsonLines(stdout);
    expect(code).toBe(4);
    expect(told.filter(({ type }) => type === 'repaired')).toMatchObject([{ now: 'unfinished', key: 'data/0/a' }]);
    expect(told.at(-1)).toMatchObject({ report: { filesNotFoundAtDestination: 1, digestMismatches: 0 } });
    expect(parts()).toHaveLength(1);
    await settled(from);
    expect(await destination.lm(['complete'])).toMatchObject({ code: 6 });
    expect(await destination.lm(['copy', agent.url])).toMatchObject({ code: 0 });
    expect(await readTree(to)).toEqual(await readTree(from));
  });
});

describe('an interrupted repair', () => {
  const interrupted = async (): Promise<void> => {
    await begin({ a: file({ size: 20 * MIB }), b: 'b' });
    for (const at of [0, 9 * MIB]) spoilBlock(`${to}/a`, at);
    const line = await box.proxy(agent.url, { bytesPerSecond: 2 * MIB });
    const running = destination.start(['verify', line.url, '--repair']);
    await line.hasPassed(1.5 * MIB);
    running.kill('SIGKILL');
    await running.done;
    expect(parts()).toHaveLength(1);
    expect(() => lstatSync(`${to}/a`)).toThrow('ENOENT');
  };

  test('leaves a part, without which nothing is complete, and the next repair goes on', async () => {
    await interrupted();
    expect(await destination.lm(['complete'])).toMatchObject({ code: 6 });
    const { code, repairs, report } = await repair(agent.url);
    expect({ code, repairs }).toMatchObject({
      code: 0,
      repairs: [{ was: 'unfinished', now: 'repaired', key: 'data/0/a' }],
    });
    expect(repairs[0]!['bytesReceived']).toBeLessThanOrEqual(2 * MIB);
    expect(report).toMatchObject({ filesNotFoundAtDestination: 0, filesMatched: 2 });
    expect(await readTree(to)).toEqual(await readTree(from));
    expect(await destination.lm(['complete'])).toMatchObject({ code: 0 });
  });

  longTest('by a signal: what was repaired before, and is not verified, is told, and how to go on', async () => {
    await begin({ a: 'content', b: file({ size: 20 * MIB }) });
    flipBit(`${to}/a`, 0);
    for (let at = 0; at < 20 * MIB; at += MIB) spoilBlock(`${to}/b`, at);
    const line = await box.proxy(agent.url, { bytesPerSecond: 2 * MIB });
    const running = destination.start(['verify', line.url, '--repair']);
    await line.hasPassed(2 * MIB);
    running.kill('SIGTERM');
    const { code, stderr } = await running.done;
    expect({ code, stderr }).toMatchObject({
      code: 143,
      stderr: expect.stringMatching(
        /^warning: 1 file had been repaired.*\n {2}data\/0\/a\n.*lm verify --incremental --repair goes/ms,
      ),
    });
    expect(await destination.lm(['verify', agent.url, '--incremental', '--repair'])).toMatchObject({ code: 0 });
    expect(await readTree(to)).toEqual(await readTree(from));
  });

  longTest('leaves a part that the next copy goes on with', async () => {
    await interrupted();
    const line = await box.proxy(agent.url);
    expect(await destination.lm(['copy', line.url])).toMatchObject({ code: 0 });
    expect(line.passed()).toBeLessThan(3 * MIB);
    expect(await readTree(to)).toEqual(await readTree(from));
  });
});
