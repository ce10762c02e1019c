// Replies with digests of files: a stream of lines for many, the Sidecar's document for one. Worker threads read the files.

import { availableParallelism } from 'node:os';
import { DIGEST_ALGORITHMS } from '../../digest/digest.js';
import type { DigestAnswer } from '../../digest/digest-files.js';
import { LmError, printable } from '../../errors.js';
import { type EntryKey, NO_CTIME } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import { isLimited } from '../../pace/rate.js';
import type { FilterSpec } from '../../patterns/filter.js';
import type { PoolOptions } from '../../reading/digest-pool.js';
import { unpackFiles } from '../../reading/messages.js';
import { byteCounter, bytesIn } from '../../threads/byte-counter.js';
import { stopFlagOf } from '../../threads/stop-flag.js';
import { createPool } from '../../threads/threads.js';
import { SEALED_TYPE, sealed } from '../../wire/line-seals.js';
import { type FileDigest, writeDigestLine, writeDigestRows } from '../../wire/messages.js';
import type { OpenFile } from '../files/requested-file.js';
import { keepAlive } from '../keep-alive.js';
import type { Notice } from '../notices.js';
import { andThen, errorReply, jsonReply, type Reply } from '../reply.js';
import { type AgentPace, createClientPaces, type Reading } from './client-paces.js';
import type { DigestsJob, DigestsRequest } from './digests-request.js';

/** `gone` aborts when the client goes away: reading for it ends within 64 KiB to 256 KiB of each file. */
interface Digests {
  /** Rejects with `protocol` for a body that is no digests request. */
  many(body: Uint8Array, gone: AbortSignal): Promise<Reply>;
  /** `algorithmName` is the client's spelling, which the reply repeats as the Sidecar does. */
  one(file: OpenFile, algorithmName: string, gone: AbortSignal): Promise<Reply>;
  close(): Promise<void>;
}

const MAX_THREADS = 4;

/** `isSnapshot`: no answer has a ctime that proves anything. `rangeBytes`: how big files are divided between threads, which no digest shows. */
export function createDigests(
  roots: Roots,
  filters: FilterSpec[],
  notice: Notice,
  pace: AgentPace,
  { isSnapshot = false, ...ranges }: Pick<Partial<PoolOptions>, 'rangeBytes'> & { isSnapshot?: boolean } = {},
): Digests {
  const size = Math.min(MAX_THREADS, availableParallelism());
  const paces = createClientPaces(size, { filters, isNice: true, ...ranges }, pace);
  const readers = createPool<Uint8Array, DigestsRequest>(
    new URL('./digests-request-thread.js', import.meta.url),
    1,
    roots,
  );

  async function many(request: Uint8Array, gone: AbortSignal): Promise<Reply> {
    const { algorithm, reportsYoung, rows, checksSSTables, pace, files, jobs, lines } = await readers.run(request);
    const stop = stopFlagOf(gone);
    const counter = byteCounter();
    const reading = paces.of(pace);
    const isPaced = isLimited(reading.paces) || reading.yielding() !== undefined;
    const how = { algorithm, roots, reportsYoung, hidesExcluded: true, stop, counter, paces: reading.paces };
    const holds = { digests: jobs.length > 0 ? files : 0 };
    const ofFiles = async (job: DigestsJob): Promise<FileDigest[]> => {
      const answers = await reading.pool.run({ ...how, files: job.files, checksSSTables });
      gone.throwIfAborted();
      noticeFailures(job, answers);
      return answersFor(job, isSnapshot ? answers.map(unproved) : answers);
    };
    const ofLine = async (index: number): Promise<FileDigest[]> => {
      try {
        const { digest, files: read } = await reading.pool.runLine({ ...how, line: lines[index]! });
        holds.digests += read;
        return [
          digest === undefined ? { index, digest: null, result: 'changed', message: NOT_ALL } : { index, digest },
        ];
      } catch (error) {
        if (!(error instanceof LmError)) throw error;
        return [{ index, digest: null, result: 'failed', message: error.message }]; // it is no line of this host's listing
      }
    };
    const all = [...jobs.map((job) => () => ofFiles(job)), ...lines.map((_, index) => () => ofLine(index))];
    const progress = progressLine(reading, () => bytesIn(counter));
    const answer = async function* (): AsyncGenerator<Uint8Array> {
      if (reading.yielding() !== undefined) yield Buffer.from(progress());
      let saidMs = performance.now();
      for await (const answers of inFlight(all.values(), size + 1)) {
        gone.throwIfAborted();
        const said = isPaced && performance.now() - saidMs >= PACED_EVERY_MS ? progress() : '';
        if (said !== '') saidMs = performance.now();
        yield Buffer.from(linesOf(answers, rows) + said);
      }
      yield Buffer.from(`${writeDigestLine({ type: 'end', files })}\n`);
    };
    const body = sealed(keepAlive(answer(), progress, isPaced ? PACED_EVERY_MS : undefined));
    return andThen({ status: 200, headers: { 'content-type': SEALED_TYPE }, body, holds }, reading.end);
  }

  function noticeFailures(job: DigestsJob, answers: readonly DigestAnswer[]): void {
    if (!answers.some((answer) => 'result' in answer)) return;
    const files = unpackFiles(job.files);
    for (const [i, answer] of answers.entries()) noticeFailure(files[i]!.key, answer);
  }

  function noticeFailure(key: EntryKey, answer: DigestAnswer): void {
    if ('result' in answer && answer.result === 'failed')
      notice('unread', `cannot read ${printable(key)}: ${answer.message}`);
  }

  async function one({ key, stat }: OpenFile, algorithmName: string, gone: AbortSignal): Promise<Reply> {
    if (algorithmName.trim() === '') return errorReply(400, 'Digest algorithm name cannot be null or empty');
    const algorithm = DIGEST_ALGORITHMS.find((known) => known === algorithmName.toLowerCase());
    if (!algorithm) return errorReply(400, `Unsupported digest algorithm ${algorithmName}`);
    const file = { key, size: `${stat.size}`, mtimeNs: `${stat.mtimeNs}`, ino: `${stat.ino}` };
    const job = { algorithm, roots, files: [file], stop: stopFlagOf(gone), paces: [...pace.paces] };
    const [answer] = await paces.shared.run(job);
    noticeFailure(key, answer!);
    if ('digest' in answer!)
      return { ...jsonReply(200, { digest: answer.digest, digestAlgorithm: algorithmName }), holds: { digests: 1 } };
    if (answer!.result === 'vanished') return errorReply(404, 'File not found');
    return errorReply(500, `cannot compute the digest: ${answer!.message}`); // a Sidecar tries again after 500
  }

  return {
    many,
    one,
    close: async () => {
      await Promise.all([paces.close(), readers.close()]);
    },
  };
}

/** How often a client hears how far a slow reading is, and how it yields: more often than that the agent is alive. */
const PACED_EVERY_MS = 1_000;

const progressLine = (reading: Reading, bytes: () => number) => (): string => {
  const yielding = reading.yielding();
  return `${writeDigestLine({ type: 'progress', bytes: bytes(), ...(yielding && { yielding }) })}\n`;
};

/** For people who read the wire: a client asks for each file then. */
const NOT_ALL = 'a file of it has changed, cannot be read or is young';

function answersFor({ named }: DigestsJob, answers: readonly DigestAnswer[]): FileDigest[] {
  const lines: FileDigest[] = [];
  for (let at = 0; at < named.length; at += 2) {
    const answer = answers[named[at]!]!;
    const index = named[at + 1]!;
    lines.push('digest' in answer ? { index, ...answer } : { index, digest: null, ...answer });
  }
  return lines;
}

const unproved = (answer: DigestAnswer): DigestAnswer =>
  'digest' in answer && answer.ctimeNs !== undefined ? { ...answer, ctimeNs: NO_CTIME } : answer;

const linesOf = (answers: readonly FileDigest[], rows: boolean): string =>
  rows ? `${writeDigestRows(answers)}\n` : answers.map((line) => `${writeDigestLine(line)}\n`).join('');

/** Runs up to `width` jobs at once and yields each result as it comes. */
async function* inFlight<Result>(jobs: Iterator<() => Promise<Result>>, width: number): AsyncGenerator<Result> {
  const running = new Set<Promise<() => Result>>();
  for (;;) {
    while (running.size < width) {
      const step = jobs.next();
      if (step.done) break;
      const ended: Promise<() => Result> = step.value().then((result) => {
        return () => {
          running.delete(ended);
          return result;
        };
      });
      ended.catch(() => {}); // the race below throws it, unless the reader has gone
      running.add(ended);
    }
    if (running.size === 0) return;
    const take = await Promise.race(running);
    yield take();
  }
}
