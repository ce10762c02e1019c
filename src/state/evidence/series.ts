// Samples a growing number over time, in a bounded number of points, however long it grows.

import type { Point } from './records.js';

const MAX_POINTS = 200;
const FIRST_STEP_MS = 100;

/** Whenever it is full, every second point goes, and further ones come half as often. */
export class Series {
  #points: Point[] = [];
  #last: Point | undefined;
  #stepMs = FIRST_STEP_MS;

  add(ms: number, bytes: number): void {
    this.#last = [Math.round(ms), bytes];
    const before = this.#points.at(-1);
    if (before && ms - before[0] < this.#stepMs) return;
    this.#points.push(this.#last);
    if (this.#points.length < MAX_POINTS) return;
    this.#points = this.#points.filter((_, i) => i % 2 === 0);
    this.#stepMs *= 2;
  }

  /** With the last number that was added, wherever it fell. At most 200 points. */
  points(): Point[] {
    const { length } = this.#points;
    if (!this.#last || this.#points[length - 1] === this.#last) return [...this.#points];
    return [...this.#points, this.#last];
  }
}
