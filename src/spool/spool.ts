// Writes entries to a file in the order given and reads them back by slice: a plan of millions of files does not fit in memory. A spool has
// lines of JSON, `["data/0/ks",[row,…]]`. It is not fsynced, because a lost spool only costs one more listing.

import { closeSync, openSync, readSync } from 'node:fs';
import { localError } from '../errors.js';
import type { Entry, EntryKey } from '../files/entry.js';
import { writeAll } from '../files/write-all.js';
import { fromRow, type Row, toRow } from './row.js';
import { SpaceWatch } from './space-watch.js';

/** Consecutive lines of one spool file; a unit of work is made from it. */
export interface Slice {
  offset: number;
  length: number;
  entries: number;
  /** Sum of the sizes of the entries. */
  bytes: number;
}

export interface SliceLimits {
  entries: number;
  bytes: number;
  /** Limit for the keys of directories, as JSON. A key counts again after entries of another directory. */
  keyBytes?: number;
}

const WRITE_AHEAD_CHARACTERS = 256 * 1024;

export class Spool {
  readonly path: string;
  readonly slices: Slice[] = [];
  readonly #limits: SliceLimits;
  readonly #space: SpaceWatch;
  #fd: number | undefined;
  #dir: EntryKey = '';
  #rows: Row[] = [];
  #slice: Slice = { offset: 0, length: 0, entries: 0, bytes: 0 };
  #text = '';
  #keyBytes = 0;

  /** Creates an empty file at `path`. Every method throws `local` when a system call fails. */
  constructor(path: string, limits: SliceLimits, space = new SpaceWatch(path)) {
    this.path = path;
    this.#limits = limits;
    this.#space = space;
    try {
      this.#fd = openSync(path, 'w', 0o600);
    } catch (error) {
      throw localError('write', path, error);
    }
  }

  add(dir: EntryKey, entry: Entry): void {
    const bytes = Number(entry.size);
    const { entries, bytes: sliceBytes } = this.#slice;
    const { entries: maxEntries, bytes: maxBytes, keyBytes: maxKeyBytes = Number.POSITIVE_INFINITY } = this.#limits;
    const more = dir === this.#dir ? 0 : Buffer.byteLength(JSON.stringify(dir));
    if (entries > 0 && (entries >= maxEntries || sliceBytes + bytes > maxBytes || this.#keyBytes + more > maxKeyBytes))
      this.#cut();
    if (dir !== this.#dir) {
      this.#endLine();
      this.#keyBytes += more;
    }
    this.#dir = dir;
    this.#rows.push(toRow(entry));
    this.#slice.entries++;
    this.#slice.bytes += bytes;
  }

  /** Writes what is buffered and closes the file; from here on `slices` has all of them. */
  finish(): this {
    this.#cut();
    this.#flush();
    this.close();
    return this;
  }

  /** Closes the file; what is buffered is lost. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #cut(): void {
    this.#endLine();
    if (this.#slice.entries === 0) return;
    this.slices.push(this.#slice);
    this.#keyBytes = Buffer.byteLength(JSON.stringify(this.#dir));
    this.#slice = { offset: this.#slice.offset + this.#slice.length, length: 0, entries: 0, bytes: 0 };
  }

  #endLine(): void {
    if (this.#rows.length === 0) return;
    const line = `${JSON.stringify([this.#dir, this.#rows])}\n`;
    this.#rows = [];
    this.#slice.length += Buffer.byteLength(line);
    this.#text += line;
    if (this.#text.length > WRITE_AHEAD_CHARACTERS) this.#flush();
  }

  #flush(): void {
    const bytes = Buffer.from(this.#text);
    this.#text = '';
    try {
      writeAll(this.#fd!, bytes);
    } catch (error) {
      throw localError('write', this.path, error);
    }
    this.#space.wrote(bytes.length);
  }
}

/** A parsed line. */
export type SpooledLine = [dir: EntryKey, rows: Row[]];

export type EntriesOfDir = [dir: EntryKey, entries: Entry[]];

export const entriesOf = ([dir, rows]: SpooledLine): EntriesOfDir => [dir, rows.map(fromRow)];

/** The entries of a slice, directory by directory. */
export function readSlice(path: string, slice: Slice): EntriesOfDir[] {
  const bytes = Buffer.allocUnsafe(slice.length);
  try {
    const fd = openSync(path, 'r');
    try {
      for (let done = 0; done < bytes.length; ) {
        const got = readSync(fd, bytes, done, bytes.length - done, slice.offset + done);
        if (got === 0) throw new Error('it is shorter than it was');
        done += got;
      }
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw localError('read', path, error);
  }
  return bytes
    .toString('utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => entriesOf(JSON.parse(line)));
}
