// An lm agent as a source, through its native routes. Transfer workers fetch the bytes of files.

import { batchesOf } from '../batches.js';
import { DIGEST_ALGORITHMS } from '../digest/digest.js';
import type { ListedFile } from '../digest/listed-file.js';
import { LmError, printable } from '../errors.js';
import { type EntryKey, parentOf, rootOf } from '../files/entry.js';
import { readListing } from '../listing/listing.js';
import { createDigestPace, type Follower, followSource } from '../wire/digest-progress.js';
import {
  FILE_REQUEST_TYPE,
  MAX_REQUEST_BYTES,
  MAX_REQUESTED_FILES,
  type RequestedDirectory,
  writeFileRequest,
  writeLinesRequest,
} from '../wire/file-requests.js';
import { SEALED_TYPE, verifiedLines } from '../wire/line-seals.js';
import { textOf } from '../wire/lines.js';
import { type DigestProgress, type FileDigest, OpenFilesReport, parseAs, readDigestLines } from '../wire/messages.js';
import { CHECK_HEADER, FEATURES_HEADER, HOT_HEADER, listTarget, ROUTES, requestFor } from '../wire/routes.js';
import { blocksAt } from './block-hashes.js';
import { failureOfError } from './failure.js';
import { type Answer, bodyOf, isOfType, type SourceRequest, unexpectedAnswer } from './http-client.js';
import { PATIENCE } from './patience.js';
import { createRetrier, withRetry } from './retry.js';
import {
  findsEmpty,
  type LineOfSource,
  requestStatus,
  retrying,
  type Source,
  type SourceDigest,
  type SourceSetup,
  tellPace,
} from './source.js';
import { transportTo } from './transport.js';

/** Large enough that the cost of a request does not matter, small enough that no connection waits long for the last one. */
const DIGEST_BATCH = { files: 1024, bytes: 64 << 20 };

export function lmSource(setup: SourceSetup): Source {
  const { client, contact, firstStatus, reopened, snapshot, maxConcurrentFileRequests } = setup;
  const { keepsPace, sendsPages, digestsLines } = setup;
  const { silenceMs } = setup.patience ?? PATIENCE;
  const pace = createDigestPace(setup.pace, (head) => tellPace(setup, head));
  return {
    url: setup.name ?? client.origin,
    kind: 'lm',
    capabilities: { timeUnit: 'us', mounts: true, owners: true },
    digestBatch: DIGEST_BATCH,
    transport: transportTo(setup, { by: 'units', servesEmpty: true, sendsPages }),
    contact,
    retrying: (what, signal) => retrying(setup, what, signal),
    algorithms: DIGEST_ALGORITHMS,
    checksSSTables: true,
    keepsPace,
    firstStatus,
    ...{ reopened, snapshot },
    ...(maxConcurrentFileRequests !== undefined && { maxConcurrentFileRequests }),
    status: async (signal) => (await requestStatus(setup, signal)).status,
    findsEmpty: (key, signal) => findsEmpty(setup, key, signal),
    async list({ only, features = [], owners }, signal) {
      const wanted = ['exclude', ...features, ...(owners ? ['names'] : [])];
      const headers = {
        accept: SEALED_TYPE,
        [FEATURES_HEADER]: wanted.join(','),
      };
      const request: SourceRequest = { ...requestFor('list', listTarget(only)), headers, silenceMs, signal };
      const answer = await withRetry(() => client.request(request), retrying(setup, request.what, signal)).catch(
        (error) => {
          throw only === undefined ? error : ifUnknownThere(error, only);
        },
      );
      const lines = bodyBytes(answer, request, client.origin);
      const listing = await readListing(lines, () => answer.progressed(), undefined, owners);
      if (listing.header.only !== only) throw otherKeyListed(only, listing.header.only);
      return listing;
    },
    digests(digestAlgorithm, files, signal, { sstables = false, progress } = {}) {
      const about = { digestAlgorithm, young: true, rows: true, ...(sstables && { sstables }) };
      const follower = followSource(
        files.reduce((sum, { size }) => sum + Number(size), 0),
        progress,
      );
      const headed = (): object => ({ ...about, ...pace.head() });
      const write = (some: ListedFile[]): Uint8Array => writeFileRequest(headed(), byDirectory(some));
      return pace.during(async function* () {
        for (const indexes of batchesOf(files.keys(), REQUEST_LIMITS, (index) => maxRequestBytes(files[index]!)))
          yield* digestsOf(setup, files, indexes, {
            bytesOf: ({ size }) => Number(size),
            ...{ what: 'file', write, follower, signal },
          });
      });
    },
    ...(digestsLines &&
      ({
        lineDigests(digestAlgorithm, lines, signal, { progress } = {}) {
          const about = { digestAlgorithm, young: true, rows: true, lines: true };
          const follower = followSource(
            lines.reduce((sum, { bytes }) => sum + bytes, 0),
            progress,
          );
          const write = (some: LineOfSource[]): Uint8Array =>
            writeLinesRequest(
              { ...about, ...pace.head() },
              some.map(({ line }) => line),
            );
          return pace.during(async function* () {
            for (const indexes of batchesOf(lines.keys(), REQUEST_LIMITS, (index) => lines[index]!.line.length + 1))
              yield* digestsOf(setup, lines, indexes, {
                bytesOf: ({ bytes }) => bytes,
                ...{ what: 'block', write, follower, signal },
              });
          });
        },
      } satisfies Pick<Source, 'lineDigests'>)),
    async openFiles(signal, { check = false, hot = false } = {}) {
      const headers: SourceRequest['headers'] = {
        ...(check && { [CHECK_HEADER]: 'run' }),
        ...(hot && { [HOT_HEADER]: 'name' }),
      };
      const request: SourceRequest = { ...requestFor('open-files'), headers, silenceMs, signal };
      return withRetry(
        async () => {
          const reply = await client.request(request);
          if ('failure' in reply) return reply;
          for await (const lines of verifiedLines(bodyBytes(reply.value, request, client.origin), request.what)) {
            const report = lines.map(textOf).find((text) => !text.startsWith(PROGRESS));
            if (report !== undefined) return { value: parseAs(OpenFilesReport, report, request.what) };
          }
          throw cutShort(request.what);
        },
        retrying(setup, request.what, signal),
      );
    },
    blocks: (file, range, signal) => blocksAt(setup, file, range, signal),
    close: () => {
      pace.close();
      return client.close();
    },
  };
}

/** A line that says only that the agent is still working on the answer. */
const PROGRESS = '{"type":"progress"';

/** The speed of a disk that is busy with other work. */
const SLOW_BYTES_PER_MS = 1024;

/** How long the largest of these may take at the source, while no other answer comes. */
const slowestMs = (bytes: readonly number[]): number =>
  bytes.reduce((max, one) => Math.max(max, one), 0) / SLOW_BYTES_PER_MS;

/** The most that one file can add to a request: its escaped name, three numbers and punctuation. */
const maxRequestBytes = (file: ListedFile): number => 6 * file.key.length + 80;

/** What an agent takes in one request. */
const REQUEST_LIMITS = { items: MAX_REQUESTED_FILES, bytes: MAX_REQUEST_BYTES };

interface Asking<Item> {
  what: 'file' | 'block';
  /** What is read for it. */
  bytesOf(item: Item): number;
  /** The body of a request for these. */
  write(items: Item[]): Uint8Array;
  follower: Follower;
  signal: AbortSignal;
}

/** Requests the missing digests again when an answer breaks off. */
async function* digestsOf<Item>(
  setup: SourceSetup,
  items: readonly Item[],
  slice: number[],
  { what, bytesOf, write, follower, signal }: Asking<Item>,
): AsyncGenerator<SourceDigest[]> {
  const { client, patience = PATIENCE } = setup;
  const retrier = createRetrier(retrying(setup, ROUTES.digests.what, signal));
  const missing = new Set(slice);
  while (missing.size > 0) {
    signal.throwIfAborted();
    const indexes = [...missing];
    const asked = indexes.map((index) => items[index]!);
    const body = write(asked);
    const headers = { 'content-type': FILE_REQUEST_TYPE };
    const request: SourceRequest = {
      ...requestFor('digests'),
      headers,
      body,
      silenceMs: patience.silenceMs,
      aliveMs: patience.aliveMs + slowestMs(asked.map(bytesOf)),
      signal,
    };
    const reply = await client.request(request);
    if ('failure' in reply) {
      await retrier.failed(reply.failure);
      continue;
    }
    const { progressed } = reply.value;
    follower.begin();
    const said = (progress: DigestProgress): void => {
      if (follower.said(progress)) progressed();
    };
    try {
      for await (const answers of answersIn(
        bodyBytes(reply.value, request, client.origin),
        { count: indexes.length, what },
        said,
      )) {
        let bytes = 0;
        for (const answer of answers) {
          const index = indexes[answer.index];
          if (index === undefined || !missing.delete(index))
            throw wrongDigests(`${what} ${answer.index} twice or unasked`);
          answer.index = index;
          bytes += bytesOf(items[index]!);
        }
        retrier.progressed();
        progressed();
        follower.answered(bytes);
        yield answers.map((answer) => (answer.digest === null ? failureIn(answer) : answer));
      }
    } catch (error) {
      await retrier.failed(failureOfError(error, client.origin));
    }
  }
}

/** Throws `protocol` for an answer that ends without all digests, `source` for one that is cut short or was damaged on the way. */
async function* answersIn(
  body: AsyncIterable<Uint8Array>,
  requested: { count: number; what: Asking<unknown>['what'] },
  said: (progress: DigestProgress) => void,
): AsyncGenerator<FileDigest[]> {
  let answers = 0;
  for await (const lines of verifiedLines(body, 'digests')) {
    const found: FileDigest[] = [];
    let end: number | undefined;
    for (const line of lines.flatMap((bytes) => readDigestLines(textOf(bytes)))) {
      if (!('type' in line)) found.push(line);
      else if (line.type === 'progress') said(line);
      else end = line.files;
    }
    answers += found.length;
    if (found.length > 0) yield found;
    if (end === undefined) continue;
    const { count, what } = requested;
    if (end !== count || answers !== count) throw wrongDigests(`${answers} of ${count} ${what}s`);
    return;
  }
  throw cutShort('digests', `after ${answers} of ${requested.count}`);
}

const failureIn = ({ index, result, message }: FileDigest & { digest: null }): SourceDigest => ({
  index,
  result,
  message,
});

/** The body of an answer in lines. Throws `protocol` for an answer of another type. */
function bodyBytes(answer: Answer, request: SourceRequest, origin: string): AsyncIterable<Uint8Array> {
  if (!isOfType(answer, SEALED_TYPE)) throw unexpectedAnswer(answer, request.what, origin);
  return bodyOf(answer, request, origin);
}

const cutShort = (what: string, ...details: string[]): LmError =>
  new LmError('cut-answer', `${what} stopped before their end`, { details, hint: 'run the same command again' });

/** An agent refuses a key of a root that it does not have, before there is a listing whose header would show it. */
function ifUnknownThere(error: unknown, only: EntryKey): unknown {
  if (!(error instanceof LmError) || !error.message.includes('no root is configured for')) return error;
  return new LmError('only-key', `--only: the source does not serve ${rootOf(only)}`, { cause: error });
}

/** A request has no checksum: the header of the listing says what the agent received. */
const otherKeyListed = (requested: EntryKey | undefined, listed: EntryKey | undefined): LmError =>
  new LmError(
    'cut-answer',
    `the source lists ${printable(listed ?? 'everything')} where ${printable(requested ?? 'everything')} was asked for`,
    { hint: 'run the same command again' },
  );

const wrongDigests = (what: string): LmError =>
  new LmError('protocol', `the source answered for ${what} when asked for digests`);

/** Consecutive files of one directory share a line; their order, and so their index, stays. */
function byDirectory(files: ListedFile[]): RequestedDirectory[] {
  const dirs: RequestedDirectory[] = [];
  for (const { key, size, mtimeNs, ino } of files) {
    const dir = parentOf(key);
    if (dirs.at(-1)?.[0] !== dir) dirs.push([dir, []]);
    dirs.at(-1)![1].push([key.slice(dir.length + 1), size, mtimeNs, ino]);
  }
  return dirs;
}
