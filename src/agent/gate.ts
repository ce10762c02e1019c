// At most so many file requests at once; the next one is told to come back. Keeps no queue.

import { errorReply, type Reply } from './reply.js';

export interface Gate {
  /** Undefined when it is full. What is returned is called once to leave. */
  enter(): (() => void) | undefined;
}

export function createGate(places: number): Gate {
  let taken = 0;
  return {
    enter() {
      if (taken >= places) return undefined;
      taken++;
      return () => {
        taken--;
      };
    },
  };
}

/** The Sidecar's words; it sends no Retry-After, but its client obeys one. */
export const busyReply = (): Reply =>
  errorReply(503, 'Server is busy processing live migration file requests, please try again later', {
    'retry-after': 1,
  });
