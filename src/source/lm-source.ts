// An lm agent as a source, by its native routes. Moves no file bytes: the lanes do that.

import { DIGEST_ALGORITHMS, type DigestAlgorithm } from '../digest/digest.js';
import type { ListedFile } from '../digest/digest-files.js';
import { LmError, printable } from '../errors.js';
import { type EntryKey, parentOf, rootOf } from '../files/entry.js';
import { readListing } from '../listing/listing.js';
import { provedLines, SEALED_TYPE } from '../wire/line-seals.js';
import { textOf } from '../wire/lines.js';
import { type FileDigest, OpenFilesReport, parseAs, readDigestLine } from '../wire/messages.js';
import { MAX_PARTS, MAX_REQUEST_BYTES, PARTS_CONTENT_TYPE, type PartsOfDir, writeParts } from '../wire/parts.js';
import { CHECK_HEADER, FEATURES_HEADER, HOT_HEADER, listTarget, ROUTES, requestFor } from '../wire/routes.js';
import { failureOfError } from './failure.js';
import { type Answer, type Ask, bodyOf, isOfType, notOurs } from './http-client.js';
import { PATIENCE } from './patience.js';
import { createRetrier, withRetry } from './retry.js';
import { askStatus, findsEmpty, retrying, type Source, type SourceDigest, type SourceParts } from './source.js';
import { transportTo } from './transport.js';

/** Enough that the cost of a request does not count, little enough that no connection waits long for the last one. */
const DIGEST_BATCH = { files: 256, bytes: 64 << 20 };

export function lmSource(parts: SourceParts): Source {
  const { client, contact, firstStatus, reopened, maxConcurrentFileRequests } = parts;
  const { silenceMs } = parts.patience ?? PATIENCE;
  return {
    url: client.origin,
    kind: 'lm',
    tells: { timeUnit: 'us', mounts: true, owners: true },
    digestBatch: DIGEST_BATCH,
    transport: transportTo(parts, { by: 'units', servesEmpty: true }),
    contact,
    retrying: (what, signal) => retrying(parts, what, signal),
    algorithms: DIGEST_ALGORITHMS,
    firstStatus,
    reopened,
    ...(maxConcurrentFileRequests !== undefined && { maxConcurrentFileRequests }),
    status: async (signal) => (await askStatus(parts, signal)).status,
    findsEmpty: (key, signal) => findsEmpty(parts, key, signal),
    async list({ only, features = [], owners }, signal) {
      const asked = ['exclude', ...features, ...(owners ? ['names'] : [])];
      const headers = {
        accept: SEALED_TYPE,
        [FEATURES_HEADER]: asked.join(','),
      };
      const ask: Ask = { ...requestFor('list', listTarget(only)), headers, silenceMs, signal };
      const answer = await withRetry(() => client.ask(ask), retrying(parts, ask.asked, signal)).catch((error) => {
        throw only === undefined ? error : ifUnknownThere(error, only);
      });
      const lines = bytesOf(answer, ask, client.origin);
      const listing = await readListing(lines, () => answer.progressed(), undefined, owners);
      if (listing.header.only !== only) throw notAsked(only, listing.header.only);
      return listing;
    },
    async *digests(algorithm, files, signal) {
      for (const slice of slicesOf(files)) yield* digestsOf(parts, algorithm, files, slice, signal);
    },
    async openFiles(signal, { check = false, hot = false } = {}) {
      const headers: Ask['headers'] = { ...(check && { [CHECK_HEADER]: 'run' }), ...(hot && { [HOT_HEADER]: 'name' }) };
      const ask: Ask = { ...requestFor('open-files'), headers, silenceMs, signal };
      return withRetry(
        async () => {
          const reply = await client.ask(ask);
          if ('failure' in reply) return reply;
          for await (const lines of provedLines(bytesOf(reply.value, ask, client.origin), ask.asked)) {
            const report = lines.map(textOf).find((text) => !text.startsWith(PROGRESS));
            if (report !== undefined) return { value: parseAs(OpenFilesReport, report, ask.asked) };
          }
          throw stopped(ask.asked);
        },
        retrying(parts, ask.asked, signal),
      );
    },
    close: () => client.close(),
  };
}

/** A line that only says that the answer is being worked on. */
const PROGRESS = '{"type":"progress"';

/** Of a disk that is busy elsewhere. */
const SLOW_BYTES_PER_MS = 1024;

/** What one of them may take at the other end, where no other answer need come in the meantime. */
const slowestMs = (files: readonly ListedFile[]): number =>
  files.reduce((most, { size }) => Math.max(most, Number(size)), 0) / SLOW_BYTES_PER_MS;

/** Longest escaped name, three numbers and punctuation: what one file can add to a request. */
const longestPart = (file: ListedFile): number => 6 * file.key.length + 80;

/** Indexes of the files, cut where a request would grow beyond what an agent takes. */
function* slicesOf(files: readonly ListedFile[]): Generator<number[]> {
  let slice: number[] = [];
  let bytes = 0;
  for (const [index, file] of files.entries()) {
    const more = longestPart(file);
    if (slice.length === MAX_PARTS || bytes + more > MAX_REQUEST_BYTES) {
      yield slice;
      slice = [];
      bytes = 0;
    }
    slice.push(index);
    bytes += more;
  }
  if (slice.length > 0) yield slice;
}

/** Asks again for what is still missing when an answer breaks off. */
async function* digestsOf(
  parts: SourceParts,
  algorithm: DigestAlgorithm,
  files: readonly ListedFile[],
  asked: number[],
  signal: AbortSignal,
): AsyncGenerator<SourceDigest> {
  const { client, patience = PATIENCE } = parts;
  const retrier = createRetrier(retrying(parts, ROUTES.digests.asked, signal));
  const missing = new Set(asked);
  while (missing.size > 0) {
    signal.throwIfAborted();
    const indexes = [...missing];
    const body = writeParts(
      { digestAlgorithm: algorithm, young: true },
      partsOf(indexes.map((index) => files[index]!)),
    );
    const headers = { 'content-type': PARTS_CONTENT_TYPE };
    const ask: Ask = {
      ...requestFor('digests'),
      headers,
      body,
      silenceMs: patience.silenceMs,
      aliveMs: patience.aliveMs + slowestMs(indexes.map((index) => files[index]!)),
      signal,
    };
    const reply = await client.ask(ask);
    if ('failure' in reply) {
      await retrier.failed(reply.failure);
      continue;
    }
    try {
      for await (const answer of answersIn(bytesOf(reply.value, ask, client.origin), indexes.length)) {
        const index = indexes[answer.index];
        if (index === undefined || !missing.delete(index)) throw senseless(`file ${answer.index} twice or unasked`);
        retrier.progressed();
        reply.value.progressed();
        yield answer.digest === null ? { index, result: answer.result, message: answer.message } : { ...answer, index };
      }
    } catch (error) {
      await retrier.failed(failureOfError(error, client.origin));
    }
  }
}

/** Throws `protocol` for an answer that says it is whole and is not, `source` for one that is cut or was damaged on the way. */
async function* answersIn(body: AsyncIterable<Uint8Array>, asked: number): AsyncGenerator<FileDigest> {
  let answers = 0;
  for await (const lines of provedLines(body, 'digests'))
    for (const text of lines.map(textOf)) {
      const line = readDigestLine(text);
      if (!('type' in line)) {
        answers++;
        yield line;
      } else if (line.type === 'end') {
        if (line.files !== asked || answers !== asked) throw senseless(`${answers} of ${asked} files`);
        return;
      }
    }
  throw stopped('digests');
}

/** What an agent says in lines. Throws `protocol` for an answer of another type. */
function bytesOf(answer: Answer, ask: Ask, origin: string): AsyncIterable<Uint8Array> {
  if (!isOfType(answer, SEALED_TYPE)) throw notOurs(answer, ask.asked, origin);
  return bodyOf(answer, ask, origin);
}

const stopped = (what: string): LmError =>
  new LmError('source', `${what} stopped before their end`, { hint: 'run the same command again' });

/** An agent refuses a key of a root it does not have before there is a listing, whose header would say so. */
function ifUnknownThere(error: unknown, only: EntryKey): unknown {
  if (!(error instanceof LmError) || !error.message.includes('no root is configured for')) return error;
  return new LmError('usage', `--only: the source does not serve ${rootOf(only)}`, { cause: error });
}

/** A request has no checksum: what was heard of it, the header says. */
const notAsked = (asked: EntryKey | undefined, listed: EntryKey | undefined): LmError =>
  new LmError(
    'source',
    `the source lists ${printable(listed ?? 'everything')} where ${printable(asked ?? 'everything')} was asked for`,
    { hint: 'run the same command again' },
  );

const senseless = (what: string): LmError =>
  new LmError('protocol', `the source answered for ${what} when asked for digests`);

/** Files of one directory that follow one another share a line; the order, and so the index, stays. */
function partsOf(files: ListedFile[]): PartsOfDir[] {
  const dirs: PartsOfDir[] = [];
  for (const { key, size, mtimeNs, ino } of files) {
    const dir = parentOf(key);
    if (dirs.at(-1)?.[0] !== dir) dirs.push([dir, []]);
    dirs.at(-1)![1].push([key.slice(dir.length + 1), size, mtimeNs, ino]);
  }
  return dirs;
}
