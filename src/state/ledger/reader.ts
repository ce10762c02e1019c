// Asks the ledger during a sweep over two listings: whether a whole block is proved, and what proves a file. It reads forward only, in the
// order of listings. Nothing may be removed, left uncopied or waived on its word.

import { closeSync } from 'node:fs';
import { compareKeys, type EntryKey } from '../../files/entry.js';
import type { Proof } from '../../files/proof.js';
import { filesOf, type LineCursor, sealsOf } from './cursors.js';
import { isPending } from './delta.js';
import { type FilesLine, type LedgerFile, openLedgerFile, type Seal } from './ledger-file.js';
import { sumOfLine } from './lines.js';
import { proofIn, type Row } from './rows.js';
import { type Note, unusable } from './trusted-file.js';

export interface SealedBlock {
  files: number;
  bytes: number;
  /** Epoch milliseconds of the oldest proof; 0 in a block without files. */
  oldestMs: number;
}

export interface LedgerReader {
  /**
   * What proves all files of the block whose lines, with `ctimes`, are these; undefined when they have to be asked for one by one. To be
   * called in the order of the listings.
   */
  sealFor(dir: EntryKey, sourceLine: Uint8Array, localLine: Uint8Array): SealedBlock | undefined;
  /** The proof of a file, whatever its state is now; to be called in the order of the listings. Undefined for a key that comes too late. */
  proofOf(dir: EntryKey, name: string): Proof | undefined;
  close(): void;
}

/**
 * To be called after `mergeLedger`: where that has failed, what is left to be merged may have dropped what is in the ledger, so nothing of it
 * counts. `identity` is the id of the agent that lists: proofs of another source do not count. `note` is told, once, what cannot be used.
 */
export function openLedger(dir: string, identity: string, note: Note = () => {}): LedgerReader {
  const file = openMerged(dir, identity, note);
  if (!file) return { sealFor: () => undefined, proofOf: () => undefined, close: () => {} };
  const seals = new SealLookup(file);
  const rows = new RowLookup(file);
  return {
    sealFor: (at, source, local) => seals.find(at, source, local),
    proofOf(at, name) {
      const row = rows.find(at, name);
      return row && proofIn(row);
    },
    close: () => closeSync(file.fd),
  };
}

export interface ProvedFile {
  dir: EntryKey;
  name: string;
  proof: Proof;
}

/** Every file that has a proof, in the order of listings; see `openLedger`. */
export function* provedFiles(dir: string, identity: string, note: Note = () => {}): Generator<ProvedFile> {
  const file = openMerged(dir, identity, note);
  if (!file) return;
  try {
    for (const cursor = filesOf(file); cursor.item; cursor.advance())
      for (const row of cursor.item.rows() ?? []) {
        const proof = proofIn(row);
        if (proof) yield { dir: cursor.item.dir, name: row[0], proof };
      }
  } finally {
    closeSync(file.fd);
  }
}

function openMerged(dir: string, identity: string, note: Note): LedgerFile | undefined {
  if (!isPending(dir)) return openLedgerFile(dir, identity, note);
  note(unusable('lacks what was proved last'));
  return undefined;
}

class SealLookup {
  readonly #file: LedgerFile;
  #cursor: LineCursor<Seal> | undefined;
  #dir: EntryKey | undefined;
  /** The seals of that directory, by both sums. */
  readonly #found = new Map<string, Seal>();

  constructor(file: LedgerFile) {
    this.#file = file;
  }

  find(dir: EntryKey, source: Uint8Array, local: Uint8Array): SealedBlock | undefined {
    if (dir !== this.#dir) this.#load(dir);
    if (this.#found.size === 0) return undefined;
    const found = this.#found.get(keyOf(sumOfLine(source), sumOfLine(local)));
    return found && { files: found.files, bytes: found.bytes, oldestMs: found.oldestMs };
  }

  #load(dir: EntryKey): void {
    this.#dir = dir;
    this.#found.clear();
    this.#cursor ??= sealsOf(this.#file);
    const cursor = this.#cursor;
    while (cursor.item && compareKeys(cursor.item.dir, dir) < 0) cursor.advance();
    for (; cursor.item?.dir === dir; cursor.advance())
      this.#found.set(keyOf(cursor.item.source, cursor.item.local), cursor.item);
  }
}

const keyOf = (source: string, local: string): string => source + local;

class RowLookup {
  readonly #file: LedgerFile;
  #cursor: LineCursor<FilesLine> | undefined;
  /** The rows of the line where the cursor is, once one of them was asked for, and how many of them are passed. */
  #rows: readonly Row[] | undefined;
  #at = 0;

  constructor(file: LedgerFile) {
    this.#file = file;
  }

  find(dir: EntryKey, name: string): Row | undefined {
    this.#cursor ??= filesOf(this.#file);
    const cursor = this.#cursor;
    while (cursor.item && isBefore(cursor.item, dir, name)) {
      cursor.advance();
      this.#rows = undefined;
    }
    if (cursor.item?.dir !== dir || compareKeys(name, cursor.item.first) < 0) return undefined;
    if (!this.#rows) {
      this.#rows = cursor.item.rows() ?? [];
      this.#at = 0;
    }
    while (this.#at < this.#rows.length && compareKeys(this.#rows[this.#at]![0], name) < 0) this.#at++;
    const row = this.#rows[this.#at];
    return row?.[0] === name ? row : undefined;
  }
}

/** Whether a line ends before a file. */
const isBefore = (line: FilesLine, dir: EntryKey, name: string): boolean =>
  (compareKeys(line.dir, dir) || compareKeys(line.last, name)) < 0;
