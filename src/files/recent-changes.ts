// Collects the files that changed so shortly before they were listed that their times prove nothing yet.

import type { EntryKey } from './entry.js';
import { type ChangedRecently, FIRST_FEW } from './listing.js';

/** Two writes within this span may leave a file the same time, on the file systems with the coarsest times. */
export const SETTLE_MS = 2_000;

const SETTLE_NS = BigInt(SETTLE_MS) * 1_000_000n;
const MAX_WRITTEN = 10_000;

const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

/** The files of one walk. They are judged by when the walk began; as a walk may last, some are reported needlessly. */
export class RecentChanges {
  readonly #sinceNs = nowNs() - SETTLE_NS;
  readonly #first: EntryKey[] = [];
  readonly #written: EntryKey[] = [];
  #files = 0;
  #lastNs = 0n;

  /** To be called with the times of every file of a walk, few of which are young. */
  see(key: EntryKey, { ctimeNs, mtimeNs }: { ctimeNs: bigint; mtimeNs: bigint }): void {
    if (ctimeNs <= this.#sinceNs && mtimeNs <= this.#sinceNs) return;
    const young = [ctimeNs, mtimeNs].filter((time) => this.#isYoung(time));
    if (young.length === 0) return;
    this.#files++;
    if (this.#first.length < FIRST_FEW) this.#first.push(key);
    if (this.#isYoung(mtimeNs) && this.#written.length < MAX_WRITTEN) this.#written.push(key);
    for (const time of young) if (time > this.#lastNs) this.#lastNs = time;
  }

  summary(): ChangedRecently {
    const agoMs = this.#files === 0 ? 0 : Math.max(0, Number((nowNs() - this.#lastNs) / 1_000_000n));
    return { files: this.#files, agoMs, first: this.#first, written: this.#written };
  }

  /** A time well ahead of the clock is not recent: it was set, or the clock was set back. */
  #isYoung(time: bigint): boolean {
    return time > this.#sinceNs && time < nowNs() + SETTLE_NS;
  }
}
