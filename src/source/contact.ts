// Shared between all requests to one source: when the source last made progress for any of them, and since when it has been lost.

import type { Emit } from '../events.js';

/** A shorter loss is not reported. */
const MIN_REPORTED_MS = 1_000;
/** A timer of Node may fire up to this much early, as it counts in whole ms. */
const TIMER_EARLY_MS = 1;

/** All times are in ms of one clock that only goes forward. */
export class Contact {
  readonly #emit: Emit;
  #progressMs = Number.NEGATIVE_INFINITY;
  #lostSinceMs: number | undefined;
  readonly #reportedUntilMs = { lost: 0, busy: 0 };

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /** Some request has received data that it needs. */
  progressed(nowMs: number): void {
    this.#progressMs = nowMs;
    const lostMs = nowMs - (this.#lostSinceMs ?? nowMs);
    this.#lostSinceMs = undefined;
    if (lostMs >= MIN_REPORTED_MS) this.#emit({ type: 'recovered', forMs: lostMs });
  }

  /** Whether any request has made progress since then. */
  hasProgressedSince(ms: number): boolean {
    return this.#progressMs > ms;
  }

  /**
   * A request is about to wait for a source that is lost or busy. True when this wait is to be reported: the other requests wait for the same
   * source, and one wait is reported at a time.
   */
  shouldReportWait(kind: 'lost' | 'busy', nowMs: number, waitMs: number): boolean {
    if (kind === 'lost') this.#lostSinceMs ??= nowMs;
    if (nowMs < this.#reportedUntilMs[kind] - TIMER_EARLY_MS) return false;
    this.#reportedUntilMs[kind] = nowMs + waitMs;
    return true;
  }
}
