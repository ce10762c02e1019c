// What all requests to one source know of it together: when it last gave anything of use, and since when it has been lost. Decides nothing.

import type { Emit } from '../events.js';

/** What is over sooner was no loss to speak of. */
const MIN_TOLD_MS = 1_000;

/** All times are of one clock that only goes forward, in milliseconds. */
export class Contact {
  readonly #emit: Emit;
  #usefulMs = Number.NEGATIVE_INFINITY;
  #lostSinceMs: number | undefined;
  readonly #toldUntilMs = { lost: 0, busy: 0 };

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /** Something that was asked for has come, whichever request it was that asked. */
  useful(nowMs: number): void {
    this.#usefulMs = nowMs;
    const lostMs = nowMs - (this.#lostSinceMs ?? nowMs);
    this.#lostSinceMs = undefined;
    if (lostMs >= MIN_TOLD_MS) this.#emit({ type: 'recovered', forMs: lostMs });
  }

  /** Whether anything of use has come since then. */
  wasUsefulAfter(ms: number): boolean {
    return this.#usefulMs > ms;
  }

  /**
   * A request waits for a source that is lost, or busy. Whether that is worth a word: the others wait for the same source, and one wait at
   * a time is told.
   */
  waits(kind: 'lost' | 'busy', nowMs: number, waitMs: number): boolean {
    if (kind === 'lost') this.#lostSinceMs ??= nowMs;
    if (nowMs < this.#toldUntilMs[kind]) return false;
    this.#toldUntilMs[kind] = nowMs + waitMs;
    return true;
  }
}
