// Sorts entries that come in any order into blocks in listing order: an external merge sort with one run in memory, the others in files
// without names. It does not check that parents are listed.

import { randomUUID } from 'node:crypto';
import { closeSync, createReadStream, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { localError, printable } from '../errors.js';
import { compareKeys, type Entry, type EntryKey, joinKey } from '../files/entry.js';
import { type Block, invalidListing } from '../files/listing.js';
import { writeAll } from '../files/write-all.js';
import { ENTRIES_PER_BLOCK } from '../listing/listing-lines.js';
import { linesOf } from '../wire/lines.js';
import { fromRow, type Row, toRow } from './row.js';
import { SpaceWatch } from './space-watch.js';

/** About 30 MB of entries, unless names are a kilobyte long. */
const ENTRIES_PER_RUN = 100_000;
const CHARACTERS_PER_RUN = 16 << 20;

/** Limits memory while runs are merged, when one block of each is in memory. */
const CHARACTERS_PER_BLOCK = 64 << 10;

export interface SpoolSort {
  add(dir: EntryKey, entry: Entry): void;
  /** To be called once, after the last `add`. Empty directories have no block. Throws `protocol` for an entry that was added twice. */
  blocks(): AsyncGenerator<Block>;
  /** To be called when the blocks are not read to their end. */
  close(): void;
}

/** `spool` is an existing directory. Its files are unlinked as soon as they are open, so that none can be left behind. */
export function createSpoolSort(
  spool: string,
  entriesPerRun = ENTRIES_PER_RUN,
  charactersPerRun = CHARACTERS_PER_RUN,
): SpoolSort {
  const space = new SpaceWatch(spool);
  let run: Unsorted = new Map();
  let entries = 0;
  let characters = 0;
  const files: number[] = [];
  const close = (): void => {
    for (const fd of files.splice(0)) closeSync(fd);
  };
  return {
    add(dir, entry) {
      const siblings = run.get(dir);
      if (siblings) siblings.push(entry);
      else run.set(dir, [entry]);
      characters += dir.length + entry.name.length;
      if (++entries < entriesPerRun && characters < charactersPerRun) return;
      files.push(writeRun(spool, run, space));
      run = new Map();
      entries = 0;
      characters = 0;
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

type Unsorted = Map<EntryKey, Entry[]>;

function* sorted(run: Unsorted): Generator<Block> {
  for (const dir of [...run.keys()].sort(compareKeys)) {
    let entries: Entry[] = [];
    let characters = 0;
    for (const entry of run.get(dir)!.sort((a, b) => compareKeys(a.name, b.name))) {
      entries.push(entry);
      characters += entry.name.length;
      if (entries.length < ENTRIES_PER_BLOCK && characters < CHARACTERS_PER_BLOCK) continue;
      yield { dir, entries };
      entries = [];
      characters = 0;
    }
    if (entries.length > 0) yield { dir, entries };
  }
}

function writeRun(spool: string, run: Unsorted, space: SpaceWatch): number {
  const path = join(spool, `listing-${randomUUID()}`);
  let fd: number | undefined;
  try {
    fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    for (const block of sorted(run)) {
      const line = Buffer.from(`${JSON.stringify([block.dir, block.entries.map(toRow)])}\n`);
      writeAll(fd, line);
      space.wrote(line.length);
    }
    return fd;
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw localError('spool the listing in', path, error);
  }
}

async function* readRun(fd: number): AsyncGenerator<Block> {
  const bytes = createReadStream('', { fd, start: 0, autoClose: false, highWaterMark: 1 << 18 });
  for await (const line of linesOf(bytes)) {
    const [dir, rows] = JSON.parse(line) as [EntryKey, Row[]]; // written by this process, so it is not checked
    yield { dir, entries: rows.map(fromRow) };
  }
}

/** A position in a run. */
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
  let merged: Block = { dir: '', entries: [] };
  let lastName: string | undefined;
  while (cursors.length > 0) {
    const smallest = cursors.reduce((best, cursor) => (before(cursor, best) ? cursor : best));
    const { dir } = smallest.block;
    const entry = smallest.block.entries[smallest.at]!;
    if (merged.dir === dir && lastName === entry.name)
      throw invalidListing(`it has ${printable(joinKey(dir, lastName))} twice`);
    if (merged.dir !== dir || merged.entries.length === ENTRIES_PER_BLOCK) {
      if (merged.entries.length > 0) yield merged;
      merged = { dir, entries: [] };
    }
    merged.entries.push(entry);
    lastName = entry.name;
    if (++smallest.at < smallest.block.entries.length) continue;
    const next = await smallest.run.next();
    if (next.done) cursors.splice(cursors.indexOf(smallest), 1);
    else Object.assign(smallest, { block: next.value, at: 0 });
  }
  if (merged.entries.length > 0) yield merged;
}

function before(a: Cursor, b: Cursor): boolean {
  const order =
    compareKeys(a.block.dir, b.block.dir) || compareKeys(a.block.entries[a.at]!.name, b.block.entries[b.at]!.name);
  return order < 0;
}
