// What the tests of the ledger share: proofs that differ where they should, an instance's directory, and all that a ledger says.

import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { textHash } from '../../../src/digest/digest.js';
import type { Proof, Validators } from '../../../src/files/proof.js';
import { stampText, statedText, stateText } from '../../../src/files/proof-text.js';
import { openLedger } from '../../../src/state/ledger/reader.js';
import type { BlockClaim, LedgerWriter } from '../../../src/state/ledger/writer.js';

export const ID = '5e0f3c1a-agent';
export const MIB = 1 << 20;

const made: string[] = [];

/** An instance's directory, with a spool in it. In memory where there is some: it is written to and synced ten thousand times. */
export function instanceDir(): { dir: string; spool: string } {
  const dir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'lm-ledger-'));
  made.push(dir);
  const spool = join(dir, 'spool');
  mkdirSync(spool);
  return { dir, spool };
}

/** For `afterAll`. */
export function removeInstanceDirs(): void {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
}

/** `state` tells one state of a file from another, at either end; `contents` what it held. */
export function proof(
  proved: Proof['proved'],
  { state = 1, contents = 1, size = 5 }: { state?: number; contents?: number; size?: number } = {},
): Proof {
  const end = (mtimeNs: string) => ({ size: `${size}`, mtimeNs, ino: `${state}`, ctimeNs: `${state}7000000001234567` });
  return {
    blocks: new Uint8Array(8 * Math.ceil(size / MIB)).fill(contents),
    ...{ source: end('1700000000123456789'), local: end('1700000000123456000') },
    ...{ proved, atMs: 1_700_000_000_000 + contents },
  };
}

/** One thing that is written down. */
export type Deed =
  | { type: 'add'; dir: string; name: string; proof: Proof }
  | { type: 'stamp'; dir: string; name: string; proof: Proof }
  | { type: 'drop'; dir: string; name: string }
  | { type: 'claim'; block: ClaimedBlock };

/** With the files, which a claim has as text. */
export type ClaimedBlock = BlockClaim & { files: { name: string; source: Validators; local: Validators }[] };

export function perform(writer: LedgerWriter, deed: Deed): void {
  if (deed.type === 'add') writer.add(deed.dir, deed.name, deed.proof);
  else if (deed.type === 'stamp') writer.stamp(deed.dir, stampOf(deed.name, deed.proof));
  else if (deed.type === 'drop') writer.drop(deed.dir, deed.name);
  else writer.claim(deed.block);
}

/** The claim of a listed block; its lines are told apart by the states of its files. */
export function claimOf(dir: string, files: readonly { name: string; state: number; size?: number }[]): ClaimedBlock {
  const line = `${dir} ${files.map(({ name, state }) => `${name}:${state}`)}`;
  const lines = { sourceLine: Buffer.from(`there ${line}\n`), localLine: Buffer.from(`here ${line}`) };
  return claimBy(
    dir,
    lines,
    files.map(({ name, ...of }) => ({ name, ...proof('direct', of) })),
  );
}

export const claimBy = (
  dir: string,
  lines: Pick<BlockClaim, 'sourceLine' | 'localLine'>,
  files: ClaimedBlock['files'],
): ClaimedBlock => ({
  ...{ dir, ...lines, files, names: JSON.stringify(files.map(({ name }) => name)) },
  states: textHash(files.map(({ name, source, local }) => statedText(name, stateText(source, local))).join('')),
});

/** That the file was read again, and found as the proof has it. */
export const stampOf = (name: string, { source, local, proved, atMs }: Proof): string =>
  stampText(name, stateText(source, local), proved, atMs);

/** What the ledger says of each of these files, and of each of these blocks, in the order of a listing. */
export function readAll(
  dir: string,
  keys: readonly (readonly [dir: string, name: string])[],
  blocks: readonly BlockClaim[] = [],
) {
  const notes: string[] = [];
  const reader = openLedger(dir, ID, (note) => notes.push(note));
  try {
    return {
      proofs: keys.map(([at, name]) => reader.proofOf(at, name)),
      seals: blocks.map((block) => reader.sealFor(block.dir, block.sourceLine, block.localLine)),
      notes,
    };
  } finally {
    reader.close();
  }
}
