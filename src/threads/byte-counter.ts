// Counts bytes in memory that several threads share. The count wraps at 2^63.

/** A counter goes to a thread with its job. */
export type ByteCounter = SharedArrayBuffer;

export const byteCounter = (): ByteCounter => new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);

export const countBytes = (counter: ByteCounter, bytes: number): void =>
  void Atomics.add(new BigInt64Array(counter), 0, BigInt(bytes));

export const bytesIn = (counter: ByteCounter): number => Number(Atomics.load(new BigInt64Array(counter), 0));
