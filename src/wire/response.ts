// A strict reader of HTTP/1.1 responses from raw socket bytes: what a plain download needs of RFC 9112. It refuses every response that it
// does not fully understand: a misread length would put wrong bytes on disk.

import { excerpt, LmError } from '../errors.js';

export interface ResponseHead {
  status: number;
  /** Names in lower case; a repeated name keeps its first value, except Content-Length, whose repetition is refused. */
  headers: ReadonlyMap<string, string>;
  /** From Content-Length, which is required. */
  length: number;
  /** The server closes the connection after this response. */
  closes: boolean;
}

export interface ResponseSink {
  head(head: ResponseHead): void;
  /** Body bytes in order; valid during the call only. */
  body(chunk: Uint8Array): void;
  end(): void;
}

interface ResponseReader {
  /** Throws `protocol` for anything that is not one plain response; what the sink throws passes through. */
  push(chunk: Uint8Array): void;
  /** Prepares for the next response of the connection. Throws when one is under way. */
  expect(sink: ResponseSink): void;
}

/** Limit of a response's head, for both HTTP clients of this program. */
export const MAX_HEAD_BYTES = 16 * 1024;
const CR = 13;
const LF = 10;

export function createResponseReader(): ResponseReader {
  let sink: ResponseSink | undefined;
  let state: 'head' | 'body' = 'head';
  const headBytes = Buffer.allocUnsafe(MAX_HEAD_BYTES);
  let headLength = 0;
  let remaining = 0;

  function expect(next: ResponseSink): void {
    if (sink) throw new Error('a response is under way on this connection');
    sink = next;
    state = 'head';
    headLength = 0;
  }

  function push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (!sink) throw refused('bytes that nobody asked for');
      at = state === 'head' ? readHead(chunk, at, sink) : readBody(chunk, at, sink);
    }
  }

  function readHead(chunk: Uint8Array, from: number, to: ResponseSink): number {
    for (let at = from; at < chunk.length; at++) {
      if (headLength === MAX_HEAD_BYTES) throw refused(`a head of more than ${MAX_HEAD_BYTES / 1024} KiB`);
      headBytes[headLength++] = chunk[at]!;
      if (chunk[at] !== LF || !endsHead(headBytes, headLength)) continue;
      const head = parseHead(headBytes.toString('latin1', 0, headLength - 4));
      remaining = head.length;
      state = 'body';
      to.head(head);
      if (remaining === 0) finish(to);
      return at + 1;
    }
    refuseOtherProtocols(headBytes.toString('latin1', 0, Math.min(headLength, 40)));
    return chunk.length;
  }

  function readBody(chunk: Uint8Array, from: number, to: ResponseSink): number {
    const bytes = chunk.subarray(from, from + remaining);
    remaining -= bytes.length;
    to.body(bytes);
    if (remaining === 0) finish(to);
    return from + bytes.length;
  }

  function finish(to: ResponseSink): void {
    sink = undefined;
    to.end();
  }

  return { push, expect };
}

const endsHead = (bytes: Uint8Array, length: number): boolean =>
  length >= 4 && bytes[length - 2] === CR && bytes[length - 3] === LF && bytes[length - 4] === CR;

/** Refuses at once a server that speaks another protocol: the end of its head might never come. */
function refuseOtherProtocols(begun: string): void {
  if (!begun.startsWith(VERSION.slice(0, begun.length))) throw notAStatusLine(begun.split('\r\n')[0]!);
}

const VERSION = 'HTTP/1.1 ';
const STATUS_LINE = /^HTTP\/1\.1 ([2-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const FIELD_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/;

function parseHead(text: string): ResponseHead {
  const [first, ...lines] = text.split('\r\n');
  const status = STATUS_LINE.exec(first!);
  if (!status) throw notAStatusLine(first!);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const field = FIELD_LINE.exec(line);
    if (!field) throw refused(`"${excerpt(line, 40)}" for a header field`);
    const name = field[1]!.toLowerCase();
    if (name === 'content-length' && headers.has(name)) throw refused('two Content-Length fields');
    if (!headers.has(name)) headers.set(name, field[2]!);
  }
  for (const name of ['transfer-encoding', 'content-encoding'])
    if (headers.has(name)) throw refused(`${name}: ${excerpt(headers.get(name)!)}`);
  const length = headers.get('content-length');
  if (length === undefined || !/^\d{1,15}$/.test(length)) throw refused(`no usable Content-Length`);
  return {
    status: Number(status[1]),
    headers,
    length: Number(length),
    closes: /\bclose\b/i.test(headers.get('connection') ?? ''),
  };
}

const notAStatusLine = (text: string): LmError => refused(`"${excerpt(text, 40)}" for a status line`);

/** The hint for an answer that no agent and no Sidecar gives. */
export const NO_PROXY = 'is that address an lm agent or a Sidecar, with no proxy between?';

const refused = (what: string): LmError =>
  new LmError('protocol', `the source answered with ${what}`, {
    hint: NO_PROXY,
  });
