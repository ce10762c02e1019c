// The lines of ledger.jsonl: a header, the rows of files in the order of a listing, the seals of listed blocks likewise, and an end.
//
// Every line is a fact of its own, so one that is missing or damaged costs the reading of what it proved and no more. The end tells where the
// seals begin and how many lines there are; the order of keys shows a line that is not in its place.

import { closeSync, fstatSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../../errors.js';
import type { EntryKey } from '../../files/entry.js';
import { LineReader } from './line-reader.js';
import { unsealed, valuesOf } from './lines.js';
import type { Row } from './rows.js';
import { type Note, OTHER_SOURCE, once, openTrusted, unusable } from './trusted-file.js';

export const ledgerIn = (dir: string): string => join(dir, 'ledger.jsonl');

const VERSION = 1;

export interface LedgerTotals {
  /** Files with a proof; those that were read back from the disk, and those that were only hashed while they were written. */
  files: number;
  read: number;
  received: number;
  /** Sum of their sizes. */
  bytes: number;
  /** When the oldest proof by a read was made; absent when there is none. */
  oldestReadMs?: number;
  /** Some of what was once in it was lost to damage: nothing tells of a file in that part that it should be here. */
  damaged?: true;
}

export const noTotals = (): LedgerTotals => ({ files: 0, read: 0, received: 0, bytes: 0 });

/** The rows of up to 1,000 files of one directory, ascending. */
export interface FilesLine {
  dir: EntryKey;
  first: string;
  last: string;
  /** Of its rows. */
  totals: LedgerTotals;
  /** As they are in the file; valid until the next line is read. */
  bytes: Buffer;
  /** Undefined for what is no row. */
  rows(): Row[] | undefined;
}

/** All files of a block of both listings, whose lines had these sums, were proved by a read. */
export interface Seal {
  dir: EntryKey;
  /** The first and the last file; '' in a block without files. */
  first: string;
  last: string;
  source: string;
  local: string;
  files: number;
  bytes: number;
  /** When the oldest of these proofs was made. */
  oldestMs: number;
}

/** How many lines of each kind there are, and where in the file the seals and the end line begin. */
export interface End {
  totals: LedgerTotals;
  fileLines: number;
  sealLines: number;
  sealsAt: number;
  at: number;
}

export const headerText = (identity: string): string => `["ledger",${VERSION},${JSON.stringify(identity)}`;

/** The tab, which JSON allows between values alone, ends what can be read without the rows. */
export const filesText = ({ dir, first, last, totals }: Omit<FilesLine, 'bytes' | 'rows'>, rows: string): string =>
  `${JSON.stringify(['files', dir, first, last, totals]).slice(0, -1)},\t[${rows}]`;

export const sealText = ({ dir, first, last, source, local, files, bytes, oldestMs }: Seal): string =>
  JSON.stringify(['seal', dir, first, last, source, local, files, bytes, oldestMs]).slice(0, -1);

export const endText = ({ totals, fileLines, sealLines, sealsAt, at }: End): string =>
  JSON.stringify(['end', totals, fileLines, sealLines, sealsAt, at]).slice(0, -1);

/** Reads a ledger. To be closed. */
export interface LedgerFile {
  fd: number;
  /** Undefined where the end is damaged: then no seal is known. */
  end: End | undefined;
  /** Where the first line of files begins. */
  filesAt: number;
  note: Note;
}

/** Undefined where there is no ledger of this identity that can be read; `note` is told why, and later of damage, once. */
export function openLedgerFile(dir: string, identity: string, tell: Note): LedgerFile | undefined {
  const note = once(tell);
  const fd = openTrusted(ledgerIn(dir));
  if (fd === undefined) return undefined;
  if (typeof fd === 'object') {
    note(unusable(fd.why));
    return undefined;
  }
  const { fault, bytes } = readHeader(fd, identity);
  if (fault !== undefined) {
    closeSync(fd);
    note(unusable(fault));
    return undefined;
  }
  const end = endOf(fd);
  if (!end) note(unusable('is damaged at its end'));
  return { fd, end, filesAt: bytes, note };
}

function readHeader(fd: number, identity: string): { bytes: number; fault?: string } {
  try {
    const line = new LineReader(fd, 0, TAIL_BYTES).next();
    const fault = faultOfHeader(line, identity);
    return { bytes: line?.length ?? 0, ...(fault !== undefined && { fault }) };
  } catch (error) {
    return { bytes: 0, fault: `cannot be read (${errnoOf(error)})` };
  }
}

function faultOfHeader(line: Buffer | undefined, identity: string): string | undefined {
  const body = line && unsealed(line);
  const [type, version, of] = (body && valuesOf(body)) ?? [];
  if (type !== 'ledger') return 'is damaged at line 1';
  if (version !== VERSION) return `is of version ${String(version)}, this is version ${VERSION}`;
  return of === identity ? undefined : OTHER_SOURCE;
}

/** Far more than the end line takes, or the header. */
const TAIL_BYTES = 4096;

function endOf(fd: number): End | undefined {
  try {
    const { size } = fstatSync(fd);
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const got = readSync(fd, tail, 0, tail.length, size - tail.length);
    const line = tail.subarray(tail.lastIndexOf('\n', -2) + 1, got);
    const body = unsealed(line);
    const [type, totals, fileLines, sealLines, sealsAt, at] = (body && valuesOf(body)) ?? [];
    if (type !== 'end' || at !== size - line.length) return undefined;
    return { totals, fileLines, sealLines, sealsAt, at } as End;
  } catch {
    return undefined;
  }
}

/** What the ledger in `dir` amounts to, by its last line; undefined when there is none, or its end is damaged. */
export function readTotals(dir: string): LedgerTotals | undefined {
  const fd = openTrusted(ledgerIn(dir));
  if (typeof fd !== 'number') return undefined;
  try {
    return endOf(fd)?.totals;
  } finally {
    closeSync(fd);
  }
}
