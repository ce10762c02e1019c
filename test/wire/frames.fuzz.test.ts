import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BLOCK_BYTES } from '../../src/digest/digest.js';
import { createXxh64 } from '../../src/digest/kernels/xxh64.js';
import { MAX_REQUESTED_FILES, type RequestedFile } from '../../src/wire/file-requests.js';
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

interface Result {
  ended: string[];
  /** As text, which compares at once. */
  bytes: string[];
  refused?: string;
  done: boolean;
}

/** Checks what a sink may count on, whatever was sent: files in order, each ended once, bytes without gaps. */
function read(pieces: Uint8Array[], lengths: number[]): Result {
  const seen: Result = { ended: [], bytes: lengths.map(() => ''), done: false };
  const reader = createFrameReader(
    lengths,
    {
      refused(index, result) {
        expect(index).toBe(seen.ended.length);
        expect(seen.bytes[index]!.length).toBe(0);
        seen.ended.push(result);
      },
      bytes(index, chunk, position) {
        expect([index, position]).toEqual([seen.ended.length, seen.bytes[index]!.length]);
        seen.bytes[index] += Buffer.from(chunk).toString('latin1');
      },
      end(index, end) {
        expect([index, seen.bytes[index]!.length]).toEqual([seen.ended.length, lengths[index]]);
        seen.ended.push(end);
      },
    },
    hash,
  );
  try {
    for (const piece of pieces) reader.push(piece);
  } catch (error) {
    seen.refused = codeOf(error);
  }
  seen.done = reader.done();
  expect(seen.done).toBe(seen.ended.length === lengths.length);
  return seen;
}

const lengthOf = (one: Sent): number => ('refusal' in one ? 7 : one.bytes.length);

test(
  'damaged frames, cut anywhere, never pass for sound ones',
  () => {
    fc.assert(
      fc.property(fc.array(sent, { minLength: 1, maxLength: 6 }), damage, cuts, (all, harm, cut) => {
        const lengths = all.map(lengthOf);
        const stream = harm(Buffer.concat(all.map(frame)));
        const seen = read(stream.length > 100_000 ? [stream] : cut(stream), lengths);
        expect(seen).toEqual(read([stream], lengths));
        if (seen.refused) expect(seen.refused).toBe('protocol');
        const sound = all.flatMap((one) => ('bytes' in one ? [Buffer.from(one.bytes).toString('latin1')] : []));
        for (const [i, end] of seen.ended.entries())
          if (end === 'as-promised') expect(sound.includes(seen.bytes[i]!)).toBe(true);
      }),
      fuzz(600),
    );
  },
  fuzzTimeoutMs,
);

test(
  'undamaged frames are read as they were sent, however they are cut',
  () => {
    fc.assert(
      fc.property(fc.array(sent, { minLength: 1, maxLength: 6 }), cuts, (all, cut) => {
        const stream = Buffer.concat(all.map(frame));
        const seen = read(stream.length > 100_000 ? [stream] : cut(stream), all.map(lengthOf));
        const { asPromised, changed, failed, young } = TRAILER_STATUS;
        const names: Record<number, string> = {
          [asPromised]: 'as-promised',
          [young]: 'young',
          [changed]: 'changed',
          [failed]: 'failed',
        };
        expect(seen.ended).toEqual(
          all.map((one) => ('refusal' in one ? (one.refusal as { result: string }).result : names[one.status])),
        );
        expect(seen.refused).toBeUndefined();
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
const file: fc.Arbitrary<RequestedFile> = fc.tuple(name, digits, digits, digits);
const dir = fc.oneof(fc.constantFrom('data/0', 'data/0/a', 'data/0/..', '', '/'), fc.string({ maxLength: 20 }));
const request: fc.Arbitrary<FetchRequest> = fc.oneof(
  fc.record({ kind: fc.constant('bundle' as const), dirs: fc.array(fc.tuple(dir, fc.array(file, { maxLength: 4 }))) }),
  fc.record({
    kind: fc.constant('range' as const),
    offset: fc.oneof(
      fc.nat(8).map((blocks) => blocks * BLOCK_BYTES),
      fc.double(),
    ),
    length: fc.oneof(fc.nat(MAX_RANGE_BYTES + 5), fc.double()),
    dirs: fc.tuple(fc.tuple(dir, fc.tuple(file))),
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
        const files = read.dirs.flatMap(([, files]) => files);
        expect(files.length).toBeLessThanOrEqual(MAX_REQUESTED_FILES);
        for (const [name] of files) expect(name).toMatch(/^(?!\.{1,2}$)[^/\0]{1,1023}$/);
        if (read.kind === 'bundle')
          return expect(files.reduce((sum, [, size]) => sum + BigInt(size), 0n) <= MAX_BUNDLE_BYTES).toBe(true);
        const { offset, length } = read;
        expect(offset % BLOCK_BYTES === 0 && offset >= 0 && length >= 1 && length <= MAX_RANGE_BYTES).toBe(true);
        expect(BigInt(offset + length) <= BigInt(files[0]![1])).toBe(true);
      }),
      fuzz(1_500),
    );
  },
  fuzzTimeoutMs,
);
