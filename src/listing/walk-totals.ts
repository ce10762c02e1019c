// Collects the totals of a walk: how much it listed, and the first few entries that it excluded, could not read or could not name.

import { type Entry, type EntryKey, joinKey } from '../files/entry.js';
import { FIRST_FEW, type ListingTotals, noTotals } from '../files/listing.js';
import { RecentChanges } from '../files/recent-changes.js';
import { allocatedBytes, hasHoles } from '../linux/holes.js';
import type { FileStat } from '../syscalls/stat.js';

/** The attributes of an entry that are counted here. */
type CountedStat = Pick<FileStat, 'ctimeNs' | 'mtimeNs' | 'nlink' | 'blocks' | 'size'>;

export class WalkTotals {
  readonly #totals = noTotals();
  readonly #recent = new RecentChanges();

  root(key: EntryKey, { dev }: Pick<FileStat, 'dev'>): void {
    this.#totals.devices[key] = `${dev}`;
  }

  /** A mount point below a root. */
  mount(key: EntryKey, dev: bigint, marks: { ino: string; birthNs: string }): void {
    this.#totals.devices[key] = `${dev}`;
    this.#totals.mounts ??= {};
    this.#totals.mounts[key] = marks;
  }

  /** To be called for every entry. */
  listed(dir: EntryKey, entry: Entry, stat: CountedStat): void {
    this.#totals.entries++;
    if (entry.kind !== 'file') return;
    this.#totals.bytes += Number(entry.size);
    this.#recent.see(joinKey(dir, entry.name), stat);
    if (stat.nlink > 1n) this.#hardLink(joinKey(dir, entry.name));
    if (entry.allocated === undefined && hasHoles(stat)) this.#hole(joinKey(dir, entry.name), stat);
  }

  #hardLink(key: EntryKey): void {
    this.#totals.hardLinks ??= { entries: 0, first: [] };
    const links = this.#totals.hardLinks;
    links.entries++;
    if (links.first.length < FIRST_FEW) links.first.push(key);
  }

  #hole(key: EntryKey, stat: CountedStat): void {
    this.#totals.holes ??= { entries: 0, bytes: 0, first: [] };
    const holes = this.#totals.holes;
    holes.entries++;
    holes.bytes += Number(stat.size) - allocatedBytes(stat);
    if (holes.first.length < FIRST_FEW) holes.first.push(key);
  }

  excluded(key: EntryKey): void {
    this.#totals.excluded++;
    if (this.#totals.firstExcluded.length < FIRST_FEW) this.#totals.firstExcluded.push(key);
  }

  /** `name` is shown to people. */
  unnameable(name: string): void {
    if (this.#totals.unnameable.length < FIRST_FEW) this.#totals.unnameable.push(name);
  }

  unread(key: EntryKey, message: string): void {
    this.#totals.errors++;
    if (this.#totals.firstErrors.length < FIRST_FEW) this.#totals.firstErrors.push({ key, message });
  }

  result(): ListingTotals {
    return { ...this.#totals, touched: this.#recent.summary() };
  }
}
