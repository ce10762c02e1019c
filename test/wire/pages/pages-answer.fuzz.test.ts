import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BLOCK_BYTES } from '../../../src/digest/digest.js';
import { createXxh64 } from '../../../src/digest/kernels/xxh64.js';
import { FRAME_HEAD_BYTES, TRAILER_STATUS, type TrailerStatus, writeFrameHead } from '../../../src/wire/frames.js';
import {
  type AnsweredBlock,
  answerBytes,
  createPagesReader,
  createPagesWriter,
} from '../../../src/wire/pages/pages-answer.js';
import { type BlockAt, PAGE_BYTES, pageBytes, pagesOf } from '../../../src/wire/pages/pages-request.js';
import { codeOf, cuts, damage, fuzz, fuzzTimeoutMs } from '../../support/fuzz.js';

const hash = createXxh64();
const TEXT = Buffer.from('the text', 'latin1');

/** Three blocks of a file, one of them its short end. */
const BLOCKS: readonly BlockAt[] = [
  { offset: 2 * BLOCK_BYTES, length: BLOCK_BYTES },
  { offset: 3 * BLOCK_BYTES, length: BLOCK_BYTES },
  { offset: 7 * BLOCK_BYTES, length: 2 * PAGE_BYTES + 5 },
];
const HEAD_END = FRAME_HEAD_BYTES + 8 + 1 + BLOCKS.length * 25 + 8;

interface Sent {
  pages: readonly number[];
  status?: TrailerStatus;
}

const contentOf = ({ offset }: BlockAt, page: number): Buffer => Buffer.alloc(PAGE_BYTES, `${offset}/${page} `);

function answerOf(sent: readonly Sent[]): Buffer {
  const buffer = Buffer.alloc(answerBytes(BLOCKS.length, 9 * PAGE_BYTES), 7);
  const writer = createPagesWriter(buffer, BLOCKS.length);
  for (const [i, { pages, status = TRAILER_STATUS.asPromised }] of sent.entries()) {
    for (const page of pages) writer.page(page, contentOf(BLOCKS[i]!, page).subarray(0, pageBytes(BLOCKS[i]!, page)));
    writer.endBlock(status, Buffer.alloc(8, i + 1));
  }
  expect(writer.blocks).toBe(sent.length);
  return Buffer.from(buffer.subarray(0, writer.end(TEXT, hash)));
}

interface Seen {
  blocks: { end: string; received: number }[];
  bytes: Map<number, Buffer>;
  refused?: string;
  damaged?: true;
  threw?: string;
  done: boolean;
}

function read(pieces: readonly Uint8Array[], bytes: number, hasCtime = true): Seen {
  const seen: Seen = { blocks: [], bytes: new Map(), done: false };
  let answered: readonly AnsweredBlock[] = [];
  const expected = { requested: BLOCKS, text: TEXT, bytes, hasCtime };
  const reader = createPagesReader(
    expected,
    {
      refused(result, message) {
        seen.refused = `${result}: ${message}`;
      },
      blocks(blocks) {
        answered = blocks;
        seen.blocks = blocks.map(({ end, received }) => ({ end, received }));
      },
      bytes(chunk, position) {
        expect(
          answered.some(({ offset, length }) => position >= offset && position + chunk.length <= offset + length),
        ).toBe(true);
        for (let at = 0; at < chunk.length; ) {
          const page = Math.floor((position + at) / PAGE_BYTES) * PAGE_BYTES;
          const piece = chunk.subarray(at, page + PAGE_BYTES - position);
          seen.bytes.set(page, Buffer.concat([seen.bytes.get(page) ?? Buffer.alloc(0), piece]));
          at += piece.length;
        }
      },
      damaged() {
        seen.damaged = true;
      },
    },
    hash,
  );
  try {
    for (const piece of pieces) reader.push(piece);
  } catch (error) {
    seen.threw = codeOf(error);
  }
  seen.done = reader.done();
  return seen;
}

const pagesIn = (block: BlockAt) =>
  fc.uniqueArray(fc.nat(pagesOf(block) - 1), { maxLength: 3 }).map((pages) => pages.sort((a, b) => a - b));
const statuses = fc.constantFrom(...Object.values(TRAILER_STATUS));
const sent: fc.Arbitrary<Sent[]> = fc
  .tuple(
    ...BLOCKS.map((block) => fc.record({ pages: pagesIn(block), status: statuses })),
    fc.integer({ min: 1, max: 3 }),
  )
  .map(([a, b, c, count]) => [a as Sent, b as Sent, c as Sent].slice(0, count as number));

test(
  'an answer is read as it was written, however it is cut',
  () => {
    fc.assert(
      fc.property(sent, cuts, (all, cut) => {
        const answer = answerOf(all);
        const seen = read(
          answer.length > 20_000 ? [answer.subarray(0, 90), answer.subarray(90)] : cut(answer),
          answer.length,
        );
        const names: Record<number, string> = { 15: 'as-promised', 51: 'changed', 85: 'failed', 105: 'young' };
        expect(seen).toMatchObject({ done: true });
        expect(seen.blocks).toEqual(
          all.map(({ pages, status }, i) => ({
            end: names[status!],
            received: pages.reduce((sum, page) => sum + pageBytes(BLOCKS[i]!, page), 0),
          })),
        );
        const wanted = all.flatMap(({ pages }, i) =>
          pages.map((page): [number, Buffer] => [
            BLOCKS[i]!.offset + page * PAGE_BYTES,
            contentOf(BLOCKS[i]!, page).subarray(0, pageBytes(BLOCKS[i]!, page)),
          ]),
        );
        expect(seen.bytes.size).toBe(wanted.length);
        for (const [at, bytes] of wanted) expect(seen.bytes.get(at)!.equals(bytes)).toBe(true);
      }),
      fuzz(150),
    );
  },
  fuzzTimeoutMs,
);

test(
  'a damaged answer is damaged, or no answer of an agent, or has the blocks that were sent',
  () => {
    fc.assert(
      fc.property(sent, damage, cuts, (all, harm, cut) => {
        const answer = answerOf(all);
        const sound = read([answer], answer.length);
        const stream = harm(answer);
        for (const length of [answer.length, stream.length]) {
          const seen = read(stream.length > 20_000 ? [stream] : cut(stream), length);
          if (seen.threw) expect(seen.threw).toBe('protocol');
          if (seen.blocks.length > 0) expect(seen.blocks).toEqual(sound.blocks);
          expect(seen.refused).toBeUndefined();
        }
      }),
      fuzz(500),
    );
  },
  fuzzTimeoutMs,
);

describe('one flipped bit', () => {
  const ANSWER = answerOf([{ pages: [3] }, { pages: [0, 127] }, { pages: [2] }]);

  const SOUND = read([ANSWER], ANSWER.length);
  const { bytes: _, ...SOUND_BUT_BYTES } = SOUND;

  test('anywhere before the pages is flipped back', () => {
    for (let at = 0; at < HEAD_END; at++)
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Buffer.from(ANSWER);
        flipped[at]! ^= 1 << bit;
        const { bytes, ...seen } = read([flipped], ANSWER.length);
        expect({ at, bit, ...seen }).toEqual({ at, bit, ...SOUND_BUT_BYTES });
        expect([...bytes].every(([page, some]) => SOUND.bytes.get(page)!.equals(some))).toBe(true);
      }
  });

  test('and another one are damage', () => {
    for (let at = FRAME_HEAD_BYTES; at + 20 < HEAD_END; at++) {
      const flipped = Buffer.from(ANSWER);
      flipped[at]! ^= 1;
      flipped[at + 20]! ^= 0x80;
      expect({ at, ...read([flipped], ANSWER.length) }).toMatchObject({ at, damaged: true, blocks: [] });
    }
  });

  test('in Content-Length is damage', () => {
    for (const bytes of [ANSWER.length - 1, ANSWER.length + 1, 100, 10])
      expect(read([ANSWER.subarray(0, bytes)], bytes)).toMatchObject({ damaged: true, blocks: [] });
  });

  test('in a page stays in that page', () => {
    const flipped = Buffer.from(ANSWER);
    flipped[HEAD_END + PAGE_BYTES]! ^= 1; // of the second page that is sent
    const seen = read([flipped], ANSWER.length);
    const changed = [...SOUND.bytes].filter(([at, bytes]) => !seen.bytes.get(at)!.equals(bytes));
    expect(changed.map(([at]) => at)).toEqual([3 * BLOCK_BYTES]);
  });

  test('in a refusal makes no other refusal', () => {
    const refusal = Buffer.from(writeFrameHead({ result: 'changed', message: 'changed since it was listed' }));
    expect(read([refusal], refusal.length, false)).toMatchObject({
      refused: 'changed: changed since it was listed',
      done: true,
    });
    const flipped = Buffer.from(refusal);
    flipped[0] = 0;
    expect(read([flipped], refusal.length, false)).toMatchObject({ damaged: true });
  });
});

test('the answer to another request is damage', () => {
  const answer = answerOf([{ pages: [] }]);
  const expected = { requested: BLOCKS, text: Buffer.from('the test'), bytes: answer.length, hasCtime: true };
  const marks: string[] = [];
  const never = () => expect(true).toBe(false);
  const sink = { refused: never, blocks: never, bytes: never, damaged: () => marks.push('damaged') };
  createPagesReader(expected, sink, hash).push(answer);
  expect(marks).toEqual(['damaged']);
});

describe('no answer of an agent', () => {
  /** With a checksum that is right: an agent that is wrong, not a line. */
  function sealed(change: (table: Buffer) => void): Buffer {
    const answer = answerOf([{ pages: [3] }, { pages: [] }]);
    const table = answer.subarray(FRAME_HEAD_BYTES, HEAD_END);
    change(table);
    hash.reset();
    hash.update(table.subarray(0, -8));
    table.set(hash.digest(), table.length - 8);
    return answer;
  }
  const rowAt = (block: number): number => 9 + block * 25;

  test.each<[string, Buffer]>([
    ['has more blocks than were asked for', sealed((table) => table.writeUInt8(4, 8))],
    ['has no block', sealed((table) => table.writeUInt8(0, 8))],
    ['has a status that there is not', sealed((table) => table.writeUInt8(1, rowAt(0)))],
    ['has other pages than it says', sealed((table) => table.writeUInt8(1, rowAt(1) + 9))],
    [
      'has a page behind the end',
      sealed((table) => {
        table[8] = 3;
        table[rowAt(2)] = TRAILER_STATUS.asPromised;
        table[rowAt(2) + 9] = 8;
      }),
    ],
    ['has bytes behind its end', Buffer.concat([sealed(() => {}), Buffer.of(0)])],
  ])('%s', (_, answer) =>
    expect(read([answer], answer.length - (_.startsWith('has bytes') ? 1 : 0))).toMatchObject({ threw: 'protocol' }),
  );
});
