// The one place where file times are converted and compared. Times travel as decimal strings of nanoseconds.

/** What both ends of a comparison can hold: microseconds between two `lm`s, milliseconds with a Sidecar. */
export type TimeUnit = 'us' | 'ms';

/** Equal when floored to the unit. Never rounds: a rounded time would differ from itself after a copy. */
export const sameTime = (aNs: string, bNs: string, unit: TimeUnit): boolean =>
  aNs === bNs || floorTo(aNs, unit) === floorTo(bNs, unit) || (isFar(aNs) && isFar(bNs) && differAsDoublesDo(aNs, bNs));

/** From 2106 on (2^32 s) a double of seconds no longer tells microseconds apart, and so `utimes` cannot set them. */
const isFar = (ns: string): boolean => ns.length > FAR.length || (ns.length === FAR.length && ns >= FAR);
const FAR = `${2n ** 32n * 1_000_000_000n}`;
const DOUBLE_STEP_NS = 4_000n;

function differAsDoublesDo(aNs: string, bNs: string): boolean {
  const difference = BigInt(aNs) - BigInt(bNs);
  return difference <= DOUBLE_STEP_NS && difference >= -DOUBLE_STEP_NS;
}

const DIGITS = { us: 3, ms: 6 } as const;

function floorTo(ns: string, unit: TimeUnit): string {
  const drop = DIGITS[unit];
  if (ns.startsWith('-')) return floorDivide(BigInt(ns), 10n ** BigInt(drop)).toString();
  return ns.length > drop ? ns.slice(0, -drop) : '0';
}

/** A time cut in two: the whole microseconds, which a copy keeps, and the nanoseconds beyond them, 0 to 999. */
export function splitMicroseconds(ns: string): [us: string, rest: number] {
  if (ns.length > 3 && !ns.startsWith('-')) return [ns.slice(0, -3), Number(ns.slice(-3))];
  const us = floorDivide(BigInt(ns), 1000n);
  return [`${us}`, Number(BigInt(ns) - us * 1000n)];
}

export const joinMicroseconds = (us: string, rest: number): string =>
  us === '0' || us.startsWith('-') ? `${BigInt(us) * 1000n + BigInt(rest)}` : us + `${rest}`.padStart(3, '0');

const floorDivide = (a: bigint, b: bigint): bigint => (a >= 0n ? a / b : (a - b + 1n) / b);

/**
 * Seconds for `utimes`, which takes a double and cuts it to whole microseconds, towards zero: the half microsecond away from
 * zero keeps the double's error (up to 0.24 µs for present dates) from reading back one short. A string before
 * 1970, because Node takes a negative number to mean "now".
 */
export const utimesSeconds = (ns: string): number | string => {
  const us = Number(floorTo(ns, 'us'));
  return us < 0 ? String(us / 1e6 - 5e-7) : us / 1e6 + 5e-7;
};

/** Milliseconds since the epoch, floored: the Sidecar's `lastModifiedTime`. */
export const milliseconds = (ns: string): number => Number(floorTo(ns, 'ms'));

export const fromMilliseconds = (ms: number): string => `${BigInt(ms) * 1_000_000n}`;
