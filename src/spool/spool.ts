// Entries set aside on disk in the order they were given, and read back a slice at a time: a plan of millions of files
// must not live in memory. Lines of JSON, `["data/0/ks",[row,…]]`; no fsync, for a lost spool costs one more listing.

import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { localError } from '../errors.js';
import type { Entry, EntryKey } from '../files/entry.js';
import { fromRow, type Row, toRow } from '../files/row.js';
import { SpoolRoom } from './spool-room.js';

/** A run of lines of one spool file; what a work unit is made of. */
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
  /** Of the keys of directories, as JSON, each as often as files of another one come between. */
  keyBytes?: number;
}

const WRITE_AHEAD_CHARACTERS = 256 * 1024;

export class Spool {
  readonly path: string;
  readonly slices: Slice[] = [];
  readonly #limits: SliceLimits;
  readonly #room: SpoolRoom;
  #fd: number | undefined;
  #dir: EntryKey = '';
  #rows: Row[] = [];
  #slice: Slice = { offset: 0, length: 0, entries: 0, bytes: 0 };
  #text = '';
  #keyBytes = 0;

  /** Starts an empty file at `path`. Every method throws `local` when the disk refuses. */
  constructor(path: string, limits: SliceLimits, room = new SpoolRoom(path)) {
    this.path = path;
    this.#limits = limits;
    this.#room = room;
    try {
      this.#fd = openSync(path, 'w', 0o600);
    } catch (error) {
      throw localError('write', path, error);
    }
  }

  add(dir: EntryKey, entry: Entry): void {
    const bytes = Number(entry.size);
    const { entries, bytes: held } = this.#slice;
    const { entries: mostEntries, bytes: mostBytes, keyBytes: mostKeyBytes = Number.POSITIVE_INFINITY } = this.#limits;
    const more = dir === this.#dir ? 0 : Buffer.byteLength(JSON.stringify(dir));
    if (entries > 0 && (entries >= mostEntries || held + bytes > mostBytes || this.#keyBytes + more > mostKeyBytes))
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

  /** Writes what is left and closes the file; `slices` is complete from here on. */
  finish(): this {
    this.#cut();
    this.#flush();
    this.close();
    return this;
  }

  /** What was not written yet is lost. */
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
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd!, bytes, done);
    } catch (error) {
      throw localError('write', this.path, error);
    }
    this.#room.took(bytes.length);
  }
}

/** A line, read. */
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
