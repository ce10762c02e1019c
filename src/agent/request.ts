// A request that the agent answers, as a value. Reads no socket itself: incoming.ts makes it.

import type { Asker } from './access/auth.js';

export interface Request extends Asker {
  /** The client's address. */
  remote: string;
  /** HEAD comes as GET; whoever sends the reply leaves its body out. */
  method: string;
  isHead: boolean;
  /** As in the request line. */
  target: string;
  /** Undefined when it is longer than `limit`. */
  readBody(limit: number): Promise<Uint8Array | undefined>;
  /** Aborted when the client goes away. */
  gone: AbortSignal;
}
