// `lm verify --offline`: the source is gone, and what is here is read again and held against the hashes that were kept.

import { chmodSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { beforeEach, expect, test } from '@jest/globals';
import { flipBit } from '../support/flip-bit.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { settled } from '../support/settled.js';
import { dir, file, link } from '../support/tree.js';

const MIB = 1024 * 1024;
const BIG = 2 * MIB + 5;

let source: Host;
let destination: Host;
let from: string;
let to: string;

beforeEach(async () => {
  const box = sandbox();
  ({ source, destination } = box);
  from = source.write('data', {
    lost: dir({ x: 'x', y: 'y' }),
    ks: dir({ t: dir({ big: file({ size: BIG }), small: 'small', empty: '', gone: 'g', time: 't' }), link: link('t') }),
    top: 'top',
  });
  to = destination.write('data', {});
  await settled(from);
  const agent = await source.serve([from]);
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  rmSync(`${from}/lost`, { recursive: true }); // a copy removes it here, and it is not missed
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
  expect(await destination.lm(['verify', '--incremental'])).toMatchObject({ code: 0 });
  await agent.stop();
});

async function offline() {
  const { code, stdout, stderr } = await destination.lm(['verify', '--offline', '--json']);
  const lines = jsonLines(stdout);
  const differences = lines.filter((line) => line.type === 'difference');
  return { code, differences, ...lines.at(-1)!, stderr };
}

test('what is as it was is read whole, whatever its ctime, and completes nothing', async () => {
  chmodSync(`${to}/ks/t/big`, 0o600);
  expect(await offline()).toMatchObject({
    code: 0,
    differences: [],
    message: '6 files hold what was hashed of them',
    report: {
      state: 'COMPLETED',
      by: 'offline',
      filesMatched: 6,
      proofs: { readHere: { entries: 6, bytes: BIG + 10 }, readAtSource: { entries: 0 }, notInLedger: { entries: 0 } },
    },
  });
  const { stdout } = await destination.lm(['verify', '--offline']);
  expect(stdout).toMatch(/^ {2}read now +6 files, 2\.0 MiB here.*; the oldest proof is of 20\S+Z, \d\S* ?s ago$/m);
});

longTest('it completes no migration', async () => {
  rmSync(`${to}/ks/t/gone`);
  expect(await offline()).toMatchObject({ code: 4 });
  writeFileSync(`${to}/ks/t/gone`, 'g');
  expect(await destination.lm(['complete'])).toMatchObject({
    code: 6,
    stderr: expect.stringContaining('the last verification was one of this side alone'),
  });
});

test('what has changed is named: contents with their block, also where no time tells it, and what is missing', async () => {
  flipBit(`${to}/ks/t/big`, MIB);
  rmSync(`${to}/ks/t/gone`);
  utimesSync(`${to}/ks/t/time`, 1, 1);
  writeFileSync(`${to}/top`, 'longer than it was');
  const found = await offline();
  expect(found).toMatchObject({
    code: 4,
    report: { filesNotFoundAtDestination: 1, metadataMismatches: 2, digestMismatches: 1, filesMatched: 3 },
  });
  const named = found.differences.map(({ key, reason, blocksAt }) => ({ key, reason, ...(blocksAt && { blocksAt }) }));
  expect(named).toHaveLength(5);
  expect(named).toEqual(
    expect.arrayContaining([
      { key: 'data/0/ks/t/big', reason: 'digest', blocksAt: [MIB] },
      { key: 'data/0/ks/t/gone', reason: 'not-found-at-destination' },
      { key: 'data/0/ks/t/time', reason: 'mtime' },
      { key: 'data/0/top', reason: 'size' },
      { key: 'data/0/top', reason: 'mtime' },
    ]),
  );
  expect(await offline()).toMatchObject({ code: 4, report: { digestMismatches: 1 } }); // what tells it is kept
});

test('files of which nothing is kept are counted and named, and then nothing is proved', async () => {
  writeFileSync(`${to}/ks/new`, 'new');
  expect(await offline()).toMatchObject({
    code: 6,
    message: 'no hash is kept of 1 file here, so nothing is proved; the others match',
    report: { state: 'FAILED', filesMatched: 6, proofs: { notInLedger: { entries: 1, first: ['data/0/ks/new'] } } },
  });
});

longTest('without a ledger it refuses before anything is read, and leaves a verification as it is', async () => {
  expect((await destination.lm(['status'])).stdout).toMatch(/^ {2}verified +yes/m);
  rmSync(`${destination.stateDir}/${readdirSync(destination.stateDir)[0]}/ledger.jsonl`);
  expect(await destination.lm(['verify', '--offline'])).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(
      /no hash is kept of any file here(.*\n)*error no-proof \(6\): a verification changes nothing\n/,
    ),
  });
  expect((await destination.lm(['status'])).stdout).toMatch(/^ {2}verified +yes/m);
});

longTest('damage to a ledger is not merged away', async () => {
  writeFileSync(`${from}/ks/t/new`, 'new');
  await settled(from);
  const agent = await source.serve([from]);
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 }); // leaves what is to be merged
  await agent.stop();
  const ledger = `${destination.stateDir}/${readdirSync(destination.stateDir)[0]}/ledger.jsonl`;
  flipBit(ledger, readFileSync(ledger).indexOf('["top"') + 10);
  rmSync(`${to}/top`);
  const expected = { code: 6, message: expect.stringMatching(/^the ledger is not whole/) };
  expect(await offline()).toMatchObject(expected);
  expect(await offline()).toMatchObject(expected);
  const again = await source.serve([from]);
  expect(await destination.lm(['verify', '--incremental', again.url])).toMatchObject({ code: 4 }); // merges the damage away
  await again.stop();
  expect(await offline()).toMatchObject(expected);
});

test('a damaged line of the ledger may be that of a file that is missing, so nothing is proved', async () => {
  const ledger = `${destination.stateDir}/${readdirSync(destination.stateDir)[0]}/ledger.jsonl`;
  const ofTop = readFileSync(ledger).indexOf('["top"');
  flipBit(ledger, ofTop + 10);
  rmSync(`${to}/top`);
  const expected = {
    code: 6,
    message: expect.stringMatching(/^the ledger is not whole, .*; 5 files hold what was hashed of them$/),
    report: { state: 'FAILED', proofs: { ledgerFault: expect.stringContaining('damaged at line') } },
  };
  expect(await offline()).toMatchObject(expected);
  expect(await offline()).toMatchObject(expected);
});
