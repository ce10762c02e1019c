// Tells the source how fast it may read for digests, and follows how far it is with those of one call, over all its requests and their
// repetitions.

import { randomUUID } from 'node:crypto';
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

/** How gently the source is asked to read, by one request. Bytes a second. */
export interface PaceOfRequest {
  limitRate?: number | undefined;
  yieldFloor?: number | undefined;
  /** An earlier request had a limit, which no longer holds if this one has none. */
  wasLimited?: boolean;
}

/** What the head of a request says of it; an older agent ignores that. `client`: any text that no other client has. */
export const paceInHead = (client: string, { limitRate, yieldFloor, wasLimited }: PaceOfRequest = {}): object => ({
  ...(((limitRate ?? yieldFloor) !== undefined || wasLimited) && { client }),
  ...(limitRate !== undefined && { limitRate }),
  ...(yieldFloor !== undefined && { yieldToIo: true, yieldFloor }),
});

export interface DigestPace {
  /** For the head of each request. */
  head(): object;
  /** Yields what `read` yields; meanwhile a new limit is told at once, because the requests under way may take minutes yet. */
  during<T>(read: () => AsyncGenerator<T>): AsyncGenerator<T>;
  close(): void;
}

/** `tell` sends a request without files, which the next request makes up for if it fails. */
export function createDigestPace(
  { limit, yieldFloor }: PaceWishes = {},
  tell: (head: object) => Promise<void>,
): DigestPace {
  const client = randomUUID();
  let wasLimited = false;
  let reading = 0;
  const head = (): object => {
    const limitRate = limit?.now();
    wasLimited ||= limitRate !== undefined;
    return paceInHead(client, { limitRate, yieldFloor, wasLimited });
  };
  const close = limit?.follow(() => {
    if (reading > 0) void tell(head()).catch(() => {});
  });
  return {
    head,
    async *during(read) {
      reading++;
      try {
        yield* read();
      } finally {
        reading--;
      }
    },
    close: () => close?.(),
  };
}
