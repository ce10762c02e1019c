// Learns what fetching or reading files costs, by the byte and by the file, from what it has cost before. Pure.

import type { Share } from '../report/parts.js';

/** Work that was measured. */
export interface Sample extends Share {
  ms: number;
}

/** None is negative, so that more work never costs less. */
export interface Cost {
  /** Of any work at all. */
  baseMs: number;
  msPerByte: number;
  msPerEntry: number;
}

export const costOf = ({ baseMs, msPerByte, msPerEntry }: Cost, { bytes, entries }: Share): number =>
  bytes + entries === 0 ? 0 : baseMs + msPerByte * bytes + msPerEntry * entries;

/** Below so many bytes a sample says more of latency than of a rate. */
const TELLING_BYTES = 8 * 2 ** 20;

/** Each sample counts for half of the one after it: what a pass has to do is most like what the pass before had to do. */
const FADING = 0.5;

/** How much the relation of the three in `prior` counts, beside the newest sample. */
const PRIOR_WEIGHT = 0.001;

const ROUNDS = 200;

/**
 * Fits the three to `samples`, the oldest first, by least squares of errors relative to what was measured or reckoned, whichever is more: ten
 * times too much is as wrong as ten times too little. Where samples do not tell the three apart, `prior` does; the rate of it only where no
 * sample is large enough to tell of one.
 */
export function learnCost(samples: readonly Sample[], prior: Cost): Cost {
  const told = samples.filter(({ ms, bytes, entries }) => ms > 0 && bytes + entries > 0);
  if (told.length === 0) return prior;
  const start = [prior.baseMs, rateIn(told, prior), prior.msPerEntry];
  const rows = told.map((sample, i) => ({
    weight: FADING ** (told.length - 1 - i),
    terms: [1, sample.bytes, sample.entries].map((amount, k) => (amount * start[k]!) / sample.ms),
  }));
  const factors = [1, 1, 1];
  for (let round = 0; round < ROUNDS; round++)
    for (const k of factors.keys()) {
      let [upper, lower] = [PRIOR_WEIGHT, PRIOR_WEIGHT];
      for (const { weight, terms } of rows) {
        const own = terms[k]!;
        const reckoned = terms.reduce((sum, term, i) => sum + term * factors[i]!, 0);
        const counts = weight / Math.max(1, reckoned) ** 2;
        upper += counts * own * (1 - reckoned + own * factors[k]!);
        lower += counts * own ** 2;
      }
      factors[k] = Math.max(0, upper / lower);
    }
  const [baseMs, msPerByte, msPerEntry] = start.map((value, k) => value * factors[k]!) as [number, number, number];
  return { baseMs, msPerByte, msPerEntry };
}

/** What a byte has cost in all samples together, less what the rest is taken to have cost. */
function rateIn(samples: readonly Sample[], { baseMs, msPerByte, msPerEntry }: Cost): number {
  const telling = samples.filter(({ bytes }) => bytes >= TELLING_BYTES);
  const bytes = telling.reduce((sum, sample) => sum + sample.bytes, 0);
  const ms = telling.reduce((sum, sample) => sum + Math.max(0, sample.ms - baseMs - msPerEntry * sample.entries), 0);
  return ms > 0 ? ms / bytes : msPerByte;
}
