// The other side as seen from here: an lm agent or a Sidecar, one shape. Judges nothing it is told and writes no data.

import type { DigestAlgorithm } from '../digest/digest.js';
import type { FileTrouble, ListedFile } from '../digest/digest-files.js';
import type { Emit } from '../events.js';
import type { EntryKey, Listing } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import type { Feature } from '../listing/listing-lines.js';
import type { OwnerMapping } from '../owners/owner-names.js';
import { fileTarget } from '../wire/file-urls.js';
import { LiveMigrationStatus, type OpenFilesReport, parseAs } from '../wire/messages.js';
import { requestFor } from '../wire/routes.js';
import type { Contact } from './contact.js';
import { type Answer, type HttpClient, notOurs, type SourceAddress, textOf } from './http-client.js';
import { PATIENCE, type Patience } from './patience.js';
import { type Attempt, type RetryOptions, type RetryPolicy, withRetry } from './retry.js';
import { unlessTls } from './tls-probe.js';
import type { Transport } from './transport.js';

export interface SourceOptions extends SourceAddress {
  /** The destination's: a Sidecar does not tell its own. */
  roots: Roots;
  /** A directory for temporary files, which is there; nothing is left in it. */
  spool: string;
  emit: Emit;
  signal: AbortSignal;
  policy?: RetryPolicy;
  patience?: Patience;
}

/** What a listing of this source says beside names and sizes. */
export interface Tells {
  /** Of a file's mtime; what is finer is no difference. */
  timeUnit: 'us' | 'ms';
  /** Which of its directories are mount points, by their device numbers, and so a disk that is gone. */
  mounts: boolean;
  /** Whose its entries are, and their modes. */
  owners: boolean;
}

export interface ListOptions {
  only?: EntryKey | undefined;
  features?: readonly Feature[];
  owners?: OwnerMapping | undefined;
}

export interface Source {
  /** Its origin: `http://host:9043`. */
  readonly url: string;
  /** What it is, for people and reports. What follows says what it can do: nothing is decided by this. */
  readonly kind: 'lm' | 'sidecar';
  readonly tells: Tells;
  /** What one request for digests may be about. */
  readonly digestBatch: { files: number; bytes: number };
  readonly transport: Transport;
  readonly contact: Contact;
  /** How many file requests it answers at once, if it says so. */
  readonly maxConcurrentFileRequests?: number;
  readonly algorithms: readonly DigestAlgorithm[];
  /** What it said of itself when it was connected; `status` asks again. */
  readonly firstStatus: LiveMigrationStatus;
  /** When, and from where, somebody took its completion back over HTTP, if it says so. */
  readonly reopened?: string | undefined;
  /** How a request is tried again that is made of several of these, or in a lane; `what` is the request as people know it. */
  retrying(what: string, signal: AbortSignal): RetryOptions;
  status(signal: AbortSignal): Promise<LiveMigrationStatus>;
  /** Whether it has an empty file with this key, which it need not list. */
  findsEmpty(key: EntryKey, signal: AbortSignal): Promise<boolean>;
  /**
   * With `only`, a key prefix: nothing beside it and the way to it. Of `features`, its header has those that it holds. With `owners`, what
   * it lists has this host's owners by that mapping.
   */
  list(options: ListOptions, signal: AbortSignal): Promise<Listing>;
  /** One answer a file, in any order; files as the source's own listing has them, in its order. */
  digests(algorithm: DigestAlgorithm, files: readonly ListedFile[], signal: AbortSignal): AsyncIterable<SourceDigest>;
  /** Who writes to its files. With `check`, the operator's own command there is run as well. Absent where it cannot tell. */
  openFiles?(signal: AbortSignal, options?: { check?: boolean; hot?: boolean }): Promise<OpenFilesReport>;
  close(): Promise<void>;
}

/** `index` counts the files asked for. `young`: see `DigestAnswer`; undefined where the source does not tell. */
export type SourceDigest =
  | { index: number; digest: string; young?: boolean }
  | { index: number; result: FileTrouble; message: string };

/** What both kinds are made of. */
export interface SourceParts extends SourceOptions {
  client: HttpClient;
  contact: Contact;
  firstStatus: LiveMigrationStatus;
  reopened: string | undefined;
  maxConcurrentFileRequests: number | undefined;
}

/** How the requests of one source are tried again; `what` is the request as people know it. */
export const retrying = (
  { client, contact, emit, policy }: Pick<SourceParts, 'client' | 'contact' | 'emit' | 'policy'>,
  what: string,
  signal: AbortSignal,
): RetryOptions => ({ what, where: client.origin, signal, emit, contact, ...(policy && { policy }) });

/** An empty file is 416 at either kind of source; who has none, or cannot look, gives any other answer. */
export function findsEmpty(
  parts: Pick<SourceParts, 'client' | 'contact' | 'emit' | 'policy' | 'patience'>,
  key: EntryKey,
  signal: AbortSignal,
): Promise<boolean> {
  const { client, patience = PATIENCE } = parts;
  const ask = { ...requestFor('file', fileTarget(key)), silenceMs: patience.silenceMs, signal };
  return withRetry(
    async () => {
      const reply = await client.ask(ask);
      if ('value' in reply) return { value: (await textOf(reply.value.body, 1)) === '' };
      const { failure } = reply;
      const isAnswer = (failure.kind === 'fatal' || failure.kind === 'transient') && failure.status !== undefined;
      return isAnswer ? { value: failure.status === 416 } : reply;
    },
    retrying(parts, ask.asked, signal),
  );
}

/** Not every status comes with a content type to go by: the document itself must be one. */
export async function askStatus(
  parts: Pick<SourceParts, 'client' | 'contact' | 'emit' | 'policy' | 'patience'>,
  signal: AbortSignal,
): Promise<{ answer: Answer; status: LiveMigrationStatus }> {
  const { client, patience = PATIENCE } = parts;
  const { silenceMs } = patience;
  const request = requestFor('status');
  const { asked } = request;
  return withRetry(
    async (): Promise<Attempt<{ answer: Answer; status: LiveMigrationStatus }>> => {
      const reply = await client.ask({ ...request, silenceMs, signal });
      if ('failure' in reply) return { failure: await unlessTls(reply.failure, client.origin) };
      const text = await textOf(reply.value.body, 65_536);
      if (!text.trimStart().startsWith('{')) throw notOurs(reply.value, asked, client.origin);
      return { value: { answer: reply.value, status: parseAs(LiveMigrationStatus, text, asked) } };
    },
    retrying(parts, asked, signal),
  );
}
