// How much of a range under way is proved, in memory that the lane and the main thread share: what the lane has noted is there even when
// its job ends in an error. Writes nothing down.

/** As the main thread finds it. `bytes` are counted from the beginning of the range, and are with the kernel. */
export interface Proved {
  bytes: number;
  /** The file's at the source, when it was opened for the range. */
  ctimeNs: string;
  /** Whether the file was young as any of these bytes were read. */
  young: boolean;
}

const AT = { bytes: 0, ctimeNs: 1, young: 2 } as const;

export const createProved = (): SharedArrayBuffer =>
  new SharedArrayBuffer(Object.keys(AT).length * BigInt64Array.BYTES_PER_ELEMENT);

/** `bytes` last, so that whoever sees them sees what goes with them. */
export function noteProved(shared: SharedArrayBuffer, { bytes, ctimeNs, young }: Proved): void {
  const cells = new BigInt64Array(shared);
  Atomics.store(cells, AT.ctimeNs, BigInt(ctimeNs));
  if (young) Atomics.store(cells, AT.young, 1n);
  Atomics.store(cells, AT.bytes, BigInt(bytes));
}

/** Undefined while nothing is proved. */
export function readProved(shared: SharedArrayBuffer): Proved | undefined {
  const cells = new BigInt64Array(shared);
  const bytes = Number(Atomics.load(cells, AT.bytes));
  if (bytes === 0) return undefined;
  return { bytes, ctimeNs: `${Atomics.load(cells, AT.ctimeNs)}`, young: Atomics.load(cells, AT.young) === 1n };
}
