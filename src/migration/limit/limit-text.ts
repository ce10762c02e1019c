// Describes a limit for people.

import { formatRate } from '../../amounts.js';
import { holdingAt, type RateLimit } from '../../pace/rate-limit.js';

/** `50.0 MiB/s`, `none`; of a timetable `50.0 MiB/s until 18:00, then 400.0 MiB/s (Europe/Berlin)`. */
export function limitText(limit: RateLimit | undefined, ms = Date.now()): string {
  if (!limit) return 'none';
  const { bytesPerSecond, next } = holdingAt(limit, ms);
  const now = rateText(bytesPerSecond);
  return next ? `${now} until ${next.at}, then ${rateText(next.bytesPerSecond)} (${limit.zone})` : now;
}

const rateText = (bytesPerSecond: number | undefined): string =>
  bytesPerSecond === undefined ? 'none' : formatRate(bytesPerSecond);
