// What a walk can say of itself in the end: how much it listed, and the first few of what it left out, could not read or could not name.

import { type EntryKey, endOfNothing, FIRST_FEW, joinKey, kindOf, type ListingEnd, type Row } from './entry.js';
import { Touches } from './touched.js';

export class Proof {
  readonly #end = endOfNothing();
  readonly #touches = new Touches();

  /** The device of a root, or of a mount point below one. */
  device(key: EntryKey, dev: bigint): void {
    this.#end.devices[key] = `${dev}`;
  }

  /** Comes for every entry, with its times. */
  listed(dir: EntryKey, row: Row, times: { ctimeNs: bigint; mtimeNs: bigint }): void {
    this.#end.entries++;
    if (kindOf(row[3]) !== 'file') return;
    this.#end.bytes += Number(row[1]);
    this.#touches.see(joinKey(dir, row[0]), times);
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
