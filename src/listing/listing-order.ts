// Whether the blocks of a listing come in their order, none of them left out, and add up to what its end says. Reads no line.

import { type LmError, printable } from '../errors.js';
import {
  type Block,
  type BlockSum,
  compareKeys,
  type EntryKey,
  joinKey,
  type ListingEnd,
  sumOf,
} from '../files/entry.js';
import { broken } from './listing-lines.js';
import type { ListingSize } from './listing-size.js';

/** Directories come in depth-first order, each announced by an entry of its parent, none left out; names ascend. */
export class OrderCheck {
  /** Announced directories that have not had their blocks yet, one list a level, the next one last. */
  readonly #pending: EntryKey[][];
  #dir: EntryKey | undefined;
  #lastName: string | undefined;
  #children: EntryKey[] = [];
  #entries = 0;
  #bytes = 0;
  readonly #size: ListingSize;

  constructor(roots: EntryKey[], size: ListingSize) {
    this.#size = size;
    this.#pending = [[...roots].sort((a, b) => compareKeys(b, a))];
  }

  see(block: Block): void {
    const { dir, entries } = block;
    for (let i = 1; i < entries.length; i++)
      if (compareKeys(entries[i - 1]!.name, entries[i]!.name) >= 0) throw outOfOrder(dir, entries[i]!.name);
    this.take(sumOf(block));
  }

  /** Of a block whose own names are known to ascend. */
  take({ dir, first, last, entries, bytes, directories }: BlockSum): void {
    if (dir !== this.#dir) {
      const expected = this.#next();
      if (dir !== expected) throw broken(`${printable(dir)} where ${printable(expected ?? 'the end')} was due`);
      this.#dir = dir;
      this.#lastName = undefined;
    }
    if (first !== undefined && this.#lastName !== undefined && compareKeys(this.#lastName, first) >= 0)
      throw outOfOrder(dir, first);
    this.#lastName = last ?? this.#lastName;
    for (const { name } of directories) {
      this.#size.addDirectory(dir.length + 1 + name.length);
      this.#children.push(joinKey(dir, name));
    }
    this.#size.addEntries(entries);
    this.#bytes += bytes;
    this.#entries += entries;
  }

  finish(end: ListingEnd): void {
    const missing = this.#next();
    if (missing !== undefined) throw broken(`${printable(missing)} was announced and never listed`);
    if (end.entries !== this.#entries || end.bytes !== this.#bytes)
      throw broken(
        `its end speaks of ${end.entries} entries and ${end.bytes} bytes, it held ${this.#entries} and ${this.#bytes}`,
      );
  }

  #next(): EntryKey | undefined {
    if (this.#children.length > 0) this.#pending.push(this.#children.reverse());
    this.#children = [];
    while (this.#pending.length > 0) {
      const next = this.#pending.at(-1)!.pop();
      if (next !== undefined) return next;
      this.#pending.pop();
    }
    return undefined;
  }
}

const outOfOrder = (dir: EntryKey, name: string): LmError => broken(`${printable(joinKey(dir, name))} is out of order`);
