// Computes percentage, rate and ETA from progress events. The caller gives the times.

import type { Event } from '../events.js';

export type Progress = Extract<Event, { type: 'progress' }>;

export interface Reading {
  /** A whole number that never falls within one phase, at most 99: a line of its own reports the end of a phase. */
  percent: number;
  /** Bytes that moved per second over the window; undefined while the window is too short. */
  bytesPerSecond: number | undefined;
  /** Remaining bytes over that rate, at least 1 s; undefined while nothing moves or only entries without bytes remain. */
  etaMs: number | undefined;
  progress: Progress;
}

/** Long enough to average over big and small files, short enough to follow a change of the rate. */
const WINDOW_MS = 15_000;
const MIN_SPAN_MS = 500;

interface Sample {
  at: number;
  moved: number;
}

/** The progress of one phase at a time. `at` is a time in ms, from any clock that does not run backwards. */
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

  /** Undefined before the first event. `at` may be later than the last event: a stall then shows as a falling rate. */
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

  /** Keeps the newest sample that is older than the window: the window begins there. */
  #forget(at: number): void {
    while (this.#samples.length > 1 && at - this.#samples[1]!.at >= WINDOW_MS) this.#samples.shift();
  }

  #rate(at: number): number | undefined {
    const first = this.#samples[0]!;
    const last = this.#samples.at(-1)!;
    const span = at - first.at;
    return span < MIN_SPAN_MS ? undefined : (Math.max(0, last.moved - first.moved) / span) * 1_000;
  }
}

function percentOf({ bytesDone, bytesTotal, filesDone, filesTotal }: Progress): number {
  const ratio = bytesTotal > 0 ? bytesDone / bytesTotal : filesTotal > 0 ? filesDone / filesTotal : 0;
  return Math.max(0, Math.min(99, Math.floor(ratio * 100)));
}
