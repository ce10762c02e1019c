// The other side as seen from here: an lm agent or a Sidecar, one shape. Judges nothing it is told and writes no data.

import type { Emit } from '../events.js';
import type { DigestAlgorithm } from '../files/digest.js';
import type { FileTrouble, ListedFile } from '../files/digest-files.js';
import type { EntryKey, Listing } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import { LiveMigrationStatus, type OpenFilesReport, parseAs } from '../wire/messages.js';
import { STATUS } from '../wire/routes.js';
import { type Answer, type HttpClient, notOurs, type SourceAddress, textOf } from './http-client.js';
import { type RetryOptions, type RetryPolicy, withRetry } from './retry.js';

export interface SourceOptions extends SourceAddress {
  /** The destination's: a Sidecar does not tell its own. */
  roots: Roots;
  /** A directory for temporary files; nothing is left in it. */
  spool: string;
  emit: Emit;
  signal: AbortSignal;
  policy?: RetryPolicy;
}

export interface Source {
  /** Its origin: `http://host:9043`. */
  readonly url: string;
  readonly kind: 'lm' | 'sidecar';
  /** How many file requests it answers at once, if it says so. */
  readonly maxConcurrentFileRequests?: number;
  readonly algorithms: readonly DigestAlgorithm[];
  /** What it said of itself when it was connected; `status` asks again. */
  readonly firstStatus: LiveMigrationStatus;
  status(signal: AbortSignal): Promise<LiveMigrationStatus>;
  /** With `only`, a key prefix: nothing beside it and the way to it. */
  list(options: { only?: EntryKey | undefined }, signal: AbortSignal): Promise<Listing>;
  /** One answer a file, in any order; files as the source's own listing has them, in its order. */
  digests(algorithm: DigestAlgorithm, files: readonly ListedFile[], signal: AbortSignal): AsyncIterable<SourceDigest>;
  /** Who writes to its files. A Sidecar cannot tell. */
  openFiles?(signal: AbortSignal): Promise<OpenFilesReport>;
  close(): Promise<void>;
}

/** `index` counts the files asked for. */
export type SourceDigest = { index: number; digest: string } | { index: number; result: FileTrouble; message: string };

/** What both kinds are made of. */
export interface SourceParts extends SourceOptions {
  client: HttpClient;
  firstStatus: LiveMigrationStatus;
  maxConcurrentFileRequests: number | undefined;
}

const STATUS_SILENCE_MS = 30_000;

/** How the requests of one source are tried again; `what` is the request as people know it. */
export const retrying = (
  { client, emit, policy }: Pick<SourceParts, 'client' | 'emit' | 'policy'>,
  what: string,
  signal: AbortSignal,
): RetryOptions => ({ what, where: client.origin, signal, emit, ...(policy && { policy }) });

/** Not every status comes with a content type to go by: the document itself must be one. */
export async function askStatus(
  parts: Pick<SourceParts, 'client' | 'emit' | 'policy'>,
  signal: AbortSignal,
): Promise<{ answer: Answer; status: LiveMigrationStatus }> {
  const { client } = parts;
  const asked = 'the status';
  return withRetry(
    async () => {
      const reply = await client.ask({ asked, target: STATUS, silenceMs: STATUS_SILENCE_MS, signal });
      if ('failure' in reply) return reply;
      const text = await textOf(reply.value.body, 65_536);
      if (!text.trimStart().startsWith('{')) throw notOurs(reply.value, asked, client.origin);
      return { value: { answer: reply.value, status: parseAs(LiveMigrationStatus, text, asked) } };
    },
    retrying(parts, asked, signal),
  );
}
