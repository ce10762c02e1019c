// Converts and compares file times, which no other file does. Times are decimal strings of nanoseconds.

/** The unit to which both sides of a comparison have times: microseconds between two `lm`s, milliseconds with a Sidecar. */
export type TimeUnit = 'us' | 'ms';

/** Whether times are equal when floored to the unit. Rounding would make a time differ from itself after a copy. */
export const sameTime = (aNs: string, bNs: string, unit: TimeUnit): boolean =>
  aNs === bNs || floorTo(aNs, unit) === floorTo(bNs, unit) || (isFar(aNs) && isFar(bNs) && differByRounding(aNs, bNs));

/** From 2106 on and before 1833 (2^32 s), a double of seconds cannot hold a microsecond exactly, and so `utimes` cannot set it. */
function isFar(ns: string): boolean {
  const digits = ns.startsWith('-') ? ns.slice(1) : ns;
  return digits.length > FAR.length || (digits.length === FAR.length && digits >= FAR);
}
const FAR = `${2n ** 32n * 1_000_000_000n}`;
const DOUBLE_STEP_NS = 4_000n;

function differByRounding(aNs: string, bNs: string): boolean {
  const difference = BigInt(aNs) - BigInt(bNs);
  return difference <= DOUBLE_STEP_NS && difference >= -DOUBLE_STEP_NS;
}

const DIGITS = { us: 3, ms: 6 } as const;

function floorTo(ns: string, unit: TimeUnit): string {
  const drop = DIGITS[unit];
  if (ns.startsWith('-')) return floorDivide(BigInt(ns), 10n ** BigInt(drop)).toString();
  return ns.length > drop ? ns.slice(0, -drop) : '0';
}

/** Splits a time into whole microseconds, which a copy keeps, and the nanoseconds beyond them, 0 to 999. */
export function splitMicroseconds(ns: string): [us: string, nanos: number] {
  if (ns.length > 3 && !ns.startsWith('-')) return [ns.slice(0, -3), Number(ns.slice(-3))];
  const us = floorDivide(BigInt(ns), 1000n);
  return [`${us}`, Number(BigInt(ns) - us * 1000n)];
}

export const joinMicroseconds = (us: string, nanos: number): string =>
  us === '0' || us.startsWith('-') ? `${BigInt(us) * 1000n + BigInt(nanos)}` : us + `${nanos}`.padStart(3, '0');

const floorDivide = (a: bigint, b: bigint): bigint => (a >= 0n ? a / b : (a - b + 1n) / b);

/**
 * Seconds for `utimes`: the double next to the microsecond, on the requested side. A double misses most microseconds, by up to 0.12 µs for
 * present dates. The later double reads back the same both where Node truncates to microseconds (20) and where it passes on nanoseconds
 * (24). Before 1970 Node 20 truncates towards zero and needs the earlier one. Negative seconds are a string, because Node takes a negative
 * number to mean "now".
 */
export function utimesSeconds(ns: string, side: 'later' | 'earlier' = 'later'): number | string {
  const us = Number(floorTo(ns, 'us'));
  const nearest = us / 1e6;
  const missedNs = Math.trunc((nearest - Math.trunc(nearest)) * 1e9) - (us % 1e6) * 1000; // as libuv truncates it
  const step = Math.abs(nearest) * 2 ** -53; // more than half the way to the next double, so that the sum is rounded to it
  const seconds =
    side === 'later' && missedNs < 0 ? nearest + step : side === 'earlier' && missedNs > 0 ? nearest - step : nearest;
  return seconds < 0 ? String(seconds) : seconds;
}

/** Milliseconds since the epoch, floored: the Sidecar's `lastModifiedTime`. */
export const milliseconds = (ns: string): number => Number(floorTo(ns, 'ms'));

export const fromMilliseconds = (ms: number): string => `${BigInt(ms) * 1_000_000n}`;

/** Milliseconds of a time in nanoseconds: cut off towards zero, as of a BigInt, which would take five times as long. */
export const msOf = (ns: string): number => Math.trunc(ns.length > 15 ? Number(ns.slice(0, -6)) : Number(ns) / 1e6);
