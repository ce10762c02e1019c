// One request over a slot's connection, and what became of it. Retries nothing.

import type { Xxh64 } from '../../digest/kernels/xxh64.js';
import { errnoOf, LmError } from '../../errors.js';
import type { Connection, Request } from '../../source/connection.js';
import type { LaneFault } from '../../source/failure.js';
import type { ResponseHead } from '../../wire/response.js';

/** A slot of a lane: a connection, and the hasher whose buffer it reads into. */
export interface Slot {
  connection: Connection;
  hasher: Xxh64;
}

const ERROR_BODY_BYTES = 4096;

/** Of the body of an error, which is read to its end so that the connection can be used again. */
const MOST_ERROR_BYTES = 1 << 20;

/** Thrown by a callback: the bytes that came are not those that were hashed. */
export class Damaged extends Error {}

/** Thrown by a callback that needs nothing of the answer: the connection is given up, and nothing is wrong. */
export class Unwanted extends Error {}

/**
 * Sends a request and passes a successful body on. Every other status becomes a fault with what the source said. A
 * network error becomes a fault too, as does a damaged frame; anything else a callback throws is thrown.
 */
export async function exchange(
  connection: Connection,
  request: Request,
  on: { head(head: ResponseHead): void; body(chunk: Uint8Array): void },
): Promise<LaneFault | undefined> {
  const reused = connection.reused;
  let answered = false;
  let refusal: ResponseHead | undefined;
  let said = '';
  try {
    await connection.request(request, {
      head(head) {
        answered = true;
        if (head.status >= 200 && head.status <= 299) return on.head(head);
        if (head.length > MOST_ERROR_BYTES) throw endlessError(head);
        refusal = head;
      },
      body(chunk) {
        if (!refusal) return on.body(chunk);
        if (said.length < ERROR_BODY_BYTES) said += Buffer.from(chunk).toString('latin1');
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
    message: messageIn(said),
  };
}

/** The Sidecar's error documents carry a `message`; anything else is quoted from its beginning. */
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
