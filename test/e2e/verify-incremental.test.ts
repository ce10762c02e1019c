// `lm verify --incremental`: what an earlier read has proved is not read again, and whatever a validator shows to have changed is.

import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { type ProvedFile, provedFiles } from '../../src/state/ledger/reader.js';
import { openLedgerWriter } from '../../src/state/ledger/writer.js';
import { flipBit } from '../support/flip-bit.js';
import { sample } from '../support/form.js';
import { type Agent, type JsonLine, jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { settled } from '../support/settled.js';
import { dir, file } from '../support/tree.js';

const MIB = 1024 * 1024;
const BIG = 2 * MIB + 5;

let source: Host;
let destination: Host;
let agent: Agent;
let from: string;
let to: string;

beforeEach(async () => {
  ({ source, destination } = sandbox());
  const big = Object.fromEntries(
    ['first', 'end', 'start', 'last'].map((name, seed) => [name, file({ size: BIG, seed })]),
  );
  const tree = {
    ks: dir({ t: dir({ ...big, small: file({ size: 3000 }), one: '1', empty: '' }), u: dir({ x: 'x' }) }),
  };
  from = source.write('data', tree);
  to = destination.write('data', {});
  await settled(from);
  agent = await source.serve([from]);
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  await settled(from, to);
});

const ALL = { entries: 8, bytes: 4 * BIG + 3000 + 2 };
const NONE = { entries: 0, bytes: 0 };

async function verified(...args: string[]) {
  const { code, stdout, stderr } = await destination.lm(['verify', '--json', ...args]);
  const lines = jsonLines(stdout);
  const differences = lines.filter((line) => line.type === 'difference');
  const { report, message }: JsonLine = lines.at(-1)!;
  return { code, differences, report, proofs: report?.proofs, message, stderr };
}

const incremental = (...args: string[]) => verified('--incremental', ...args);

/** The name of the records' directory. */
const records = (): string => destination.path('state', readdirSync(destination.stateDir)[0]!);

test('what was read is proved: the next one reads nothing, and says so everywhere', async () => {
  const first = await incremental();
  expect(first).toMatchObject({
    code: 0,
    report: { state: 'COMPLETED', by: 'incremental' },
    proofs: { earlier: NONE, readHere: ALL, readAtSource: NONE, lost: { entries: 0 } },
  });
  const second = await incremental();
  expect(second).toMatchObject({
    code: 0,
    message: 'all 11 entries match, 8 files by xxhash64-blocks, 8 of them proved by earlier reads',
    report: { filesMatched: 8, metadataMatched: 11 },
    proofs: { earlier: ALL, readHere: NONE, readAtSource: NONE, lost: { entries: 0 } },
  });
  const { stdout } = await destination.lm(['verify', '--incremental']);
  expect(stdout).toMatch(/^ {2}proved before +8 files, 8\.0 MiB; the oldest proof is of 20\S+Z, \d\S* ?s ago$/m);
  expect(stdout).toMatch(/^ {2}read now +0 files, 0 B here, 0 files, 0 B at the source$/m);
  const { stdout: status } = await destination.lm(['status']);
  expect(status).toMatch(/^ {2}verified +yes: .*; incrementally, with proofs back to 20\S+Z, /m);
  expect(status).toMatch(/^ {2}proofs +8 files read back, 0 only received, 8\.0 MiB$/m);
  const complete = await destination.lm(['complete', '--json']);
  expect(complete).toMatchObject({ code: 0 });
  const { verification } = jsonLines(complete.stdout).at(-1)!;
  expect(verification).toMatchObject({ by: 'incremental', oldestMs: second.proofs.oldestMs });
});

test('a full verification proves too what a copy has hashed on its way, by whatever digest', async () => {
  expect(await incremental()).toMatchObject({ code: 0 });
  for (const name of ['t/first', 't/small', 'u/x']) chmodSync(`${to}/ks/${name}`, 0o644); // new ctimes here
  await settled(to);
  expect(await verified('--algo', 'md5')).toMatchObject({ code: 0 });
  expect(await incremental()).toMatchObject({ code: 0, proofs: { earlier: ALL, readHere: NONE, readAtSource: NONE } });
});

longTest(
  'a full verification, which has one digest for a block, names the files in it that differ, and no others',
  async () => {
    for (const side of [from, to]) {
      const flip = () => ['small', 'one'].forEach((name) => void flipBit(`${side}/ks/t/${name}`, 0));
      flip();
      await settled(side);
      const { code, differences, report } = await verified('--algo', 'xxhash64');
      expect({ code, keys: differences.map(({ key }) => key).sort() }).toEqual({
        code: 4,
        keys: ['data/0/ks/t/one', 'data/0/ks/t/small'],
      });
      expect(report).toMatchObject({ filesMatched: 6, digestMismatches: 2, digestVerificationFailures: 0 });
      expect(await incremental()).toMatchObject({ code: 4 });
      flip();
      await settled(side);
    }
    expect(await verified('--algo', 'xxhash64')).toMatchObject({ code: 0, report: { filesMatched: 8 } });
    const manifest = destination.path('manifest');
    expect(await destination.lm(['report', '--manifest', manifest])).toMatchObject({ code: 0 });
    expect(readFileSync(manifest, 'utf8').split('\n')).toHaveLength(9);
  },
);

test('a file of which the ctime alone has changed is read there alone, and the cause is told', async () => {
  await incremental();
  for (const [i, side] of [from, to].entries()) {
    const path = `${side}/ks/t/${['first', 'last'][i]}`;
    execFileSync('ln', [path, `${side}/../link`]);
    rmSync(`${side}/../link`);
  }
  await settled(from, to);
  const one = { entries: 1, bytes: BIG };
  expect(await incremental()).toMatchObject({
    code: 0,
    proofs: { readHere: one, readAtSource: one, lost: { entries: 2, byCtime: { here: 1, atSource: 1 } } },
  });
  const { stdout } = await destination.lm(['status']);
  expect(stdout).toContain(
    'lost by the last verification: 2 files, 4.0 MiB: only the inode has changed of 1 at the source and 1 here, as by a snapshot,',
  );
  expect(await incremental()).toMatchObject({ code: 0, proofs: { earlier: ALL, readHere: NONE, readAtSource: NONE } });
});

/** Where a bit is flipped, and the block that is named. */
const POSITIONS: [name: string, offset: number, block: number][] = [
  ['first', 0, 0],
  ['end', MIB - 1, 0], // of a block
  ['start', MIB, MIB],
  ['last', BIG - 1, 2 * MIB],
  ['small', 1500, 0],
  ['one', 0, 0],
];

test('bits that are flipped at rest, with size and time as before, are found at either end and named with their blocks', async () => {
  expect(await incremental()).toMatchObject({ code: 0 });
  const named = POSITIONS.map(([name, , block]) =>
    expect.objectContaining({ key: `data/0/ks/t/${name}`, reason: 'digest', blocksAt: [block] }),
  );
  for (const side of [from, to]) {
    const flip = () => POSITIONS.forEach(([name, offset]) => void flipBit(`${side}/ks/t/${name}`, offset));
    flip();
    await settled(side);
    for (const again of [false, true]) {
      const { code, differences } = await incremental();
      expect({ side, again, code, differences }).toMatchObject({ code: 4, differences: expect.arrayContaining(named) });
      expect(differences).toHaveLength(POSITIONS.length);
    }
    flip();
    await settled(side);
    expect(await incremental()).toMatchObject({ code: 0 });
  }
});

longTest('a mismatch names its blocks for people', async () => {
  flipBit(`${to}/ks/t/last`, MIB);
  flipBit(`${to}/ks/t/last`, 2 * MIB);
  const { code, stdout } = await destination.lm(['verify', '--incremental']);
  expect(code).toBe(4);
  expect(stdout).toMatch(
    /^differs {2}digest {2}source [0-9a-f]{16}, destination [0-9a-f]{16}, from byte 1048576 \(MiB 1, 2\): data\/0\/ks\/t\/last$/m,
  );
  expect(stdout).toMatch(/^next: lm verify --incremental --repair, /m);
});

/** The ledger becomes a delta: as after a verification whose end was never written. */
function asDelta(): void {
  const { source: there } = JSON.parse(readFileSync(`${records()}/identity.json`, 'utf8'));
  const writer = openLedgerWriter(records(), there.agentId);
  for (const { dir: at, name, proof } of provedFiles(records(), there.agentId)) writer.add(at, name, proof);
  writer.close();
  rmSync(`${records()}/ledger.jsonl`);
}

longTest(
  'a file here that no time shows to have changed, and that is not as it was written, is said to be altered by the disk',
  async () => {
    await incremental();
    const { source: there } = JSON.parse(readFileSync(`${records()}/identity.json`, 'utf8'));
    const [{ proof }] = [...provedFiles(records(), there.agentId)].filter(({ name }) => name === 'last') as [
      ProvedFile,
    ];
    const blocks = proof.blocks.slice();
    blocks[8 + 3]! ^= 1; // of the second MiB
    const writer = openLedgerWriter(records(), there.agentId);
    writer.add('data/0/ks/t', 'last', { ...proof, blocks, proved: 'received' });
    writer.close();
    const { code, stdout } = await destination.lm(['verify', '--incremental']);
    expect(code).toBe(4);
    expect(stdout).toMatch(
      /, from byte 1048576 \(MiB 1\), unchanged times: the disk or memory altered it: data\/0\/ks\/t\/last$/m,
    );
  },
);

describe('the ledger', () => {
  test.each(sample(2, ['ledger.jsonl', 'ledger.new.jsonl']))(
    'a bit that is flipped in %s costs reading, and no verdict is wrong',
    async (name) => {
      await incremental();
      if (name === 'ledger.new.jsonl') asDelta();
      const path = `${records()}/${name}`;
      const bytes = readFileSync(path);
      for (const at of [1, Math.floor(bytes.length / 3), Math.floor(bytes.length / 2), bytes.length - 3]) {
        rmSync(`${records()}/ledger.jsonl`, { force: true });
        const damaged = Buffer.from(bytes);
        damaged[at]! ^= 1;
        writeFileSync(path, damaged, { mode: 0o600 });
        const { code, report } = await incremental();
        expect({ at, code, report }).toMatchObject({ at, code: 0, report: { filesMatched: 8 } });
      }
      flipBit(`${to}/ks/t/first`, 7);
      await settled(to);
      rmSync(`${records()}/ledger.jsonl`, { force: true });
      writeFileSync(path, bytes, { mode: 0o600 });
      expect(await incremental()).toMatchObject({ code: 4, differences: [{ key: 'data/0/ks/t/first' }] });
    },
  );

  longTest('is not needed', async () => {
    await incremental();
    rmSync(`${records()}/ledger.jsonl`);
    expect(await incremental()).toMatchObject({ code: 0, proofs: { earlier: NONE, readHere: ALL, readAtSource: ALL } });
  });
});

test('metadata is compared in full, and files that are gone, new or of another time are told', async () => {
  await incremental();
  writeFileSync(`${from}/ks/u/new`, 'new');
  rmSync(`${to}/ks/t/one`);
  utimesSync(`${to}/ks/u/x`, 1, 1);
  expect(await incremental()).toMatchObject({
    code: 4,
    differences: expect.arrayContaining(
      [
        { key: 'data/0/ks/u/new', reason: 'not-found-at-destination' },
        { key: 'data/0/ks/t/one', reason: 'not-found-at-destination' },
        { key: 'data/0/ks/u/x', reason: 'mtime' },
      ].map((one) => expect.objectContaining(one)),
    ),
  });
});

longTest('it takes no Sidecar', async () => {
  const box = sandbox();
  const proxy = await box.proxy(agent.url, { asSidecar: true });
  const refused = await destination.lm(['verify', '--incremental', proxy.url, to]);
  expect(refused).toMatchObject({
    code: 6,
    stderr: expect.stringContaining('is a Sidecar, which cannot tell which of its files'),
  });
});

longTest('a settings file may name a digest, for other verifications', async () => {
  expect(await destination.lm(['verify', '--incremental'], { env: { LM_ALGO: 'md5' } })).toMatchObject({ code: 0 });
});
