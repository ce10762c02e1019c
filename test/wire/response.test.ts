import { describe, expect, test } from '@jest/globals';
import { createResponseReader, type ResponseHead } from '../../src/wire/response.js';

/** The sink's calls for one response, fed in two pieces cut at `cut`. */
function read(text: string, cut = text.length): { head?: ResponseHead; body: string; ended: boolean } {
  const bytes = Buffer.from(text, 'latin1');
  const result: { head?: ResponseHead; body: string; ended: boolean } = { body: '', ended: false };
  const reader = createResponseReader();
  reader.expect({
    head: (head) => {
      result.head = head;
    },
    body: (chunk) => {
      result.body += Buffer.from(chunk).toString('latin1');
    },
    end: () => {
      result.ended = true;
    },
  });
  reader.push(bytes.subarray(0, cut));
  reader.push(bytes.subarray(cut));
  return result;
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello';

describe('the response reader', () => {
  test('reads a response cut at any byte alike', () => {
    for (let cut = 0; cut <= OK.length; cut++) {
      const { head, body, ended } = read(OK, cut);
      expect([head?.status, head?.length, head?.headers.get('x-a'), body, ended]).toEqual([200, 5, 'b', 'hello', true]);
    }
  });

  test('no body, a reason phrase left out, and a connection that closes', () => {
    const { head, ended } = read('HTTP/1.1 503\r\nConnection: Close\r\ncontent-length: 0\r\n\r\n');
    expect([head?.status, head?.closes, ended]).toEqual([503, true, true]);
  });

  test('the next response of the connection follows', () => {
    const reader = createResponseReader();
    const sink = { head() {}, body() {}, end() {} };
    reader.expect(sink);
    reader.push(Buffer.from(OK));
    reader.expect(sink);
    reader.push(Buffer.from(OK.slice(0, -1)));
    expect(() => reader.expect(sink)).toThrow(/under way/);
  });

  test.each([
    ['chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', /transfer-encoding: chunked/],
    [
      'chunked beside a length',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      /transfer-encoding/,
    ],
    ['compressed', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Encoding: gzip\r\n\r\n', /content-encoding: gzip/],
    ['no length', 'HTTP/1.1 200 OK\r\n\r\n', /Content-Length/],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n', /two Content-Length/],
    ['a list of lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n', /Content-Length/],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', /Content-Length/],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n', /status line/],
    ['an interim response', 'HTTP/1.1 100 Continue\r\n\r\n', /status line/],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', /SSH-2.0/],
    ['another protocol that is in no hurry', 'SSH-2.0-OpenSSH_9.2\r\n', /SSH-2.0/],
    ['HTTP/2', '\0\0\x12\x04\0\0\0\0\0', /status line/],
    ['a folded header', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n', /header field/],
    ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n', /header field/],
    ['bytes behind the end', `${OK}x`, /nobody asked/],
    ['a head without end', `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(17_000)}`, /16 KiB/],
  ])('refuses %s', (_, text, message) => expect(() => read(text)).toThrow(message));
});
