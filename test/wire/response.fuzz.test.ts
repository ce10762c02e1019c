import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createResponseReader, type ResponseHead } from '../../src/wire/response.js';
import { codeOf, cuts, damage, fuzz, fuzzTimeoutMs } from '../support/fuzz.js';

const token = fc.string({ unit: fc.constantFrom(...'abcXYZ09-_!'), minLength: 1, maxLength: 12 });
const value = fc.oneof(token, fc.constantFrom('', 'close', 'chunked', 'gzip', 'a, b', '\t x \t'));
const header = fc.tuple(
  fc.oneof(token, fc.constantFrom('Connection', 'Content-Encoding', 'Content-Length', 'Transfer-Encoding')),
  value,
);
const response = fc
  .record({
    status: fc.integer({ min: 200, max: 599 }),
    headers: fc.array(header, { maxLength: 5 }),
    body: fc.uint8Array({ maxLength: 300 }),
  })
  .map(({ status, headers, body }) =>
    Buffer.concat([
      Buffer.from(
        `HTTP/1.1 ${status} So\r\nContent-Length: ${body.length}\r\n${headers.map((pair) => `${pair.join(': ')}\r\n`).join('')}\r\n`,
        'latin1',
      ),
      body,
    ]),
  );

interface Result {
  head?: ResponseHead;
  body: Buffer;
  ended: boolean;
  refused?: string;
}

function read(pieces: Uint8Array[]): Result {
  const result: Result = { body: Buffer.alloc(0), ended: false };
  const reader = createResponseReader();
  reader.expect({
    head(head) {
      expect([result.head, result.ended]).toEqual([undefined, false]);
      result.head = head;
    },
    body(chunk) {
      expect(result.ended).toBe(false);
      result.body = Buffer.concat([result.body, chunk]);
    },
    end() {
      result.ended = true;
    },
  });
  try {
    for (const piece of pieces) reader.push(piece);
  } catch (error) {
    result.refused = codeOf(error);
  }
  return result;
}

test(
  'whatever comes, however it is cut: one plain response, or `protocol`',
  () => {
    fc.assert(
      fc.property(response, damage, cuts, (sound, harm, cut) => {
        const bytes = harm(sound);
        const result = read(cut(bytes));
        expect(result).toEqual(read([bytes]));
        if (result.refused) expect(result.refused).toBe('protocol');
        const { head, body } = result;
        if (!head) return expect([body.length, result.ended]).toEqual([0, false]);
        const begin = bytes.indexOf('\r\n\r\n') + 4;
        expect(body).toEqual(bytes.subarray(begin, begin + head.length));
        expect(result.ended).toBe(bytes.length >= begin + head.length);
        expect(result.refused !== undefined).toBe(bytes.length > begin + head.length);
        expect([...head.headers.keys()]).not.toContain('transfer-encoding');
        expect(head.headers.get('content-length')).toMatch(/^\d{1,15}$/);
      }),
      fuzz(1_500),
    );
  },
  fuzzTimeoutMs,
);
