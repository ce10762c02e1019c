// Which files were touched so shortly before they were listed that their times prove nothing yet. Looks at no file itself.

import { type EntryKey, FIRST_FEW, type Touched } from './entry.js';

/** Two writes within it may leave a file the same time: the coarsest file systems tell no finer times apart. */
export const YOUNG_MS = 2_000;

const YOUNG_NS = BigInt(YOUNG_MS) * 1_000_000n;
const MOST_WRITTEN = 10_000;

const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

/** What one walk has met, counted from when it began: a walk may last, and so more than is needed is told. */
export class Touches {
  readonly #sinceNs = nowNs() - YOUNG_NS;
  readonly #first: EntryKey[] = [];
  readonly #written: EntryKey[] = [];
  #files = 0;
  #lastNs = 0n;

  /** A file and its times. Comes for every file of a walk, of which few are young. */
  see(key: EntryKey, { ctimeNs, mtimeNs }: { ctimeNs: bigint; mtimeNs: bigint }): void {
    if (ctimeNs <= this.#sinceNs && mtimeNs <= this.#sinceNs) return;
    const young = [ctimeNs, mtimeNs].filter((time) => this.#isYoung(time));
    if (young.length === 0) return;
    this.#files++;
    if (this.#first.length < FIRST_FEW) this.#first.push(key);
    if (this.#isYoung(mtimeNs) && this.#written.length < MOST_WRITTEN) this.#written.push(key);
    for (const time of young) if (time > this.#lastNs) this.#lastNs = time;
  }

  told(): Touched {
    const agoMs = this.#files === 0 ? 0 : Math.max(0, Number((nowNs() - this.#lastNs) / 1_000_000n));
    return { files: this.#files, agoMs, first: this.#first, written: this.#written };
  }

  /** A time well ahead of the clock is an old one: it was set, or the clock was set back. */
  #isYoung(time: bigint): boolean {
    return time > this.#sinceNs && time < nowNs() + YOUNG_NS;
  }
}
