import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BLOCK_BYTES } from '../../src/digest/digest.js';
import { createXxh64 } from '../../src/digest/kernels/xxh64.js';
import {
  createFrameReader,
  type FetchRequest,
  type FrameHead,
  MAX_BUNDLE_BYTES,
  MAX_RANGE_BYTES,
  readFetchRequest,
  TRAILER_STATUS,
  writeFetchRequest,
  writeFrameHead,
} from '../../src/wire/frames.js';
import { MAX_PARTS, type Part } from '../../src/wire/parts.js';
import { codeOf, cuts, damage, fuzz, fuzzTimeoutMs } from '../support/fuzz.js';

const hash = createXxh64();

type Sent = { bytes: Uint8Array; status: number } | { refusal: FrameHead };

function frame(sent: Sent): Buffer {
  if ('refusal' in sent) return Buffer.from(writeFrameHead(sent.refusal));
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < sent.bytes.length; at += BLOCK_BYTES) {
    hash.update(sent.bytes.subarray(at, at + BLOCK_BYTES));
    hashes.push(hash.digest());
  }
  return Buffer.concat([
    writeFrameHead({ length: sent.bytes.length }),
    sent.bytes,
    Buffer.from([sent.status]),
    ...hashes,
  ]);
}

const message = fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => text.isWellFormed());
const sent: fc.Arbitrary<Sent> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      bytes: fc.oneof(
        { weight: 8, arbitrary: fc.uint8Array({ maxLength: 200 }) },
        { weight: 1, arbitrary: fc.nat(300).map((more) => Buffer.alloc(BLOCK_BYTES - 150 + more, more)) },
      ),
      status: fc.constantFrom(...Object.values(TRAILER_STATUS)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      refusal: fc.record({
        result: fc.constantFrom('changed' as const, 'vanished' as const, 'failed' as const),
        message,
      }),
    }),
  },
);

interface Told {
  settled: string[];
  /** As text, which compares at once. */
  bytes: string[];
  refused?: string;
  done: boolean;
}

/** Checks what a sink may count on, whatever was sent: parts in order, each settled once, bytes without gaps. */
function read(pieces: Uint8Array[], lengths: number[]): Told {
  const told: Told = { settled: [], bytes: lengths.map(() => ''), done: false };
  const reader = createFrameReader(
    lengths,
    {
      refused(index, result) {
        expect(index).toBe(told.settled.length);
        expect(told.bytes[index]!.length).toBe(0);
        told.settled.push(result);
      },
      bytes(index, chunk, position) {
        expect([index, position]).toEqual([told.settled.length, told.bytes[index]!.length]);
        told.bytes[index] += Buffer.from(chunk).toString('latin1');
      },
      end(index, end) {
        expect([index, told.bytes[index]!.length]).toEqual([told.settled.length, lengths[index]]);
        told.settled.push(end);
      },
    },
    hash,
  );
  try {
    for (const piece of pieces) reader.push(piece);
  } catch (error) {
    told.refused = codeOf(error);
  }
  told.done = reader.done();
  expect(told.done).toBe(told.settled.length === lengths.length);
  return told;
}

const lengthOf = (one: Sent): number => ('refusal' in one ? 7 : one.bytes.length);

test(
  'damaged frames, cut anywhere, never pass for sound ones',
  () => {
    fc.assert(
      fc.property(fc.array(sent, { minLength: 1, maxLength: 6 }), damage, cuts, (all, harm, cut) => {
        const lengths = all.map(lengthOf);
        const stream = harm(Buffer.concat(all.map(frame)));
        const told = read(stream.length > 100_000 ? [stream] : cut(stream), lengths);
        expect(told).toEqual(read([stream], lengths));
        if (told.refused) expect(told.refused).toBe('protocol');
        const sound = all.flatMap((one) => ('bytes' in one ? [Buffer.from(one.bytes).toString('latin1')] : []));
        for (const [i, end] of told.settled.entries())
          if (end === 'as-promised') expect(sound.includes(told.bytes[i]!)).toBe(true);
      }),
      fuzz(600),
    );
  },
  fuzzTimeoutMs,
);

test(
  'undamaged frames are told as they were sent, however they are cut',
  () => {
    fc.assert(
      fc.property(fc.array(sent, { minLength: 1, maxLength: 6 }), cuts, (all, cut) => {
        const stream = Buffer.concat(all.map(frame));
        const told = read(stream.length > 100_000 ? [stream] : cut(stream), all.map(lengthOf));
        const { asPromised, changed, failed, young } = TRAILER_STATUS;
        const names: Record<number, string> = {
          [asPromised]: 'as-promised',
          [young]: 'young',
          [changed]: 'changed',
          [failed]: 'failed',
        };
        expect(told.settled).toEqual(
          all.map((one) => ('refusal' in one ? (one.refusal as { result: string }).result : names[one.status])),
        );
        expect(told.refused).toBeUndefined();
      }),
      fuzz(300),
    );
  },
  fuzzTimeoutMs,
);

const digits = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 63n }), fc.bigInt({ min: 0n, max: 5_000_000n })).map(String);
const name = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }),
  fc.constantFrom('.', '..', '', 'a/b', '\0', '\ud800', 'x'.repeat(1_100)),
);
const part: fc.Arbitrary<Part> = fc.tuple(name, digits, digits, digits);
const dir = fc.oneof(fc.constantFrom('data/0', 'data/0/a', 'data/0/..', '', '/'), fc.string({ maxLength: 20 }));
const request: fc.Arbitrary<FetchRequest> = fc.oneof(
  fc.record({ kind: fc.constant('bundle' as const), dirs: fc.array(fc.tuple(dir, fc.array(part, { maxLength: 4 }))) }),
  fc.record({
    kind: fc.constant('range' as const),
    offset: fc.oneof(
      fc.nat(8).map((blocks) => blocks * BLOCK_BYTES),
      fc.double(),
    ),
    length: fc.oneof(fc.nat(MAX_RANGE_BYTES + 5), fc.double()),
    dirs: fc.tuple(fc.tuple(dir, fc.tuple(part))),
  }),
);

test(
  'a fetch request is refused, or keeps every limit',
  () => {
    fc.assert(
      fc.property(request, damage, (wanted, harm) => {
        let read: FetchRequest;
        try {
          read = readFetchRequest(harm(writeFetchRequest(wanted)));
        } catch (error) {
          return expect(codeOf(error)).toBe('protocol');
        }
        const parts = read.dirs.flatMap(([, parts]) => parts);
        expect(parts.length).toBeLessThanOrEqual(MAX_PARTS);
        for (const [name] of parts) expect(name).toMatch(/^(?!\.{1,2}$)[^/\0]{1,1023}$/);
        if (read.kind === 'bundle')
          return expect(parts.reduce((sum, [, size]) => sum + BigInt(size), 0n) <= MAX_BUNDLE_BYTES).toBe(true);
        const { offset, length } = read;
        expect(offset % BLOCK_BYTES === 0 && offset >= 0 && length >= 1 && length <= MAX_RANGE_BYTES).toBe(true);
        expect(BigInt(offset + length) <= BigInt(parts[0]![1])).toBe(true);
      }),
      fuzz(1_500),
    );
  },
  fuzzTimeoutMs,
);
