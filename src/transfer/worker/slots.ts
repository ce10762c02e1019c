// Keeps a worker's connections, each with the buffer that it reads into, from one unit to the next.

import { createXxh64 } from '../../digest/kernels/xxh64.js';
import { LmError } from '../../errors.js';
import type { Pacer } from '../../pace/rate.js';
import { Connection, type Endpoint } from '../../source/connection.js';
import type { Slot } from './exchange.js';

export interface Slots {
  use<T>(work: (slot: Slot) => Promise<T>): Promise<T>;
  /** Ends work under way, and all work that begins from now on. */
  stop(): void;
  /** Throws `interrupted`. */
  stopIfAsked(): void;
}

/** Bytes of one read are written and hashed while they are in the core's own cache. */
const RECEIVE_BYTES = 256 << 10;

export function createSlots(origin: Endpoint, pacer: Pacer): Slots {
  const idle: Slot[] = [];
  const busy = new Set<Slot>();
  let stopped = false;

  function stopIfAsked(): void {
    if (stopped) throw new LmError('interrupted', 'stopped');
  }

  /** What a connection reads at a time, and books. Over TLS a buffer holds several records. */
  const receiveBytes = (): number => (origin.tls ? RECEIVE_BYTES : Math.min(RECEIVE_BYTES, pacer.chunkBytes));

  /** One that is idle, unless the limit has changed since so that its buffer no longer fits. */
  function idleSlot(): Slot | undefined {
    const slot = idle.pop();
    if (!slot || slot.hasher.buffer.length === receiveBytes()) return slot;
    slot.connection.close();
    return undefined;
  }

  function open(): Slot {
    const hasher = createXxh64(receiveBytes());
    return { connection: new Connection(origin, hasher.buffer, pacer), hasher };
  }

  return {
    stopIfAsked,
    async use(work) {
      stopIfAsked();
      const slot = idleSlot() ?? open();
      busy.add(slot);
      try {
        const result = await work(slot);
        stopIfAsked(); // stop() closes connections, which looks like a network fault
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
