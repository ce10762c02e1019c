// What a row becomes when everything was read again and compared by another digest than those that it keeps.

import { expect, test } from '@jest/globals';
import type { Proof, Validators } from '../../../src/files/proof.js';
import type { Stamp } from '../../../src/files/proof-text.js';
import { proofIn, provesByTime, type Row, rowOf, stamped } from '../../../src/state/ledger/rows.js';
import { MIB, proof, stampOf } from './world.js';

/** The same file, looked at now. */
const now = (old: Proof, changes: { source?: Partial<Validators>; local?: Partial<Validators> } = {}): Proof => ({
  blocks: old.blocks,
  source: { ...old.source, ...changes.source },
  local: { ...old.local, ...changes.local },
  proved: 'direct' as const,
  atMs: 1_800_000_000_000,
});

const stampFor = (found: Proof): Stamp => JSON.parse(stampOf('a', found)) as Stamp;

test.each([0, 5, 3 * MIB + 1])(
  'a row of %d bytes keeps its hashes, and gets the states and the time of now',
  (size) => {
    const old = proof('received', { size });
    const found = now(old, { source: { links: 2 }, local: { ino: '77', ctimeNs: '1800000000000000001' } });
    const row = stamped(rowOf('a', old)!, stampFor(found));
    expect(proofIn(row)).toEqual(found);
    expect(row).toEqual(rowOf('a', found));
  },
);

test.each<[string, Parameters<typeof now>[1]]>([
  ['size', { source: { size: '55' }, local: { size: '55' } }],
  ['time', { source: { mtimeNs: '1700000000123456780' } }],
  ['inode', { source: { ino: '11' } }],
  ['ctime', { source: { ctimeNs: '18000000001234567' } }],
])('a row of another %s than that of the file now stays as it is', (_, changes) => {
  const old = proof('direct');
  const row = rowOf('a', old)!;
  expect(stamped(row, stampFor(now(old)))).not.toEqual(row);
  expect(stamped(row, stampFor(now(old, changes)))).toEqual(row);
});

test.each(['0', '1700000000000000000'])('nor does one with a ctime that a later write may leave: %s', (ctimeNs) => {
  const old = proof('direct');
  const vague = { ...old, source: { ...old.source, ctimeNs } };
  const row = rowOf('a', vague)!;
  expect(stamped(row, stampFor(now(vague)))).toEqual(row);
  expect(provesByTime(row)).toBe(false);
});

test.each([
  ['hashes of too few blocks', (row: Row): Row => [row[0], row[1], row[2].slice(0, -1), row[3]]],
  ['hashes that are none', (row: Row): Row => [row[0], row[1], `!${row[2].slice(1)}`, row[3]]],
  ['a state that is none', (row: Row): Row => [row[0], row[1].replace(/ \d+$/, ''), row[2], row[3]]],
  ['a way of reading that is none', (row: Row): Row => [row[0], row[1], row[2], `x${row[3].slice(1)}`]],
])('a row with %s proves nothing', (_, spoilt) => {
  const row = rowOf('a', proof('direct', { size: MIB + 1 }))!;
  expect([proofIn(row), provesByTime(row)]).toEqual([expect.anything(), true]);
  expect([proofIn(spoilt(row)), provesByTime(spoilt(row))]).toEqual([undefined, false]);
});
