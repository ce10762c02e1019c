// Writes down, merges, claims and reads the proofs of a million files in 20,000 directories; `large.test.ts` runs it with a small heap.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareKeys } from '../../../src/files/entry.js';
import type { Proof } from '../../../src/files/proof.js';
import { mergeLedger } from '../../../src/state/ledger/merge.js';
import { openLedger } from '../../../src/state/ledger/reader.js';
import { openLedgerWriter } from '../../../src/state/ledger/writer.js';
import { claimBy } from './world.js';

const [directories = 20_000, files = 50] = process.argv.slice(2).map(Number);
const ID = 'agent';
const dir = mkdtempSync(join(tmpdir(), 'lm-ledger-'));
const spool = join(dir, 'spool');
mkdirSync(spool);

const keyOf = (i: number): string => `data/0/ks${i % 7}/table-${i}`;
const names = Array.from({ length: files }, (_, i) => `nb-${100_000 + i}-big-CompressionInfo.db`);
const blocks = new Uint8Array(8).fill(7);

function proofOf(directory: number, file: number, proved: Proof['proved']): Proof {
  const ino = `${directory * files + file + 1}`;
  const end = { size: '123456', mtimeNs: '1700000000123456789', ino, ctimeNs: '1700000000123456789' };
  return { blocks, source: end, local: end, proved, atMs: 1_700_000_000_000 };
}

const line = (side: string, directory: number): Buffer => Buffer.from(`${side} ${directory}`);

/** In no order. */
async function record(proved: Proof['proved'], claims: boolean) {
  const writer = openLedgerWriter(dir, ID);
  for (let i = 0; i < directories; i++) {
    for (const [file, name] of names.entries()) writer.add(keyOf(i), name, proofOf(i, file, proved));
    const lines = { sourceLine: line('there', i), localLine: line('here', i) };
    const claimed = names.map((name, file) => ({ name, ...proofOf(i, file, proved) }));
    if (claims) writer.claim(claimBy(keyOf(i), lines, claimed));
  }
  writer.close();
  return mergeLedger(dir, spool, ID);
}

try {
  const received = await record('received', false);
  const read = await record('direct', true);
  const sorted = Array.from({ length: directories }, (_, i) => i).sort((a, b) => compareKeys(keyOf(a), keyOf(b)));
  const reader = openLedger(dir, ID);
  let sealed = 0;
  let proved = 0;
  for (const i of sorted) {
    sealed += reader.sealFor(keyOf(i), line('there', i), line('here', i))?.files ?? 0;
    for (const name of names) if (reader.proofOf(keyOf(i), name)) proved++;
  }
  reader.close();
  process.stdout.write(JSON.stringify({ received: received.received, read: read.read, sealed, proved }));
} finally {
  rmSync(dir, { recursive: true });
}
