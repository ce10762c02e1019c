// A request as the agent's handlers get it. `incoming.ts` makes it from Node's.

import type { RequestHead } from './access/auth.js';

export interface Request extends RequestHead {
  /** The client's address. */
  remote: string;
  /** The reply is sent without its body. */
  isHead: boolean;
  /** Undefined when the body is longer than `limit` bytes. */
  readBody(limit: number): Promise<Uint8Array | undefined>;
  /** Aborts when the client goes away. */
  gone: AbortSignal;
}
