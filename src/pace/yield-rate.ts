// Decides how fast to read beside a service whose disk is busy: pressure in, rate out. It reads no clock and no file.

/** Bytes a second. */
export interface YieldBounds {
  /** Reading goes on at this rate however busy the disk is, or it would never end. A ceiling below it holds in its place. */
  floor: number;
  /** Infinity for none. */
  ceiling: number;
}

export interface YieldRate {
  bytesPerSecond: number;
  /** No pressure has been seen yet: the rate is still looking for its place. */
  isRising: boolean;
}

/** What the last second or so was like. */
export interface PressureSample {
  /** The share of the time in which some process of the host waited for a disk, 0 to 1. */
  pressure: number;
  /** What was read here meanwhile, in bytes a second. */
  readPerSecond: number;
}

/** Above this share of the time, the rate is halved each second. */
export const BUSY = 0.4;
/** Below this one it rises again. In between it stays. */
export const CALM = 0.2;

const BACK_OFF = 0.5;
const RISE_AT_FIRST = 2;
/** Doubled in seven calm seconds, after one busy second has halved it. */
const RISE = 1.1;

/** Begins at the floor: the first second of a long read must not be the one that hurts. */
export const firstRate = ({ floor, ceiling }: YieldBounds): YieldRate => ({
  bytesPerSecond: Math.min(floor, ceiling),
  isRising: true,
});

/** The rate for the next second. */
export function nextRate(
  { bytesPerSecond: rate, isRising }: YieldRate,
  { pressure, readPerSecond }: PressureSample,
  bounds: YieldBounds,
): YieldRate {
  if (pressure > BUSY) return within(bounds, Math.min(rate, Math.max(readPerSecond, 1)) * BACK_OFF, false);
  if (pressure >= CALM) return within(bounds, rate, isRising);
  const risen = rate * (isRising ? RISE_AT_FIRST : RISE);
  // What is not used proves nothing: a rate far above what is read would take many busy seconds to come down to where it matters.
  return within(bounds, Math.max(rate, Math.min(risen, readPerSecond * RISE_AT_FIRST)), isRising);
}

const within = ({ floor, ceiling }: YieldBounds, rate: number, isRising: boolean): YieldRate => ({
  bytesPerSecond: Math.min(ceiling, Math.max(floor, rate)),
  isRising,
});
