// Limits the requests of one kind at a time: one beyond the limit gets a 503 at once, and no place in a queue.

import { andThen, errorReply, type Reply } from './reply.js';

/** Makes the reply if a slot is free, and keeps the slot until the reply has been sent. */
type Gate = (reply: () => Reply | Promise<Reply>) => Promise<Reply>;

export function createGate(slots: number): Gate {
  let taken = 0;
  const freeSlot = (): void => {
    taken--;
  };
  return async (reply) => {
    if (taken >= slots) return busyReply();
    taken++;
    try {
      return andThen(await reply(), freeSlot);
    } catch (error) {
      freeSlot();
      throw error;
    }
  };
}

/** The Sidecar's message. A Sidecar sends no Retry-After, but its client obeys one. */
export const busyReply = (): Reply =>
  errorReply(503, 'Server is busy processing live migration file requests, please try again later', {
    'retry-after': 1,
  });
