// The limit of a run or an agent as it is now: a timetable changes it, and so may its operator. Whoever calls `look` has the timer.

import { type RateLimit, rateAt } from './rate-limit.js';

export interface LiveLimit {
  /** Bytes a second; undefined for none. */
  now(): number | undefined;
  /** What was stated last; undefined for none. */
  stated(): RateLimit | undefined;
  /** Holds from now on in place of what was stated before. */
  state(limit: RateLimit | undefined): void;
  /** Looks at the clock; returns whether another rate holds than before. */
  look(): boolean;
  /** Calls `set` at once and after each change, until the returned function is called. */
  follow(set: (bytesPerSecond: number | undefined) => void): () => void;
}

/** `clock` is in milliseconds since the epoch. */
export function createLiveLimit(limit: RateLimit | undefined, clock: () => number = Date.now): LiveLimit {
  let stated = limit;
  let rate = rateAt(stated, clock());
  const followers = new Set<(bytesPerSecond: number | undefined) => void>();
  const look = (): boolean => {
    const before = rate;
    rate = rateAt(stated, clock());
    if (rate === before) return false;
    for (const set of followers) set(rate);
    return true;
  };
  return {
    now: () => rate,
    stated: () => stated,
    state(next) {
      stated = next;
      look();
    },
    look,
    follow(set) {
      const follower = (bytesPerSecond: number | undefined): void => set(bytesPerSecond);
      followers.add(follower);
      set(rate);
      return () => void followers.delete(follower);
    },
  };
}
