// How many bytes of memory a kind of reply may take in all, counted together by the threads that make it. Allocates nothing itself.

export interface ByteBudget {
  /** False, and nothing is taken, where that is more than is left. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** What several threads share to keep one budget together. */
export const sharedBudget = (): SharedArrayBuffer => new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);

/** `most` is less than 2 GiB. */
export function createByteBudget(most: number, shared: SharedArrayBuffer): ByteBudget {
  const taken = new Int32Array(shared);
  return {
    take(bytes) {
      for (;;) {
        const before = Atomics.load(taken, 0);
        if (before + bytes > most) return false;
        if (Atomics.compareExchange(taken, 0, before, before + bytes) === before) return true;
      }
    },
    give(bytes) {
      Atomics.sub(taken, 0, bytes);
    },
  };
}
