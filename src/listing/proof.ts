// What a walk can say of itself in the end: how much it listed, and the first few of what it left out, could not read or could not name.

import type { BigIntStats } from 'node:fs';
import { type Entry, type EntryKey, endOfNothing, FIRST_FEW, joinKey, type ListingEnd } from '../files/entry.js';
import { Touches } from '../files/touched.js';

/** Of an entry's attributes, what is counted here. */
export type Looked = Pick<BigIntStats, 'ctimeNs' | 'mtimeNs' | 'nlink' | 'blocks' | 'size'>;

/** The unit of st_blocks, whatever the file system's own (stat(2)). */
const SECTOR_BYTES = 512n;

/** A page: what a small file saves by lying in its inode is no hole. */
const LEAST_HOLE_BYTES = 4096n;

export class Proof {
  readonly #end = endOfNothing();
  readonly #touches = new Touches();

  root(key: EntryKey, { dev }: Pick<BigIntStats, 'dev'>): void {
    this.#end.devices[key] = `${dev}`;
  }

  /** A mount point below a root. */
  mount(key: EntryKey, dev: bigint, marks: { ino: string; birthNs: string }): void {
    this.#end.devices[key] = `${dev}`;
    this.#end.mounts ??= {};
    this.#end.mounts[key] = marks;
  }

  /** Comes for every entry. */
  listed(dir: EntryKey, entry: Entry, stat: Looked): void {
    this.#end.entries++;
    if (entry.kind !== 'file') return;
    this.#end.bytes += Number(entry.size);
    this.#touches.see(joinKey(dir, entry.name), stat);
    if (stat.nlink > 1n) this.#hardLink(joinKey(dir, entry.name));
    if (stat.blocks * SECTOR_BYTES + LEAST_HOLE_BYTES <= stat.size) this.#hole(joinKey(dir, entry.name), stat);
  }

  #hardLink(key: EntryKey): void {
    this.#end.hardLinks ??= { entries: 0, first: [] };
    const links = this.#end.hardLinks;
    links.entries++;
    if (links.first.length < FIRST_FEW) links.first.push(key);
  }

  #hole(key: EntryKey, { size, blocks }: Looked): void {
    this.#end.holes ??= { entries: 0, bytes: 0, first: [] };
    const holes = this.#end.holes;
    holes.entries++;
    holes.bytes += Number(size - blocks * SECTOR_BYTES);
    if (holes.first.length < FIRST_FEW) holes.first.push(key);
  }

  leftOut(key: EntryKey): void {
    this.#end.excluded++;
    if (this.#end.firstExcluded.length < FIRST_FEW) this.#end.firstExcluded.push(key);
  }

  /** As people read it. */
  unnameable(name: string): void {
    if (this.#end.unnameable.length < FIRST_FEW) this.#end.unnameable.push(name);
  }

  unread(key: EntryKey, message: string): void {
    this.#end.errors++;
    if (this.#end.firstErrors.length < FIRST_FEW) this.#end.firstErrors.push({ key, message });
  }

  told(): ListingEnd {
    return { ...this.#end, touched: this.#touches.told() };
  }
}
