// Follows how far the source is with the digests of one call, over all its requests and their repetitions.

import type { PaceWishes } from '../pace/local-pace.js';
import type { YieldState } from '../pace/yielding.js';
import type { DigestProgress } from './messages.js';

/** `bytes`: read so far, of all files of one call. `yielding`: undefined where the source does not yield. */
export interface SourceProgress {
  bytes: number;
  yielding: YieldState | undefined;
}

export interface Follower {
  /** Called before each request: what a lost one has read without an answer is read again. */
  begin(): void;
  /** Called for each answer, with the size of its file. */
  answered(bytes: number): void;
  /** Returns whether the source has read more than it had before: it works, however long the next answer takes. */
  said(progress: DigestProgress): boolean;
}

/** `total`: the bytes of all files of the call; more than that is not believed. */
export function followSource(total: number, report?: (far: SourceProgress) => void): Follower {
  let [atBegin, answered, furthest] = [0, 0, 0];
  let yielding: SourceProgress['yielding'];
  const reach = (bytes: number): boolean => {
    const isFurther = Math.min(total, bytes) > furthest;
    if (isFurther) furthest = Math.min(total, bytes);
    report?.({ bytes: furthest, yielding });
    return isFurther;
  };
  return {
    begin() {
      atBegin = answered;
    },
    answered(bytes) {
      answered += bytes;
      reach(answered);
    },
    said(progress) {
      ({ yielding } = progress);
      return reach(atBegin + progress.bytes);
    },
  };
}

/** What the head of a request says of it; an older agent ignores that. `client`: any text that no other client has. */
export const paceInHead = (client: string, { limitRate, yieldFloor }: PaceWishes = {}): object => ({
  ...((limitRate ?? yieldFloor) !== undefined && { client }),
  ...(limitRate !== undefined && { limitRate }),
  ...(yieldFloor !== undefined && { yieldToIo: true, yieldFloor }),
});
