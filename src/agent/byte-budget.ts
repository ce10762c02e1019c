// Limits the memory that replies of one kind take in all, counted together by the threads that make them. It allocates no memory itself.

interface ByteBudget {
  /** False, with nothing taken, where less than that is left. */
  take(bytes: number): boolean;
  giveBack(bytes: number): void;
}

/** The counter that several threads share. */
export const sharedBudget = (): SharedArrayBuffer => new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);

/** `maxBytes` is less than 2 GiB. */
export function createByteBudget(maxBytes: number, shared: SharedArrayBuffer): ByteBudget {
  const taken = new Int32Array(shared);
  return {
    take(bytes) {
      for (;;) {
        const before = Atomics.load(taken, 0);
        if (before + bytes > maxBytes) return false;
        if (Atomics.compareExchange(taken, 0, before, before + bytes) === before) return true;
      }
    },
    giveBack(bytes) {
      Atomics.sub(taken, 0, bytes);
    },
  };
}
