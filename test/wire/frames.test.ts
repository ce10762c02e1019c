import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BLOCK_BYTES } from '../../src/digest/digest.js';
import { createXxh64 } from '../../src/digest/kernels/xxh64.js';
import { MAX_REQUESTED_FILES, type RequestedFile } from '../../src/wire/file-requests.js';
import {
  createFrameReader,
  type FetchRequest,
  FRAME_HEAD_BYTES,
  MAX_BUNDLE_BYTES,
  MAX_RANGE_BYTES,
  readFetchRequest,
  TRAILER_STATUS,
  trailerBytes,
  writeFetchRequest,
  writeFrameHead,
} from '../../src/wire/frames.js';

const hash = createXxh64();

/** A frame as the contract describes it, built a second way: everything in one piece. */
function frame(bytes: Uint8Array, status: number = TRAILER_STATUS.asPromised): Buffer {
  hash.reset();
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    hash.update(bytes.subarray(at, at + BLOCK_BYTES));
    hashes.push(hash.digest());
  }
  return Buffer.concat([writeFrameHead({ length: bytes.length }), bytes, Buffer.from([status]), ...hashes]);
}

/** Feeds the stream cut after each of `cuts` bytes and returns what the sink received. */
function read(stream: Uint8Array, lengths: number[], cuts: number[]) {
  const results: { bytes: Buffer; end?: string; refused?: string }[] = lengths.map(() => ({ bytes: Buffer.alloc(0) }));
  const reader = createFrameReader(
    lengths,
    {
      refused: (i, result, message) => {
        results[i]!.refused = `${result}: ${message}`;
      },
      bytes: (i, chunk, position) => {
        expect(position).toBe(results[i]!.bytes.length);
        results[i]!.bytes = Buffer.concat([results[i]!.bytes, chunk]);
      },
      end: (i, end) => {
        results[i]!.end = end;
      },
    },
    hash,
  );
  let from = 0;
  for (const cut of [...cuts, stream.length]) {
    const to = Math.min(stream.length, Math.max(from, cut));
    if (to > from) reader.push(stream.subarray(from, to));
    from = to;
  }
  return { results, done: reader.done() };
}

describe('createFrameReader', () => {
  const contents = [Buffer.from('hello\n'), Buffer.alloc(0), Buffer.from('x')];
  const refusal = writeFrameHead({ result: 'vanished', message: 'no such file' });
  const mute = writeFrameHead({ result: 'failed', message: '' });
  const stream = Buffer.concat([
    frame(contents[0]!),
    frame(contents[1]!),
    refusal,
    mute,
    frame(contents[2]!, TRAILER_STATUS.changed),
  ]);
  const lengths = [6, 0, 3, 2, 1];

  test('reads the same wherever the stream is cut', () => {
    const whole = read(stream, lengths, []);
    expect(whole.done).toBe(true);
    expect(whole.results.map((t) => t.end ?? t.refused)).toEqual([
      'as-promised',
      'as-promised',
      'vanished: no such file',
      'failed: ',
      'changed',
    ]);
    for (let cut = 0; cut <= stream.length; cut++) expect(read(stream, lengths, [cut])).toEqual(whole);
  });

  test('is never done before the last byte, and ends no file early', () => {
    for (let cut = 0; cut < stream.length; cut++) {
      const { results, done } = read(stream.subarray(0, cut), lengths, []);
      expect(done).toBe(false);
      expect(results[4]!.end).toBeUndefined();
    }
  });

  test('anything else ends in a refusal or in nothing, and never in other bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.array(fc.nat(4), { maxLength: 4 }), (bytes, lengths) => {
        try {
          for (const { end } of read(bytes, lengths, []).results) expect(end).not.toBe('as-promised');
        } catch (error) {
          expect(error).toMatchObject({ code: 'protocol' });
        }
      }),
    );
  });

  test('a message is cut to what a reader takes', () => {
    const results = read(writeFrameHead({ result: 'failed', message: 'é'.repeat(2000) }), [1], []).results;
    expect(results[0]!.refused).toBe(`failed: ${'é'.repeat(512)}`);
  });

  test('finds a flipped byte in any block', () => {
    const bytes = Buffer.alloc(2 * BLOCK_BYTES + 3, 7);
    const good = frame(bytes);
    for (const at of [0, BLOCK_BYTES, 2 * BLOCK_BYTES + 2, bytes.length + 1, bytes.length + 24]) {
      const bad = Buffer.from(good);
      bad[FRAME_HEAD_BYTES + at]! ^= 1;
      expect(read(bad, [bytes.length], []).results[0]!.end).toBe('damaged');
    }
    expect(read(good, [bytes.length], []).results[0]!.end).toBe('as-promised');
    expect(good.length).toBe(FRAME_HEAD_BYTES + bytes.length + trailerBytes(bytes.length));
  });

  test('no flipped bit of a status makes a file whole, or ends it in another way', () => {
    for (const status of Object.values(TRAILER_STATUS))
      for (let bit = 0; bit < 8; bit++) {
        const bytes = Buffer.from('torn\0\0');
        expect(read(frame(bytes, status ^ (1 << bit)), [bytes.length], []).results[0]!.end).toBe('damaged');
      }
  });

  test('any cuts of blocks that span chunks', () => {
    const bytes = Buffer.alloc(BLOCK_BYTES + 77, 1);
    const stream = frame(bytes);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 6 }), (cuts) => {
        cuts.sort((a, b) => a - b);
        expect(read(stream, [bytes.length], cuts).results[0]!.end).toBe('as-promised');
      }),
      { numRuns: 20 },
    );
  });

  test.each([
    ['another length', frame(Buffer.from('abc')), [4]],
    ['bytes behind the last frame', Buffer.concat([frame(Buffer.from('a')), Buffer.from([0])]), [1]],
    ['another kind', Buffer.from([4, 1, 0, 0, 0, 0x61]), [1]],
    ['text', Buffer.from('hello\n'), [1]],
    ['a message that is too long', Buffer.from([1, 1, 4, 0, 0]), [1]],
  ])('refuses %s', (_, stream, lengths) =>
    expect(() => read(stream, lengths, [])).toThrow(expect.objectContaining({ code: 'protocol' })),
  );
});

describe('readFetchRequest', () => {
  const file = (name: string, size: string | number = '1'): RequestedFile => [name, String(size), '-5', '9'];
  const range = (offset: number, length: number, size = 200 * BLOCK_BYTES): FetchRequest => ({
    kind: 'range',
    offset,
    length,
    dirs: [['data/0', [file('x', size)]]],
  });

  test.each([
    { kind: 'bundle', dirs: [] },
    {
      kind: 'bundle',
      dirs: [
        ['data/0', [file('a\nb'), file('é')]],
        ['data/1/x', [file('c', MAX_BUNDLE_BYTES - 2)]],
      ],
    },
    range(3 * BLOCK_BYTES, MAX_RANGE_BYTES),
    range(0, 1, 1),
  ] as FetchRequest[])('reads what was written %#', (request) =>
    expect(readFetchRequest(writeFetchRequest(request))).toEqual(request),
  );

  test.each<[string, unknown[]]>([
    ['its kind is', [{ kind: 'other' }]],
    ['first line', [[]]],
    ['exactly one file', [{ kind: 'range', offset: 0, length: 1 }]],
    ['a bundle of', [{ kind: 'bundle' }, ['data/0', [file('x', MAX_BUNDLE_BYTES + 1)]]]],
    ['it asks for', [{ kind: 'bundle' }, ['data/0', Array(MAX_REQUESTED_FILES + 1).fill(file('x', 0))]]],
    ['a multiple of', [{ kind: 'range', offset: 5, length: 1 }, ['data/0', [file('x', 99)]]]],
    ['ends within', [{ kind: 'range', offset: 0, length: 100 }, ['data/0', [file('x', 99)]]]],
    ['ends within', [{ kind: 'range', offset: 0, length: MAX_RANGE_BYTES + 1 }, ['data/0', [file('x', 1e12)]]]],
    ['unsafe path', [{ kind: 'bundle' }, ['data/0', [file('..')]]]],
    ['unsafe path', [{ kind: 'bundle' }, ['data/0', [file('a/b')]]]],
    ['line 2 is not [directory', [{ kind: 'bundle' }, ['data/0', [['x', '1', '2']]]]],
    ['line 2 is not [directory', [{ kind: 'bundle' }, ['data/0', [['x', '1e3', '2', '3']]]]],
    ['line 2 is not [directory', [{ kind: 'bundle' }, ['data/0', [['x', '-1', '2', '3']]]]],
    ['line 2 is not [directory', [{ kind: 'bundle' }, ['data/0', [['x', 15, '2', '3']]]]],
    ['line 2 is not [directory', [{ kind: 'bundle' }, { dir: 'data/0' }]],
    ['line 3 is not [directory', [{ kind: 'bundle' }, ['data/0', [file('x')]], ['data/0', []]]],
    ['a bundle of 10000000000000 bytes', [{ kind: 'bundle' }, ['data/0', [file('x', 1e13)]]]],
    ['a bundle of', [{ kind: 'bundle' }, ['data/0', [file('x', '9'.repeat(20)), file('y')]]]],
    ['at most 8192 characters', [{ kind: 'bundle' }, [`data/0${'/a'.repeat(4100)}`, [file('x')]]]],
    ['its first line has more than', [{ kind: 'bundle', more: 'x'.repeat(5000) }]],
  ])('refuses a body where %s', (message, lines) => {
    const body = Buffer.from(lines.map((line) => JSON.stringify(line)).join('\n'));
    expect(() => readFetchRequest(body)).toThrow(message);
  });

  test('refuses what is not JSON', () =>
    expect(() => readFetchRequest(Buffer.from('{"kind":"bundle"'))).toThrow('not JSON'));

  /** Escapes, quotes, brackets and whatever else a name may hold. */
  test('reads every name that is written', () => {
    const names = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 20 })
      .filter((name) => !/^\.\.?$|[/\0]/.test(name));
    fc.assert(
      fc.property(names, names, (name, dir) => {
        const request: FetchRequest = { kind: 'bundle', dirs: [[`data/0/${dir}`, [file(name), file('"],["')]]] };
        expect(readFetchRequest(writeFetchRequest(request))).toEqual(request);
      }),
    );
  });
});
