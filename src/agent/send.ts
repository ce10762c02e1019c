// The only place where a reply is written to a socket. Decides nothing about what is in it.

import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pacer } from '../wire/rate.js';
import type { Reply } from './reply.js';

/** A client that takes no byte for this long is gone, or means harm. */
const STALLED_MS = 120_000;

/**
 * Sends the reply at the pace allowed and returns the bytes of its body. Rejects when they could not all be sent: the connection is
 * broken then, so that no short body looks whole.
 */
export async function send(
  reply: Reply,
  response: ServerResponse,
  options: { head: boolean; pacer: Pacer; signal: AbortSignal },
): Promise<number> {
  const { head, pacer, signal } = options;
  let sent = 0;
  try {
    response.writeHead(reply.status, reply.headers);
    const { body } = reply;
    if (head || body === undefined) {
      // nothing
    } else if (typeof body === 'string') {
      response.write(body);
      sent = Buffer.byteLength(body);
    } else {
      for await (const chunk of body) sent += await sendChunk(chunk, response, pacer, signal);
    }
    await ended(response, signal);
    return sent;
  } catch (error) {
    response.destroy();
    throw error;
  }
}

async function sendChunk(
  chunk: Uint8Array,
  response: ServerResponse,
  pacer: Pacer,
  signal: AbortSignal,
): Promise<number> {
  for (let at = 0; at < chunk.length; at += pacer.chunkBytes) {
    const piece = chunk.subarray(at, at + pacer.chunkBytes);
    const waitMs = pacer.take(piece.length);
    if (waitMs > 0) await sleep(waitMs, undefined, { signal });
    await written(response, piece, signal);
  }
  return chunk.length;
}

/** Resolves when the kernel has the bytes, so that their buffer may be used again. */
const written = (response: ServerResponse, bytes: Uint8Array, signal: AbortSignal): Promise<void> =>
  settled(response, signal, (callback) => response.write(bytes, callback));

const ended = (response: ServerResponse, signal: AbortSignal): Promise<void> =>
  settled(response, signal, (callback) => response.end(callback));

function settled(
  response: ServerResponse,
  signal: AbortSignal,
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
    }, STALLED_MS);
    if (signal.aborted) return finish(signal.reason);
    signal.addEventListener('abort', gone);
    begin((error) => finish(error));
  });
}
