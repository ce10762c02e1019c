// Measures, by the events of a run, how long each part of a pass takes, and samples its bytes on the way. A part lasts until the next
// begins, so that parts add up to the pass.

import type { Event } from '../../events.js';
import type { PassTimes, Point } from './records.js';
import { Series } from './series.js';

export class PassClock {
  #beganMs: number | undefined;
  /** When the present part of the pass began. */
  #sinceMs = 0;
  #part: keyof PassTimes = 'guardMs';
  #times: PassTimes = {};
  #series = new Series();
  /** When a verification began; what it repairs comes after that. */
  #verifyingMs: number | undefined;
  #bytesCompared = 0;

  listen(event: Event, nowMs: number): void {
    if (this.#beganMs === undefined) this.#begin(nowMs);
    if (event.type === 'progress' && ARRIVING.has(event.doing)) {
      this.#series.add(nowMs - (this.#verifyingMs ?? this.#beganMs!), event.bytesDone);
      if (event.doing === 'verify') this.#bytesCompared = event.bytesDone;
    }
    if (event.type !== 'phase') return;
    const part = PARTS[event.state];
    if (part === undefined) return;
    if (event.state === 'VERIFYING') this.#verifyingMs ??= nowMs;
    this.#endPart(nowMs);
    this.#part = part;
  }

  /** The next pass begins here. */
  endPass(nowMs: number): { beganMs: number; times: PassTimes; series?: Point[] } {
    this.#endPart(nowMs);
    const [beganMs, times, series] = [this.#beganMs ?? nowMs, this.#times, this.#series.points()];
    this.#begin(nowMs);
    return { beganMs, times, ...(series.length > 0 && { series }) };
  }

  endVerification(): { beganMs: number; bytesCompared: number; series?: Point[] } {
    const series = this.#series.points();
    return {
      beganMs: this.#verifyingMs ?? this.#sinceMs,
      bytesCompared: this.#bytesCompared,
      ...(series.length > 0 && { series }),
    };
  }

  #begin(nowMs: number): void {
    this.#beganMs = this.#sinceMs = nowMs;
    this.#part = 'guardMs';
    this.#times = {};
    this.#series = new Series();
  }

  #endPart(nowMs: number): void {
    this.#times[this.#part] = (this.#times[this.#part] ?? 0) + nowMs - this.#sinceMs;
    this.#sinceMs = nowMs;
  }
}

/** Bytes that a copy compares do not arrive, and those that a repair mends have been compared. */
const ARRIVING: ReadonlySet<Extract<Event, { type: 'progress' }>['doing']> = new Set(['download', 'verify']);

/** What each phase that a run enters is the beginning of; the states in which a pass ends begin nothing. */
const PARTS: Partial<Record<Extract<Event, { type: 'phase' }>['state'], keyof PassTimes>> = {
  WAITING: 'waitMs',
  LISTING: 'listMs',
  COMPARING: 'compareMs',
  CLEANING: 'cleanMs',
  PREPARING: 'proveMs',
  DOWNLOADING: 'fetchMs',
  SYNCING: 'syncMs',
  VERIFYING: 'compareMs',
  REPAIRING: 'fetchMs',
};
