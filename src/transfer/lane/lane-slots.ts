// A lane's connections, each with the memory it reads into: taken for one unit, kept for the next. Asks for nothing itself.

import { createXxh64 } from '../../digest/kernels/xxh64.js';
import { LmError } from '../../errors.js';
import { Connection, type Origin } from '../../source/connection.js';
import type { Pacer } from '../../wire/rate.js';
import type { Slot } from './exchange.js';

export interface Slots {
  use<T>(work: (slot: Slot) => Promise<T>): Promise<T>;
  /** Ends what is under way, and whatever is begun from now on. */
  stop(): void;
  /** Throws `interrupted`. */
  stopIfAsked(): void;
}

/** What is read at once is written and hashed while it is in the core's own cache. */
const RECEIVE_BYTES = 256 << 10;

export function createSlots(origin: Origin, pacer: Pacer): Slots {
  const idle: Slot[] = [];
  const busy = new Set<Slot>();
  let stopped = false;

  function stopIfAsked(): void {
    if (stopped) throw new LmError('interrupted', 'stopped');
  }

  function open(): Slot {
    const hasher = createXxh64(origin.tls ? RECEIVE_BYTES : Math.min(RECEIVE_BYTES, pacer.chunkBytes));
    return { connection: new Connection(origin, hasher.buffer, pacer), hasher };
  }

  return {
    stopIfAsked,
    async use(work) {
      stopIfAsked();
      const slot = idle.pop() ?? open();
      busy.add(slot);
      try {
        const result = await work(slot);
        stopIfAsked(); // a connection that was closed for that looks like a fault of the network
        return result;
      } finally {
        busy.delete(slot);
        idle.push(slot);
      }
    },
    stop() {
      stopped = true;
      for (const slot of busy) slot.connection.close();
    },
  };
}
