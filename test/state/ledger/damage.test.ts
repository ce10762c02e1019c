// What becomes of a ledger and its delta that are cut anywhere, or changed in any bit: proofs may be lost, and that is said, but none is wrong
// and none comes back that was dropped or corrected.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Proof } from '../../../src/files/proof.js';
import { readTotals } from '../../../src/state/ledger/ledger-file.js';
import { mergeLedger } from '../../../src/state/ledger/merge.js';
import { openLedgerWriter } from '../../../src/state/ledger/writer.js';
import { LONG } from '../../support/form.js';
import { claimOf, type Deed, ID, instanceDir, MIB, perform, proof, readAll, removeInstanceDirs } from './world.js';

const KEYS = [
  ['data/0', 'd'],
  ['data/0/t', 'a'],
  ['data/0/t', 'b'],
  ['data/0/t', 'c'],
  ['data/0/t', 'd'],
  ['data/0/u', 'a'],
  ['data/0/u', 'b'],
] as const;
const SIZE = 2 * MIB + 1;
const block = (dir: string, ...names: string[]) =>
  claimOf(
    dir,
    names.map((name) => ({ name, state: 1, size: SIZE })),
  );
const BLOCKS = [block('data/0', 'd'), block('data/0/t', 'a', 'b'), block('data/0/u', 'a')];

const OLD: Deed[] = [
  ...KEYS.slice(0, -1).map(([dir, name]): Deed => ({ type: 'add', dir, name, proof: proof('direct', { size: SIZE }) })),
  ...BLOCKS.map((one): Deed => ({ type: 'claim', block: one })),
];

/** In which a file has rotted, others were proved to hold something else, one is new and one was written again. */
const NEW: Deed[] = [
  { type: 'add', dir: 'data/0/u', name: 'b', proof: proof('direct', { contents: 9 }) },
  { type: 'add', dir: 'data/0/t', name: 'd', proof: proof('received', { state: 2, contents: 2 }) },
  { type: 'drop', dir: 'data/0/t', name: 'c' },
  { type: 'add', dir: 'data/0/u', name: 'a', proof: proof('cached', { contents: 3, size: SIZE }) },
  { type: 'add', dir: 'data/0/u', name: 'b', proof: proof('direct') },
  { type: 'claim', block: BLOCKS[2]! },
  { type: 'drop', dir: 'data/0', name: 'd' },
];

const { dir, spool } = instanceDir();
const LEDGER = join(dir, 'ledger.jsonl');
const DELTA = join(dir, 'ledger.new.jsonl');
afterAll(removeInstanceDirs);

/** Each deed has a line of its own. */
function write(deeds: readonly Deed[]): void {
  const writer = openLedgerWriter(dir, ID);
  for (const deed of deeds) {
    perform(writer, deed);
    writer.sync();
  }
  writer.close();
}

/** The rows after these deeds. */
function rowsAfter(deeds: readonly Deed[]): (Proof | undefined)[] {
  const rows = new Map<string, Proof>();
  for (const deed of deeds) {
    if (deed.type === 'add') rows.set(`${deed.dir}/${deed.name}`, deed.proof);
    if (deed.type === 'drop') rows.delete(`${deed.dir}/${deed.name}`);
  }
  return KEYS.map(([at, name]) => rows.get(`${at}/${name}`));
}

type Said = Pick<ReturnType<typeof readAll>, 'proofs' | 'seals'>;

/** Throws where something is said that is not so. Plain code, because it is called some ten thousand times. */
function expectPart({ proofs, seals }: Said, whole: Said, what: string): void {
  const same = (a: unknown, b: unknown): boolean => a === undefined || JSON.stringify(a) === JSON.stringify(b);
  const wrong = [
    ...proofs.map((one, i) => (same(one, whole.proofs[i]) ? undefined : KEYS[i]!.join('/'))),
    ...seals.map((one, i) => (same(one, whole.seals[i]) ? undefined : `the seal of ${BLOCKS[i]!.dir}`)),
  ].filter((one) => one !== undefined);
  if (wrong.length > 0) throw new Error(`${what}: wrong is ${wrong.join(', ')}`);
}

const countOf = ({ proofs, seals }: Said): number => [...proofs, ...seals].filter((one) => one !== undefined).length;

/** The short form flips every thirteenth bit, and so each bit of a byte in turn. */
function* flips(bytes: Buffer): Generator<[what: string, flipped: Buffer]> {
  for (let bit = 0; bit < 8 * bytes.length; bit += LONG ? 1 : 13) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    yield [`bit ${bit & 7} of byte ${bit >> 3}`, flipped];
  }
}

/** A line that is gone, one that comes twice, and two that have changed places. */
function* rearranged(bytes: Buffer): Generator<[what: string, bytes: Buffer]> {
  const lines = bytes.toString('latin1').split(/(?<=\n)/);
  for (let i = 0; i < lines.length; i++) {
    const of = (...changed: (string | undefined)[]) =>
      Buffer.from([...lines.slice(0, i), ...changed, ...lines.slice(i + 2)].join(''), 'latin1');
    yield [`without line ${i + 1}`, of(lines[i + 1])];
    yield [`line ${i + 1} twice`, of(lines[i], lines[i], lines[i + 1])];
    yield [`line ${i + 1} last`, Buffer.concat([of(lines[i + 1]), Buffer.from(lines[i]!, 'latin1')])];
    yield [`lines ${i + 1} and ${i + 2} exchanged`, of(lines[i + 1], lines[i])];
  }
}

let ledger: Buffer;
let delta: Buffer;
let old: Said;
let merged: Said;

beforeAll(async () => {
  write(OLD);
  await mergeLedger(dir, spool, ID, undefined, { filesPerLine: 2 });
  ledger = readFileSync(LEDGER);
  old = readAll(dir, KEYS, BLOCKS);
  write(NEW);
  delta = readFileSync(DELTA);
  await mergeLedger(dir, spool, ID, undefined, { filesPerLine: 2 });
  merged = readAll(dir, KEYS, BLOCKS);
});

test('nothing is damaged to begin with', () => {
  expect(old.proofs).toEqual(rowsAfter(OLD));
  expect(old.seals.map((seal) => seal?.files)).toEqual([1, 2, 1]);
  expect(merged.proofs).toEqual(rowsAfter([...OLD, ...NEW]));
  expect(merged.seals.map((seal) => seal?.files)).toEqual([undefined, 2, 1]);
});

describe('a ledger', () => {
  /** Also what a merge makes of it. */
  async function judge(what: string, bytes: Buffer, merges = true): Promise<Said & { notes: string[] }> {
    writeFileSync(LEDGER, bytes);
    const said = readAll(dir, KEYS, BLOCKS);
    expectPart(said, old, what);
    if (said.notes.length > 1) throw new Error(`${what}: ${said.notes.join('; ')}`);
    if (!merges) return said;
    writeFileSync(DELTA, delta);
    await mergeLedger(dir, spool, ID, undefined, { filesPerLine: 2 });
    expectPart(readAll(dir, KEYS, BLOCKS), merged, `${what}, merged`);
    return said;
  }

  test('cut at any byte has what came before', async () => {
    for (let length = 0; length < ledger.length; length += LONG ? 1 : 3) {
      const { notes } = await judge(`cut to ${length} bytes`, ledger.subarray(0, length), LONG || length % 5 === 0);
      expect(notes).toEqual([expect.stringMatching(/^the ledger is damaged .*: what it held is read again$/)]);
    }
  }, 60_000);

  test('with any bit flipped lacks what was in that line at the most', async () => {
    let flipped = 0;
    for (const [what, bytes] of flips(ledger)) {
      const said = await judge(what, bytes, LONG || flipped++ % 5 === 0);
      if (said.notes.length !== 1) throw new Error(`${what}: nothing was said`);
    }
  }, 120_000);

  test('whose lines were removed, doubled or moved has no other proofs', async () => {
    for (const [what, bytes] of rearranged(ledger)) await judge(what, bytes);
  });

  test('names the damaged line, and reads the others', () => {
    const lines = ledger.toString().split('\n');
    lines[2] = lines[2]!.replace('"d', '"e');
    writeFileSync(LEDGER, lines.join('\n'));
    const said = readAll(dir, KEYS, BLOCKS);
    expect(said.notes).toEqual(['the ledger is damaged at line 3: what it held is read again']);
    expect(said.proofs.filter((one) => one === undefined)).toHaveLength(3); // two of that line, and one that never was
    expect(said.seals).toEqual(old.seals);
    expect(readTotals(dir)?.files).toBe(6);
  });
});

describe('a delta', () => {
  async function judge(bytes: Buffer): Promise<Said & { notes: string[] }> {
    writeFileSync(LEDGER, ledger);
    writeFileSync(DELTA, bytes);
    const notes: string[] = [];
    await mergeLedger(dir, spool, ID, (note) => notes.push(note), { filesPerLine: 2 });
    return { ...readAll(dir, KEYS, BLOCKS), notes };
  }

  test.each(['cut', 'cut and filled with zeros, as after a crash'])(
    '%s at any byte has what came before',
    async (how) => {
      for (let length = 0; length <= delta.length; length += LONG ? 1 : 3) {
        const lines = delta.subarray(0, length).toString('latin1').split('\n').length - 1;
        const filled =
          how === 'cut' ? delta.subarray(0, length) : Buffer.concat([delta.subarray(0, length), Buffer.alloc(99)]);
        const { proofs, notes } = await judge(filled);
        expect({ length, proofs }).toEqual({
          length,
          proofs: rowsAfter([...OLD, ...NEW.slice(0, Math.max(0, lines - 1))]),
        });
        expect(notes).toEqual([]);
      }
    },
    60_000,
  );

  test('with any bit flipped lets nothing come back that it dropped or corrected', async () => {
    let counted = 0;
    for (const [what, bytes] of flips(delta)) {
      const said = await judge(bytes);
      expectPart(said, merged, what);
      if (said.notes.length !== 1) throw new Error(`${what}: ${said.notes.length} notes`);
      counted += countOf(said);
    }
    expect(counted).toBeGreaterThan(0); // lines after the damage count
  }, 120_000);

  test('whose lines were removed, doubled or moved lets nothing come back either', async () => {
    for (const [what, bytes] of rearranged(delta)) {
      const isShorter = what === `without line ${NEW.length + 1}`; // as if the last line had not come yet
      if (!isShorter) expectPart(await judge(bytes), merged, what);
    }
  });

  test.each(['damaged', 'torn'])('that is %s is written on', async (how) => {
    writeFileSync(LEDGER, ledger);
    const bytes = Buffer.from(how === 'torn' ? delta.subarray(0, -9) : delta);
    if (how === 'damaged') bytes[200]! ^= 1;
    writeFileSync(DELTA, bytes);
    const notes: string[] = [];
    const writer = openLedgerWriter(dir, ID, (note) => notes.push(note));
    const more: Deed = { type: 'add', dir: 'data/0', name: 'd', proof: proof('direct', { state: 3 }) };
    perform(writer, more);
    writer.close();
    expect(await mergeLedger(dir, spool, ID, (note) => notes.push(note))).toBeDefined();
    const before = how === 'damaged' ? [] : [...OLD, ...NEW.slice(0, -1)];
    expect(readAll(dir, KEYS).proofs).toEqual(rowsAfter([...before, more]));
    expect(notes).toEqual(
      how === 'damaged' ? [expect.stringMatching(/^the ledger is damaged at line \d of what was new in it: /)] : [],
    );
  });
});
