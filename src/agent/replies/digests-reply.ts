// Replies with digests of files: a stream of lines for many, the Sidecar's document for one. Worker threads read the files.

import { availableParallelism } from 'node:os';
import { DIGEST_ALGORITHMS } from '../../digest/digest.js';
import type { DigestAnswer } from '../../digest/digest-files.js';
import type { PoolOptions } from '../../digest/digest-pool.js';
import { unpackFiles } from '../../digest/messages.js';
import { printable } from '../../errors.js';
import type { EntryKey } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import type { FilterSpec } from '../../patterns/filter.js';
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

/** `ranges`: how big files are divided between threads, which no digest shows. */
export function createDigests(
  roots: Roots,
  filters: FilterSpec[],
  notice: Notice,
  pace: AgentPace,
  ranges: Pick<Partial<PoolOptions>, 'rangeBytes'> = {},
): Digests {
  const size = Math.min(MAX_THREADS, availableParallelism());
  const paces = createClientPaces(size, { filters, isNice: true, ...ranges }, pace);
  const readers = createPool<Uint8Array, DigestsRequest>(
    new URL('./digests-request-thread.js', import.meta.url),
    1,
    roots,
  );

  async function many(request: Uint8Array, gone: AbortSignal): Promise<Reply> {
    const { algorithm, reportsYoung, rows, checksSSTables, pace, files, jobs } = await readers.run(request);
    const stop = stopFlagOf(gone);
    const counter = byteCounter();
    const reading = paces.of(pace);
    const isPaced = reading.paces.length > 0;
    const run = (job: DigestsJob): Promise<DigestAnswer[]> =>
      reading.pool.run({
        ...{ algorithm, roots, files: job.files, reportsYoung, checksSSTables },
        ...{ hidesExcluded: true, stop, counter, paces: reading.paces },
      });
    const progress = progressLine(reading, () => bytesIn(counter));
    const lines = async function* (): AsyncGenerator<Uint8Array> {
      if (reading.yielding() !== undefined) yield Buffer.from(progress());
      let saidMs = performance.now();
      for await (const [job, answers] of inFlight(jobs.values(), size + 1, run)) {
        gone.throwIfAborted();
        noticeFailures(job, answers);
        const said = isPaced && performance.now() - saidMs >= PACED_EVERY_MS ? progress() : '';
        if (said !== '') saidMs = performance.now();
        yield Buffer.from(linesOf(job, answers, rows) + said);
      }
      yield Buffer.from(`${writeDigestLine({ type: 'end', files })}\n`);
    };
    const body = sealed(keepAlive(lines(), progress, isPaced ? PACED_EVERY_MS : undefined));
    const holds = { digests: files };
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

function linesOf({ named }: DigestsJob, answers: readonly DigestAnswer[], rows: boolean): string {
  const lines: FileDigest[] = [];
  for (let at = 0; at < named.length; at += 2) {
    const answer = answers[named[at]!]!;
    const index = named[at + 1]!;
    lines.push('digest' in answer ? { index, ...answer } : { index, digest: null, ...answer });
  }
  return rows ? `${writeDigestRows(lines)}\n` : lines.map((line) => `${writeDigestLine(line)}\n`).join('');
}

/** Runs up to `width` jobs at once and yields each with its result as it ends. */
async function* inFlight<Job, Result>(
  jobs: Iterator<Job>,
  width: number,
  run: (job: Job) => Promise<Result>,
): AsyncGenerator<[Job, Result]> {
  const running = new Set<Promise<() => [Job, Result]>>();
  for (;;) {
    while (running.size < width) {
      const step = jobs.next();
      if (step.done) break;
      const job = step.value;
      const ended: Promise<() => [Job, Result]> = run(job).then((result) => {
        return () => {
          running.delete(ended);
          return [job, result];
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
