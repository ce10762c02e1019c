// At most so many requests of a kind at once; the next one is told to come back. Keeps no queue.

import { andThen, errorReply, type Reply } from './reply.js';

/** Makes the reply if there is a place, which is kept until the reply has been sent. */
export type Gate = (reply: () => Reply | Promise<Reply>) => Promise<Reply>;

export function createGate(places: number): Gate {
  let taken = 0;
  const leave = (): void => {
    taken--;
  };
  return async (reply) => {
    if (taken >= places) return busyReply();
    taken++;
    try {
      return andThen(await reply(), leave);
    } catch (error) {
      leave();
      throw error;
    }
  };
}

/** The Sidecar's words; it sends no Retry-After, but its client obeys one. */
export const busyReply = (): Reply =>
  errorReply(503, 'Server is busy processing live migration file requests, please try again later', {
    'retry-after': 1,
  });
