// Sorts the lines of a delta by where they stand in the file, without keeping what they say: each is read again in its turn. That takes less
// than sorting records, but only works for rows that are ascending within their line, and lines whose ranges do not meet.

import { readSync } from 'node:fs';
import { LmError } from '../../../errors.js';
import { compareKeys, type EntryKey } from '../../../files/entry.js';
import { type DeltaLine, type DeltaPlace, parsedLine } from '../delta.js';

/** Some 10 MB of places. */
const MAX_LINES = 32_000;

interface Place extends DeltaPlace {
  dir: EntryKey;
  first: string;
  last: string;
}

export class LineIndex {
  readonly #fd: number;
  readonly #maxLines: number;
  #places: Place[] = [];
  #isOrdered = true;
  #buffer = Buffer.allocUnsafe(64 << 10);

  /** `fd`: the delta, which stays open until the last line was read. */
  constructor(fd: number, maxLines = MAX_LINES) {
    this.#fd = fd;
    this.#maxLines = maxLines;
  }

  /** Whether it can do without some lines. Once it is false, nothing more needs to be added. */
  get isUsable(): boolean {
    return this.#isOrdered;
  }

  add(line: DeltaLine, { at, length }: DeltaPlace): void {
    if (!this.#isOrdered) return;
    const names = namesOf(line);
    if (!areAscending(names) || this.#places.length === this.#maxLines) return this.#giveUp();
    this.#places.push({ ...{ at, length, dir: dirOf(line) }, first: names[0] ?? '', last: names.at(-1) ?? '' });
  }

  /** Forgets all lines. */
  clear(): void {
    this.#places = [];
    this.#isOrdered = true;
  }

  /** To be called after the last `add`. False when a file may have come twice: then the lines do not sort. */
  sort({ mayOverlap }: { mayOverlap: boolean }): boolean {
    const places = this.#places.sort((a, b) => compareKeys(a.dir, b.dir) || compareKeys(a.first, b.first));
    const meets = (place: Place, i: number): boolean => {
      const before = places[i - 1];
      return before?.dir === place.dir && compareKeys(before.last, place.first) >= 0;
    };
    if (!mayOverlap && places.some(meets)) this.#giveUp();
    return this.#isOrdered;
  }

  /** In order, after `sort`. Throws `local` for a line that is not there any more as it was. */
  *lines(): Generator<DeltaLine> {
    for (const place of this.#places) yield this.#read(place);
  }

  #giveUp(): void {
    this.#isOrdered = false;
    this.#places = [];
  }

  #read({ at, length }: Place): DeltaLine {
    if (this.#buffer.length < length) this.#buffer = Buffer.allocUnsafe(length);
    const bytes = this.#buffer.subarray(0, length);
    const line = readSync(this.#fd, bytes, 0, length, at) === length ? parsedLine(bytes) : undefined;
    if (!line)
      throw new LmError(
        'damaged-record',
        `a line of ledger.new.jsonl was damaged while it was merged: ${length} bytes at ${at}`,
      );
    return line;
  }
}

const dirOf = (line: DeltaLine): EntryKey => (line.type === 'claim' ? line.claim.dir : line.dir);

function namesOf(line: DeltaLine): string[] {
  if (line.type === 'claim') return line.claim.names;
  if (line.type === 'drop') return [line.name];
  return line.type === 'stamp' ? line.stamps.map(([name]) => name) : line.rows.map(([name]) => name);
}

function areAscending(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) if (compareKeys(names[i - 1]!, names[i]!) >= 0) return false;
  return true;
}
