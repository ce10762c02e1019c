// The only place where a reply is written to a socket. Decides nothing about what is in it.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pacer } from '../wire/rate.js';
import { discardRest } from './incoming.js';
import type { Reply } from './reply.js';

/** A client that takes no byte for this long is gone, or means harm. */
const STALLED_MS = 120_000;

export interface SendOptions {
  /** Of a HEAD request: everything but the body. */
  head: boolean;
  pacer: Pacer;
  /** Aborted when the client goes away. */
  signal: AbortSignal;
  /** A request that the client may still be sending. The connection is closed after the reply. */
  unread?: IncomingMessage | undefined;
  stalledMs?: number | undefined;
  /** Hears of bytes of the body as they go. */
  sent?(bytes: number): void;
}

/**
 * Sends the reply at the pace allowed and returns the bytes of its body. Rejects when they could not all be sent: the connection is
 * broken then, so that no short body looks whole.
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
      if (options.signal.aborted) return sent; // it has read what it wanted to
    }
    await settled(response, options, (callback) => response.end(callback));
    return sent;
  } catch (error) {
    response.destroy();
    throw error;
  }
}

async function sendChunk(chunk: Uint8Array, response: ServerResponse, options: SendOptions): Promise<number> {
  const { pacer, signal } = options;
  for (let at = 0; at < chunk.length; at += pacer.chunkBytes) {
    const piece = chunk.subarray(at, at + pacer.chunkBytes);
    const waitMs = pacer.take(piece.length);
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
    await settled(response, options, (callback) => response.write(piece, callback));
    options.sent?.(piece.length);
  }
  return chunk.length;
}

/** Resolves when the kernel has the bytes, so that their buffer may be used again. */
function settled(
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
