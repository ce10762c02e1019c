// Rows in any order → blocks in listing order, through sorted runs in nameless files. Holds one run in memory; checks no parents.

import { randomUUID } from 'node:crypto';
import { closeSync, createReadStream, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { LmError, localError, printable } from '../errors.js';
import { type Block, compareKeys, type EntryKey, joinKey, type Row } from '../files/entry.js';
import { linesOf } from '../wire/lines.js';
import { ROWS_PER_BLOCK } from '../wire/listing-lines.js';

/** About 30 MB of rows. */
const ROWS_PER_RUN = 100_000;

export interface SpoolSort {
  add(dir: EntryKey, row: Row): void;
  /** Once, after the last `add`; directories that hold nothing have no block. Throws `protocol` for an entry added twice. */
  blocks(): AsyncGenerator<Block>;
  /** Needed only when the blocks are not read to their end. */
  close(): void;
}

/** `spool` is a directory; its files lose their names as soon as they are open, so that nothing can be left behind. */
export function createSpoolSort(spool: string, rowsPerRun = ROWS_PER_RUN): SpoolSort {
  let run: Unsorted = new Map();
  let rows = 0;
  const files: number[] = [];
  const close = (): void => {
    for (const fd of files.splice(0)) closeSync(fd);
  };
  return {
    add(dir, row) {
      const siblings = run.get(dir);
      if (siblings) siblings.push(row);
      else run.set(dir, [row]);
      if (++rows < rowsPerRun) return;
      files.push(writeRun(spool, run));
      run = new Map();
      rows = 0;
    },
    async *blocks() {
      try {
        yield* merge([...files.map(readRun), sorted(run)]);
      } finally {
        close();
      }
    },
    close,
  };
}

type Unsorted = Map<EntryKey, Row[]>;

function* sorted(run: Unsorted): Generator<Block> {
  for (const dir of [...run.keys()].sort(compareKeys)) {
    const rows = run.get(dir)!.sort((a, b) => compareKeys(a[0], b[0]));
    for (let at = 0; at < rows.length; at += ROWS_PER_BLOCK) yield { dir, rows: rows.slice(at, at + ROWS_PER_BLOCK) };
  }
}

function writeRun(spool: string, run: Unsorted): number {
  const path = join(spool, `listing-${randomUUID()}`);
  try {
    const fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    for (const { dir, rows } of sorted(run)) writeAll(fd, Buffer.from(`${JSON.stringify([dir, rows])}\n`));
    return fd;
  } catch (error) {
    throw localError('spool the listing in', path, error);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}

async function* readRun(fd: number): AsyncGenerator<Block> {
  const bytes = createReadStream('', { fd, start: 0, autoClose: false, highWaterMark: 1 << 18 });
  for await (const line of linesOf(bytes)) {
    const [dir, rows] = JSON.parse(line) as [EntryKey, Row[]]; // our own writing: a reader's checks would find nothing
    yield { dir, rows };
  }
}

/** Where a run has been read to. */
interface Cursor {
  run: Iterator<Block> | AsyncIterator<Block>;
  block: Block;
  at: number;
}

async function* merge(runs: (Iterator<Block> | AsyncIterator<Block>)[]): AsyncGenerator<Block> {
  const cursors: Cursor[] = [];
  for (const run of runs) {
    const first = await run.next();
    if (!first.done) cursors.push({ run, block: first.value, at: 0 });
  }
  let merged: Block = { dir: '', rows: [] };
  let lastName: string | undefined;
  while (cursors.length > 0) {
    const least = cursors.reduce((best, cursor) => (before(cursor, best) ? cursor : best));
    const { dir } = least.block;
    const row = least.block.rows[least.at]!;
    if (merged.dir === dir && lastName === row[0]) throw twice(joinKey(dir, lastName));
    if (merged.dir !== dir || merged.rows.length === ROWS_PER_BLOCK) {
      if (merged.rows.length > 0) yield merged;
      merged = { dir, rows: [] };
    }
    merged.rows.push(row);
    lastName = row[0];
    if (++least.at < least.block.rows.length) continue;
    const next = await least.run.next();
    if (next.done) cursors.splice(cursors.indexOf(least), 1);
    else Object.assign(least, { block: next.value, at: 0 });
  }
  if (merged.rows.length > 0) yield merged;
}

function before(a: Cursor, b: Cursor): boolean {
  const order = compareKeys(a.block.dir, b.block.dir) || compareKeys(a.block.rows[a.at]![0], b.block.rows[b.at]![0]);
  return order < 0;
}

const twice = (key: EntryKey): LmError =>
  new LmError('protocol', `the source sent a listing that cannot be right: it has ${printable(key)} twice`);
