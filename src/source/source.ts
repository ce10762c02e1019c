// The interface of a source, which an lm agent and a Sidecar share, and requests that are not worth a file of their own.

import type { DigestAlgorithm, FileAlgorithm } from '../digest/digest.js';
import type { Digested } from '../digest/digest-files.js';
import type { FileFailure, ListedFile } from '../digest/listed-file.js';
import type { Emit } from '../events.js';
import type { EntryKey } from '../files/entry.js';
import type { Listing } from '../files/listing.js';
import type { Roots } from '../files/roots.js';
import type { Feature } from '../listing/listing-lines.js';
import type { OwnerMapping } from '../owners/owner-names.js';
import type { PaceWishes } from '../pace/local-pace.js';
import type { SourceProgress } from '../wire/digest-progress.js';
import { FILE_REQUEST_TYPE, writeFileRequest } from '../wire/file-requests.js';
import { fileTarget } from '../wire/file-urls.js';
import { LiveMigrationStatus, type OpenFilesReport, parseAs } from '../wire/messages.js';
import { requestFor } from '../wire/routes.js';
import type { Contact } from './contact.js';
import {
  type Answer,
  bodyOf,
  type HttpClient,
  MAX_DOCUMENT_BYTES,
  type SourceAddress,
  type SourceRequest,
  textOf,
  unexpectedAnswer,
} from './http-client.js';
import { PATIENCE, type Patience } from './patience.js';
import { type Attempt, type RetryOptions, type RetryPolicy, withRetry } from './retry.js';
import { unlessTls } from './tls-probe.js';
import type { Transport } from './transport.js';

export interface SourceOptions extends SourceAddress {
  /** The roots of the destination: a Sidecar does not list its own. */
  roots: Roots;
  /** An existing directory for temporary files; none stays in it. */
  spool: string;
  emit: Emit;
  signal: AbortSignal;
  policy?: RetryPolicy;
  patience?: Patience;
  /** How gently the source shall read for digests, if it can. */
  pace?: PaceWishes | undefined;
}

/** What a listing of this source has beside names and sizes. */
interface ListingCapabilities {
  /** The unit of a file's mtime; a finer difference does not count. */
  timeUnit: 'us' | 'ms';
  /** Whether it marks mount points by device numbers, which show a disk that is gone. */
  mounts: boolean;
  /** Whether it has owners and modes of entries. */
  owners: boolean;
}

interface ListOptions {
  only?: EntryKey | undefined;
  features?: readonly Feature[];
  owners?: OwnerMapping | undefined;
}

export interface Source {
  /** The source's origin, `http://host:9043`, or its name. */
  readonly url: string;
  /** For people and reports. No decision depends on it: the members below say what this source can do. */
  readonly kind: 'lm' | 'sidecar';
  readonly capabilities: ListingCapabilities;
  /** Limits of one request for digests. */
  readonly digestBatch: { files: number; bytes: number };
  readonly transport: Transport;
  readonly contact: Contact;
  /** How many file requests the source answers at once, if it states a limit. */
  readonly maxConcurrentFileRequests?: number;
  readonly algorithms: readonly DigestAlgorithm[];
  /** Whether it can check SSTables against their own components; an older agent answers digests without. */
  readonly checksSSTables: boolean;
  /** Whether it keeps to `SourceOptions.pace`; an older agent reads at its own speed. */
  readonly keepsPace: boolean;
  /** The status when it was connected; `status` requests it again. */
  readonly firstStatus: LiveMigrationStatus;
  /** When, and from which address, its completion was taken back over HTTP, if the source reports that. */
  readonly reopened?: string | undefined;
  /** The keys of its roots that are snapshots of the live directories, separated by commas; absent where there are none. */
  readonly snapshot?: string | undefined;
  /** Retry options for work that takes several requests, or runs in a transfer worker; `what` names it for people. */
  retrying(what: string, signal: AbortSignal): RetryOptions;
  status(signal: AbortSignal): Promise<LiveMigrationStatus>;
  /** Whether the source has an empty file with this key, even one that it does not list. */
  findsEmpty(key: EntryKey, signal: AbortSignal): Promise<boolean>;
  /**
   * With `only`, a key prefix, the listing has nothing beside it and the path to it. The header names those of `features` that the listing
   * has. With `owners`, the entries have this host's owners by that mapping.
   */
  list(options: ListOptions, signal: AbortSignal): Promise<Listing>;
  /**
   * Yields one answer for each file, in any order, as many at once as have come. `files` are as the source's own listing has them, in its order. With `sstables`, a source
   * that can do so checks each `*-Data.db` against its SSTable's own components. BLOCK_DIGEST is for sources whose listing has `blocks`.
   */
  digests(
    algorithm: FileAlgorithm,
    files: readonly ListedFile[],
    signal: AbortSignal,
    options?: DigestOptions,
  ): AsyncIterable<readonly SourceDigest[]>;
  /**
   * Yields one answer for each line of its own listing, as `digests` does for files: SHA-256 of the digests of the line's regular files, in their
   * order. `changed` where one of them is not as it was listed, cannot be read or is young. Absent where the source cannot.
   */
  lineDigests?(
    algorithm: FileAlgorithm,
    lines: readonly LineOfSource[],
    signal: AbortSignal,
    options?: Pick<DigestOptions, 'progress'>,
  ): AsyncIterable<readonly SourceDigest[]>;
  /** The hashes of a file's blocks in a range; see `blocksAt`. Absent where the source has none. */
  blocks?(
    file: ListedFile,
    range: { offset: number; length: number },
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined>;
  /** Which processes write to its files. With `check`, the operator's own command there is run as well. Absent where the source cannot report it. */
  openFiles?(signal: AbortSignal, options?: { check?: boolean; hot?: boolean }): Promise<OpenFilesReport>;
  close(): Promise<void>;
}

/** A line of its listing, with or without its newline, and how many bytes the files have that it lists. */
export interface LineOfSource {
  line: Uint8Array;
  bytes: number;
}

export interface DigestOptions {
  sstables?: boolean;
  /** Called now and then while the source reads. */
  progress?(far: SourceProgress): void;
}

/** `index` counts the requested files. The optional members are undefined where the source does not report them. */
export type SourceDigest =
  | ({ index: number } & Pick<Digested, 'digest' | 'young' | 'sstable' | 'ctimeNs'>)
  | { index: number; result: FileFailure; message: string };

/** What a source of either kind is made from. */
export interface SourceSetup extends SourceOptions {
  client: HttpClient;
  contact: Contact;
  firstStatus: LiveMigrationStatus;
  reopened: string | undefined;
  snapshot?: string | undefined;
  maxConcurrentFileRequests: number | undefined;
  keepsPace: boolean;
  sendsPages: boolean;
  digestsLines: boolean;
}

/** Retry options of the requests to one source; `what` names the request for people. */
export const retrying = (
  { client, contact, emit, policy }: Pick<SourceSetup, 'client' | 'contact' | 'emit' | 'policy'>,
  what: string,
  signal: AbortSignal,
): RetryOptions => ({ what, where: client.origin, signal, emit, contact, ...(policy && { policy }) });

/** Either kind of source answers 416 for an empty file, and something else when there is none or it cannot be read. */
export function findsEmpty(
  setup: Pick<SourceSetup, 'client' | 'contact' | 'emit' | 'policy' | 'patience'>,
  key: EntryKey,
  signal: AbortSignal,
): Promise<boolean> {
  const { client, patience = PATIENCE } = setup;
  const request = { ...requestFor('file', fileTarget(key)), silenceMs: patience.silenceMs, signal };
  return withRetry(
    async () => {
      const reply = await client.request(request);
      if ('value' in reply) return { value: (await textOf(reply.value.body, 1)) === '' };
      const { failure } = reply;
      const isAnswer = (failure.kind === 'fatal' || failure.kind === 'transient') && failure.status !== undefined;
      return isAnswer ? { value: failure.status === 416 } : reply;
    },
    retrying(setup, request.what, signal),
  );
}

/** A status may come without a usable content type, so the body itself has to be a status document. */
export async function requestStatus(
  setup: Pick<SourceSetup, 'client' | 'contact' | 'emit' | 'policy' | 'patience'>,
  signal: AbortSignal,
): Promise<{ answer: Answer; status: LiveMigrationStatus }> {
  const { client, patience = PATIENCE } = setup;
  const { silenceMs } = patience;
  const request = requestFor('status');
  const { what } = request;
  return withRetry(
    async (): Promise<Attempt<{ answer: Answer; status: LiveMigrationStatus }>> => {
      const reply = await client.request({ ...request, silenceMs, signal });
      if ('failure' in reply) return { failure: await unlessTls(reply.failure, client.origin) };
      const text = await textOf(reply.value.body, MAX_DOCUMENT_BYTES);
      if (!text.trimStart().startsWith('{')) throw unexpectedAnswer(reply.value, what, client.origin);
      return { value: { answer: reply.value, status: parseAs(LiveMigrationStatus, text, what) } };
    },
    retrying(setup, what, signal),
  );
}

/** Tells an lm agent of a new limit by a request for the digests of no file; an older agent takes it with the next request. */
export async function tellPace({ client, signal, patience = PATIENCE }: SourceSetup, pace: object): Promise<void> {
  const body = writeFileRequest({ digestAlgorithm: 'md5', ...pace }, []);
  const headers = { 'content-type': FILE_REQUEST_TYPE };
  const { silenceMs } = patience;
  const request: SourceRequest = { ...requestFor('digests'), headers, body, silenceMs, signal };
  const reply = await client.request(request);
  if ('value' in reply) for await (const _ of bodyOf(reply.value, request, client.origin));
}
