// Sorts records by directory and name: an external merge sort, with one run in memory and the others in files without names. Records with
// the same key stay in the order in which they came.

import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { localError } from '../../../errors.js';
import { compareKeys, type EntryKey } from '../../../files/entry.js';
import { writeAll } from '../../../files/write-all.js';
import { LineReader } from '../line-reader.js';

/** What is sorted, as JSON can carry it. `name` may be empty. */
export interface Keyed {
  dir: EntryKey;
  name: string;
}

/** Some 30 MB of records. */
const RECORDS_PER_RUN = 50_000;
const CHARACTERS_PER_RUN = 12 << 20;
const WRITE_CHARACTERS = 256 << 10;

export const byKey = (a: Keyed, b: Keyed): number => compareKeys(a.dir, b.dir) || compareKeys(a.name, b.name);

export class KeySort<T extends Keyed> {
  readonly #spool: string;
  readonly #recordsPerRun: number;
  #run: T[] = [];
  #characters = 0;
  #files: number[] = [];

  /** `spool` is an existing directory. Its files are unlinked as soon as they are open, so that none can be left behind. */
  constructor(spool: string, recordsPerRun = RECORDS_PER_RUN) {
    this.#spool = spool;
    this.#recordsPerRun = recordsPerRun;
  }

  /** `characters` is about what the record takes. Throws `local`. */
  add(record: T, characters: number): void {
    this.#run.push(record);
    this.#characters += characters;
    if (this.#run.length < this.#recordsPerRun && this.#characters < CHARACTERS_PER_RUN) return;
    this.#files.push(writeRun(this.#spool, this.#run.sort(byKey)));
    this.#run = [];
    this.#characters = 0;
  }

  /** Forgets all records. */
  clear(): void {
    for (const fd of this.#files) closeSync(fd);
    this.#files = [];
    this.#run = [];
    this.#characters = 0;
  }

  /** To be called once, after the last `add`. Throws the system's error. */
  *sorted(): Generator<T> {
    const runs = [...this.#files.map((fd) => readRun<T>(fd)), this.#run.sort(byKey).values()];
    const heads: Head<T>[] = [];
    for (const [age, run] of runs.entries()) advance(heads, { run, age });
    for (let least = heads.shift(); least; least = heads.shift()) {
      yield least.record;
      advance(heads, least);
    }
  }
}

/** The next record of a run. Runs are numbered in the order in which they were written. */
interface Head<T> {
  run: Iterator<T>;
  age: number;
  record: T;
}

/** Puts the next record of a run in its place among the ascending ones of the others. */
function advance<T extends Keyed>(heads: Head<T>[], { run, age }: Pick<Head<T>, 'run' | 'age'>): void {
  const { done, value } = run.next();
  if (done) return;
  const record = value as T;
  let from = 0;
  for (let to = heads.length; from < to; ) {
    const middle = (from + to) >> 1;
    const other = heads[middle]!;
    const order = byKey(other.record, record) || other.age - age;
    if (order < 0) from = middle + 1;
    else to = middle;
  }
  heads.splice(from, 0, { run, age, record });
}

function writeRun(spool: string, records: readonly Keyed[]): number {
  const path = join(spool, `ledger-${randomUUID()}`);
  let fd: number | undefined;
  try {
    fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    let text = '';
    for (const record of records) {
      text += `${JSON.stringify(record)}\n`;
      if (text.length < WRITE_CHARACTERS) continue;
      writeAll(fd, Buffer.from(text));
      text = '';
    }
    writeAll(fd, Buffer.from(text));
    return fd;
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw localError('sort proofs in', path, error);
  }
}

function* readRun<T>(fd: number): Generator<T> {
  const lines = new LineReader(fd, 0, Number.POSITIVE_INFINITY);
  for (let line = lines.next(); line; line = lines.next()) yield JSON.parse(line.toString()) as T; // written by this process
}
