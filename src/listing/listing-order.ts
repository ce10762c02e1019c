// Checks that the blocks of a listing come in order, that none is missing, and that they add up to the totals at its end.

import { type LmError, printable } from '../errors.js';
import { compareKeys, type EntryKey, joinKey } from '../files/entry.js';
import { type Block, type BlockSum, invalidListing, type ListingTotals, sumOf } from '../files/listing.js';
import type { ListingSize } from './listing-size.js';

/** Directories come in depth-first order, each announced by an entry of its parent, and none is missing; names ascend. */
export class OrderCheck {
  /** Announced directories whose blocks have not come yet: one list for each level, each in reverse order. */
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

  checkBlock(block: Block): void {
    const { dir, entries } = block;
    for (let i = 1; i < entries.length; i++)
      if (compareKeys(entries[i - 1]!.name, entries[i]!.name) >= 0) throw outOfOrder(dir, entries[i]!.name);
    this.checkSum(sumOf(block));
  }

  /** For a block whose names are known to ascend. */
  checkSum({ dir, first, last, entries, bytes, directories }: BlockSum): void {
    if (dir !== this.#dir) {
      const expected = this.#next();
      if (dir !== expected) throw invalidListing(`${printable(dir)} where ${printable(expected ?? 'the end')} was due`);
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

  finish(end: ListingTotals): void {
    const missing = this.#next();
    if (missing !== undefined) throw invalidListing(`${printable(missing)} was announced and never listed`);
    if (end.entries !== this.#entries || end.bytes !== this.#bytes)
      throw invalidListing(
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

const outOfOrder = (dir: EntryKey, name: string): LmError =>
  invalidListing(`${printable(joinKey(dir, name))} is out of order`);
