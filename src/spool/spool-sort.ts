// Entries in any order → blocks in listing order, through sorted runs in nameless files. Holds one run in memory; checks no parents.

import { randomUUID } from 'node:crypto';
import { closeSync, createReadStream, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { LmError, localError, printable } from '../errors.js';
import { type Block, compareKeys, type Entry, type EntryKey, joinKey } from '../files/entry.js';
import { fromRow, type Row, toRow } from '../files/row.js';
import { ENTRIES_PER_BLOCK } from '../listing/listing-lines.js';
import { linesOf } from '../wire/lines.js';
import { SpoolRoom } from './spool-room.js';

/** About 30 MB of entries, but for names of a kilobyte. */
const ENTRIES_PER_RUN = 100_000;
const CHARACTERS_PER_RUN = 16 << 20;

/** As many blocks are held as there are runs. */
const CHARACTERS_PER_BLOCK = 64 << 10;

export interface SpoolSort {
  add(dir: EntryKey, entry: Entry): void;
  /** Once, after the last `add`; directories that hold nothing have no block. Throws `protocol` for an entry added twice. */
  blocks(): AsyncGenerator<Block>;
  /** Needed only when the blocks are not read to their end. */
  close(): void;
}

/** `spool` is a directory that is there; its files lose their names as soon as they are open, so that nothing can be left behind. */
export function createSpoolSort(
  spool: string,
  entriesPerRun = ENTRIES_PER_RUN,
  charactersPerRun = CHARACTERS_PER_RUN,
): SpoolSort {
  const room = new SpoolRoom(spool);
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
      files.push(writeRun(spool, run, room));
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

function writeRun(spool: string, run: Unsorted, room: SpoolRoom): number {
  const path = join(spool, `listing-${randomUUID()}`);
  let fd: number | undefined;
  try {
    fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    for (const block of sorted(run)) {
      const line = Buffer.from(`${JSON.stringify([block.dir, block.entries.map(toRow)])}\n`);
      writeAll(fd, line);
      room.took(line.length);
    }
    return fd;
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
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
    yield { dir, entries: rows.map(fromRow) };
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
  let merged: Block = { dir: '', entries: [] };
  let lastName: string | undefined;
  while (cursors.length > 0) {
    const least = cursors.reduce((best, cursor) => (before(cursor, best) ? cursor : best));
    const { dir } = least.block;
    const entry = least.block.entries[least.at]!;
    if (merged.dir === dir && lastName === entry.name) throw twice(joinKey(dir, lastName));
    if (merged.dir !== dir || merged.entries.length === ENTRIES_PER_BLOCK) {
      if (merged.entries.length > 0) yield merged;
      merged = { dir, entries: [] };
    }
    merged.entries.push(entry);
    lastName = entry.name;
    if (++least.at < least.block.entries.length) continue;
    const next = await least.run.next();
    if (next.done) cursors.splice(cursors.indexOf(least), 1);
    else Object.assign(least, { block: next.value, at: 0 });
  }
  if (merged.entries.length > 0) yield merged;
}

function before(a: Cursor, b: Cursor): boolean {
  const order =
    compareKeys(a.block.dir, b.block.dir) || compareKeys(a.block.entries[a.at]!.name, b.block.entries[b.at]!.name);
  return order < 0;
}

const twice = (key: EntryKey): LmError =>
  new LmError('protocol', `the source sent a listing that cannot be right: it has ${printable(key)} twice`);
