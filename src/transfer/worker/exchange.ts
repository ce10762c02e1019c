// Sends one request over a slot's connection and returns its fault, if it has one. It does not retry.

import type { Xxh64 } from '../../digest/kernels/xxh64.js';
import { errnoOf, LmError } from '../../errors.js';
import type { Connection, HttpRequest } from '../../source/connection.js';
import type { WorkerFault } from '../../source/failure.js';
import { BODY_HASH_HEADER } from '../../wire/file-requests.js';
import type { ResponseHead } from '../../wire/response.js';

/** A connection of a worker, and the hasher whose buffer it reads into. */
export interface Slot {
  connection: Connection;
  hasher: Xxh64;
}

const ERROR_BODY_BYTES = 4096;

/** The longest error body that is read to its end, so that the connection can be used again. */
const MAX_ERROR_BYTES = 1 << 20;

/** Thrown by a callback: the received bytes are not those that were hashed, here or at the other end. */
export class Damaged extends Error {}

/** Thrown by a callback that does not need the response: the connection is closed, without a fault. */
export class Unwanted extends Error {}

/**
 * Sends a request and passes on the body of a success. Any other status becomes a fault with the source's message. A network error and a
 * damaged frame become faults too; any other error of a callback is thrown.
 */
export async function exchange(
  connection: Connection,
  request: HttpRequest,
  on: { head(head: ResponseHead): void; body(chunk: Uint8Array): void },
): Promise<WorkerFault | undefined> {
  const reused = connection.isReused;
  let answered = false;
  let refusal: ResponseHead | undefined;
  let errorBody = '';
  try {
    await connection.request(request, {
      head(head) {
        answered = true;
        if (head.status >= 200 && head.status <= 299) return on.head(head);
        if (head.headers.has(BODY_HASH_HEADER)) throw new Damaged();
        if (head.length > MAX_ERROR_BYTES) throw endlessError(head);
        refusal = head;
      },
      body(chunk) {
        if (!refusal) return on.body(chunk);
        if (errorBody.length < ERROR_BODY_BYTES) errorBody += Buffer.from(chunk).toString('latin1');
      },
      end() {},
    });
  } catch (error) {
    if (error instanceof Unwanted) return undefined;
    if (error instanceof Damaged) return { kind: 'damaged' };
    const code = errnoOf(error);
    if (error instanceof LmError || code === undefined) throw error;
    return { kind: 'network', code, message: (error as Error).message, reused: reused && !answered, answered };
  }
  if (!refusal) return undefined;
  return {
    kind: 'status',
    status: refusal.status,
    retryAfter: refusal.headers.get('retry-after'),
    message: messageIn(errorBody),
  };
}

/** The Sidecar's error documents have a `message`; of any other body the beginning is quoted. */
function messageIn(body: string): string | undefined {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return body.slice(0, 100) || undefined;
  }
}

const endlessError = ({ status, length }: ResponseHead): LmError =>
  new LmError('protocol', `the source answered with HTTP ${status} and ${length} bytes about it`);
