// Compares two surveys of one run: whether passes make the final one shorter, and what changes meanwhile. Pure.

import type { Change, Trend } from '../report/forecast.js';
import { type Cost, costOf } from './cost.js';
import type { Surveyed } from './inputs.js';

/** A final pass that becomes shorter or longer by less than this share is as long as before. */
const NOTABLE = 0.2;

export function trendOf(beforeMs: number, nowMs: number): Trend {
  if (nowMs <= beforeMs * (1 - NOTABLE)) return 'converging';
  return beforeMs <= nowMs * (1 - NOTABLE) ? 'diverging' : 'flat';
}

/** How long the final copy would have been at each of the two surveys, and what fetching costs. */
interface Lengths {
  beforeMs: number;
  nowMs: number;
  fetching: Cost;
}

export function changeBetween(before: Surveyed, now: Surveyed, { beforeMs, nowMs, fetching }: Lengths): Change {
  const { open, subtrees } = now;
  const overMs = Math.max(1, Math.round(now.listedMs - before.listedMs));
  const fetchMs = costOf(fetching, open);
  return {
    trend: trendOf(beforeMs, nowMs),
    overMs,
    changed: open,
    changedBytesPerSecond: Math.round((open.bytes * 1000) / overMs),
    ...(fetchMs > 0 && { copiedBytesPerSecond: Math.round((open.bytes * 1000) / fetchMs) }),
    subtrees,
  };
}
