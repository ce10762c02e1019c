// A count of bytes that several threads add to. Wraps at 2^63.

/** Shared memory, so that it goes to a thread with its job. */
export type ByteCounter = SharedArrayBuffer;

export const byteCounter = (): ByteCounter => new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);

export const countBytes = (counter: ByteCounter, bytes: number): void =>
  void Atomics.add(new BigInt64Array(counter), 0, BigInt(bytes));

export const bytesIn = (counter: ByteCounter): number => Number(Atomics.load(new BigInt64Array(counter), 0));
