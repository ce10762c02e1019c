// Writes a reply to its socket, at the pace allowed.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { turnOf } from '../pace/paced-reads.js';
import type { Pacer } from '../pace/rate.js';
import { discardRest } from './incoming.js';
import type { Reply } from './reply.js';

/** A client that takes no byte for this long is gone, or hostile. */
const STALLED_MS = 120_000;

interface SendOptions {
  /** Set for a HEAD request: the body is not sent. */
  head: boolean;
  pacer: Pacer;
  /** Aborts when the client goes away. */
  signal: AbortSignal;
  /** Set where the client may still be sending this request; the connection is then closed after the reply. */
  unread?: IncomingMessage | undefined;
  stalledMs?: number | undefined;
  /** Called with the number of body bytes as they are sent. */
  sent?(bytes: number): void;
}

/**
 * Resolves with the number of body bytes sent. Rejects when not all of them could be: the connection is destroyed then, so that no short
 * body looks complete.
 */
export async function send(reply: Reply, response: ServerResponse, options: SendOptions): Promise<number> {
  let sent = 0;
  try {
    if (options.unread) response.shouldKeepAlive = false;
    response.writeHead(reply.status, reply.headers);
    const body = options.head ? undefined : reply.body;
    if (typeof body === 'string') {
      response.write(body);
      sent = Buffer.byteLength(body);
    } else if (body) {
      for await (const chunk of body) sent += await sendChunk(chunk, response, options);
    }
    if (options.unread) {
      response.flushHeaders();
      await discardRest(options.unread, options.signal);
      if (options.signal.aborted) return sent; // the client has read what it wanted
    }
    await written(response, options, (callback) => response.end(callback));
    return sent;
  } catch (error) {
    response.destroy();
    throw error;
  }
}

async function sendChunk(chunk: Uint8Array, response: ServerResponse, options: SendOptions): Promise<number> {
  const { pacer, signal } = options;
  for (let at = 0; at < chunk.length; ) {
    const piece = chunk.subarray(at, at + pacer.chunkBytes);
    at += piece.length; // the limit, and with it chunkBytes, may change before the next one
    const waitMs = pacer.take(piece.length);
    if (waitMs > 0) await turnOf(pacer, waitMs, signal);
    await written(response, options, (callback) => response.write(piece, callback));
    options.sent?.(piece.length);
  }
  return chunk.length;
}

/** Resolves when the kernel has the bytes, so that their buffer may be used again. */
function written(
  response: ServerResponse,
  { signal, stalledMs = STALLED_MS }: SendOptions,
  begin: (callback: (error?: Error | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: unknown): void => {
      clearTimeout(stalled);
      signal.removeEventListener('abort', gone);
      if (error) reject(error);
      else resolve();
    };
    const gone = (): void => finish(signal.reason);
    const stalled = setTimeout(() => {
      response.destroy();
      finish(new Error('the client stopped reading'));
    }, stalledMs);
    if (signal.aborted) return gone();
    signal.addEventListener('abort', gone);
    begin(finish);
  });
}
