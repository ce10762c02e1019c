// The number of runs of the fuzz tests, and how they damage and cut bytes.

import fc from 'fast-check';
import { LmError } from '../../src/errors.js';
import { LONG } from './form.js';

/** `FUZZ=200 npm run test:fuzz` makes every property run 200 times as often, each time from another seed. */
const FACTOR = Number(process.env['FUZZ'] ?? 1);

/** `FUZZ_SEED=n` repeats what fast-check printed when a property failed. */
const SEED = process.env['FUZZ_SEED'] === undefined ? undefined : Number(process.env['FUZZ_SEED']);

/** For `fc.assert`: in every `npm test` the same examples, so that a failure there comes from the change, and a third of `runs`. */
export const fuzz = (runs: number): { numRuns: number; seed?: number } => ({
  numRuns: Math.ceil(LONG ? runs * FACTOR : runs / 3),
  ...(SEED !== undefined ? { seed: SEED } : FACTOR === 1 ? { seed: 1 } : {}),
});

/** The timeout of a test whose time grows with the runs. */
export const fuzzTimeoutMs = 600_000 * Math.max(1, FACTOR);

/** One kind of damage. `at` is a share of the length, so that it applies to bytes of any length. */
type Edit =
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'drop' | 'repeat' | 'swap'; at: number; bytes: number }
  | { kind: 'insert' | 'overwrite'; at: number; data: Uint8Array }
  | { kind: 'cut'; at: number };

const at = fc.double({ min: 0, max: 1, noNaN: true });
const few = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 4096 }));

/** Bytes that have a meaning in one of the formats. */
const telling = fc.constantFrom(...['\n', '\r\n', '\r\n\r\n', '\0', '"', '\\', ',', '[', '{', '-', '9', ' ', '\xff']);

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at, bit: fc.nat(7) }),
  fc.record({ kind: fc.constantFrom('drop' as const, 'repeat' as const, 'swap' as const), at, bytes: few }),
  fc.record({
    kind: fc.constantFrom('insert' as const, 'overwrite' as const),
    at,
    data: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 12 }),
      telling.map((text) => Buffer.from(text, 'latin1')),
    ),
  }),
  fc.record({ kind: fc.constant('cut' as const), at }),
);

/** Up to four damages; sometimes none. */
export const damage: fc.Arbitrary<(bytes: Uint8Array) => Buffer> = fc
  .array(edit, { maxLength: 4 })
  .map((edits) => Object.assign((bytes: Uint8Array) => edits.reduce(apply, Buffer.from(bytes)), { edits }));

function apply(bytes: Buffer, edit: Edit): Buffer {
  const from = Math.floor(edit.at * bytes.length);
  const [before, after] = [bytes.subarray(0, from), bytes.subarray(from)];
  switch (edit.kind) {
    case 'flip': {
      const flipped = Buffer.from(bytes);
      if (from < flipped.length) flipped[from]! ^= 1 << edit.bit;
      return flipped;
    }
    case 'drop':
      return Buffer.concat([before, after.subarray(edit.bytes)]);
    case 'repeat':
      return Buffer.concat([before, after.subarray(0, edit.bytes), after]);
    case 'swap':
      return Buffer.concat([
        before,
        after.subarray(edit.bytes, 2 * edit.bytes),
        after.subarray(0, edit.bytes),
        after.subarray(2 * edit.bytes),
      ]);
    case 'insert':
      return Buffer.concat([before, edit.data, after]);
    case 'overwrite':
      return Buffer.concat([before, edit.data, after.subarray(edit.data.length)]);
    case 'cut':
      return before;
  }
}

/** How bytes arrive: from one piece to single bytes. */
export const cuts: fc.Arbitrary<(bytes: Uint8Array) => Uint8Array[]> = fc
  .oneof(
    fc.constant<number[]>([]),
    fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }),
    fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 5 }),
  )
  .map((sizes) => Object.assign((bytes: Uint8Array) => cut(bytes, sizes), { sizes }));

function cut(bytes: Uint8Array, sizes: number[]): Uint8Array[] {
  if (sizes.length === 0) return [bytes];
  const pieces: Uint8Array[] = [];
  for (let from = 0, i = 0; from < bytes.length; i++) {
    const to = from + sizes[i % sizes.length]!;
    pieces.push(bytes.subarray(from, to));
    from = to;
  }
  return pieces;
}

export async function* stream(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

/** The code of an LmError; any other error is a crash, and is thrown again. */
export function codeOf(error: unknown): string {
  if (error instanceof LmError) return error.code;
  throw error;
}
