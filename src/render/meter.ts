// From progress events to a percentage, a rate and an ETA. Knows no clock and no terminal; promises nothing it cannot see.

import type { Event } from '../events.js';

export type Progress = Extract<Event, { type: 'progress' }>;

export interface Reading {
  /** Whole, never falling within one phase, and at most 99: the end of a phase is told by its own line. */
  percent: number;
  /** Bytes that moved per second over the window; undefined while there is too little to go by. */
  bytesPerSecond: number | undefined;
  /** Remaining bytes over that rate, at least 1 s; undefined while nothing moves or only entries without bytes remain. */
  etaMs: number | undefined;
  progress: Progress;
}

/** Long enough to even out a big file between two small ones, short enough to follow a change of `--limit-rate`. */
const WINDOW_MS = 15_000;
const SHORTEST_SPAN_MS = 500;

interface Sample {
  at: number;
  moved: number;
}

/** One phase's progress. `at` is a time in ms, from any clock that does not run backwards. */
export class Meter {
  #samples: Sample[] = [];
  #latest: Progress | undefined;
  #percent = 0;

  add(progress: Progress, at: number): void {
    if (this.#latest?.iteration !== progress.iteration || this.#latest.doing !== progress.doing) {
      this.#samples = [];
      this.#percent = 0;
    }
    this.#latest = progress;
    this.#samples.push({ at, moved: progress.bytesDone - (progress.bytesReused ?? 0) });
    this.#forget(at);
  }

  /** Undefined before the first event. `at` may lie after the last event: a stall then shows as a falling rate. */
  read(at: number): Reading | undefined {
    const progress = this.#latest;
    if (!progress) return undefined;
    this.#forget(at);
    this.#percent = Math.max(this.#percent, percentOf(progress));
    const bytesPerSecond = this.#rate(at);
    const remaining = progress.bytesTotal - progress.bytesDone;
    const etaMs = bytesPerSecond && remaining > 0 ? Math.max(1_000, (remaining / bytesPerSecond) * 1_000) : undefined;
    return { percent: this.#percent, bytesPerSecond, etaMs, progress };
  }

  /** The newest sample beyond the window stays: it is where the window begins. */
  #forget(at: number): void {
    while (this.#samples.length > 1 && at - this.#samples[1]!.at >= WINDOW_MS) this.#samples.shift();
  }

  #rate(at: number): number | undefined {
    const first = this.#samples[0]!;
    const last = this.#samples.at(-1)!;
    const span = at - first.at;
    return span < SHORTEST_SPAN_MS ? undefined : (Math.max(0, last.moved - first.moved) / span) * 1_000;
  }
}

function percentOf({ bytesDone, bytesTotal, filesDone, filesTotal }: Progress): number {
  const ratio = bytesTotal > 0 ? bytesDone / bytesTotal : filesTotal > 0 ? filesDone / filesTotal : 0;
  return Math.max(0, Math.min(99, Math.floor(ratio * 100)));
}
