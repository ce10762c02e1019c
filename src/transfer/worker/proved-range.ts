// Notes how much of a range under way is proved, in memory that the worker and the main thread share: the main thread can read it even when
// the job ends in an error.

import { BLOCK_BYTES, BLOCK_DIGEST_BYTES } from '../../digest/digest.js';

/** The noted state. `bytes` are counted from the beginning of the range, and are written. */
interface Proved {
  bytes: number;
  /** The ctime of the source's file when it was opened for the range. */
  ctimeNs: string;
  /** Whether the file was young when any of these bytes were read. */
  young: boolean;
}

/** The hashes of the blocks follow. */
const AT = { bytes: 0, ctimeNs: 1, young: 2 } as const;
const CELLS = Object.keys(AT).length;
const CELL_BYTES = BigInt64Array.BYTES_PER_ELEMENT;

/** For a range of at most so many bytes. */
export const createProved = (bytes: number): SharedArrayBuffer =>
  new SharedArrayBuffer(CELLS * CELL_BYTES + Math.ceil(bytes / BLOCK_BYTES) * BLOCK_DIGEST_BYTES);

/**
 * Notes that one more block is proved, whose XXH64 is `digest`. Stores `bytes` last, so that a reader who sees them also sees the other
 * values.
 */
export function noteProved(shared: SharedArrayBuffer, { bytes, ctimeNs, young }: Proved, digest: Uint8Array): void {
  const cells = new BigInt64Array(shared, 0, CELLS);
  const block = Math.ceil(bytes / BLOCK_BYTES) - 1;
  new Uint8Array(shared).set(digest, CELLS * CELL_BYTES + block * BLOCK_DIGEST_BYTES);
  Atomics.store(cells, AT.ctimeNs, BigInt(ctimeNs));
  if (young) Atomics.store(cells, AT.young, 1n);
  Atomics.store(cells, AT.bytes, BigInt(bytes));
}

/** Undefined while nothing is proved. `blocks`: the XXH64 of each block up to `bytes`. */
export function readProved(shared: SharedArrayBuffer): (Proved & { blocks: Uint8Array }) | undefined {
  const cells = new BigInt64Array(shared, 0, CELLS);
  const bytes = Number(Atomics.load(cells, AT.bytes));
  if (bytes === 0) return undefined;
  const length = Math.ceil(bytes / BLOCK_BYTES) * BLOCK_DIGEST_BYTES;
  return {
    bytes,
    ctimeNs: `${Atomics.load(cells, AT.ctimeNs)}`,
    young: Atomics.load(cells, AT.young) === 1n,
    blocks: Uint8Array.from(new Uint8Array(shared, CELLS * CELL_BYTES, length)),
  };
}
