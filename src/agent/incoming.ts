// Turns Node's request into a Request. Reads its body within a limit and a deadline, and discards what no handler reads.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import { plainAddress } from '../linux/addresses.js';
import type { Request } from './request.js';

/** A client that sends no byte of a body for this long is gone, or hostile; the whole body has the server's requestTimeout. */
const BODY_STALLED_MS = 15_000;

/** How long a client that goes on sending has to read the reply which says why it need not. */
const LINGER_MS = 2_000;
const MAX_DISCARDED_BYTES = 64 << 20;

/** A client with `Expect: 100-continue` is told to send its body only when a handler reads it: a refused one never sends it. */
export function requestOf(message: IncomingMessage, response: ServerResponse, gone: AbortSignal): Request {
  const { socket } = message;
  const isHead = message.method === 'HEAD';
  return {
    method: isHead ? 'GET' : message.method!,
    isHead,
    remote: plainAddress(socket.remoteAddress ?? ''),
    target: message.url!,
    headers: message.headers,
    clientCertificate: () => (socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined),
    readBody(limit) {
      if (/^100-continue$/i.test(message.headers.expect ?? '')) response.writeContinue();
      return readBody(message, limit);
    },
    gone,
  };
}

async function readBody(message: IncomingMessage, limit: number): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  message.socket.setTimeout(BODY_STALLED_MS); // without a listener for the timeout, Node destroys the connection
  try {
    for await (const chunk of message.iterator({ destroyOnReturn: false })) {
      bytes += chunk.length;
      if (bytes > limit) return undefined;
      chunks.push(chunk);
    }
  } finally {
    message.socket.setTimeout(0);
  }
  return Buffer.concat(chunks);
}

/**
 * Reads what the client is still sending, for a moment and up to a limit: to close the connection at once would reset it, and a reset can
 * overtake the reply. Ends as soon as the client has ended or gone.
 */
export function discardRest(message: IncomingMessage, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0;
    const finish = (): void => {
      clearTimeout(late);
      signal.removeEventListener('abort', finish);
      message.off('data', count).off('end', finish).pause();
      resolve();
    };
    const count = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > MAX_DISCARDED_BYTES) finish();
    };
    const late = setTimeout(finish, LINGER_MS);
    signal.addEventListener('abort', finish);
    message.on('data', count).once('end', finish);
    if (signal.aborted) finish();
  });
}
