// Digests of files at this end → a Reply: a stream for many, the Sidecar's document for one. Reads no file in this thread.

import { availableParallelism } from 'node:os';
import { DIGEST_ALGORITHMS } from '../../digest/digest.js';
import type { DigestAnswer } from '../../digest/digest-files.js';
import { createDigestPool } from '../../digest/digest-pool.js';
import { printable } from '../../errors.js';
import type { EntryKey } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import type { FilterSpec } from '../../patterns/filter.js';
import { stopFlagOf } from '../../threads/stop-flag.js';
import { createPool } from '../../threads/threads.js';
import { SEALED_TYPE, sealed } from '../../wire/line-seals.js';
import { type FileDigest, writeDigestLine } from '../../wire/messages.js';
import type { OpenFile } from '../files/path-door.js';
import { keepAlive } from '../keep-alive.js';
import type { Notice } from '../notices.js';
import { errorReply, jsonReply, type Reply } from '../reply.js';
import type { DigestsJob, DigestsRequest } from './digests-request.js';

/** `gone` aborts when the client goes away: within 64 KiB to 256 KiB of each file that is being read for it, nothing is any more. */
export interface Digests {
  /** Rejects with `protocol` for a body that is no digests request. */
  many(body: Uint8Array, gone: AbortSignal): Promise<Reply>;
  /** `asked` is the algorithm in the client's spelling, which the Sidecar repeats. */
  one(file: OpenFile, asked: string, gone: AbortSignal): Promise<Reply>;
  close(): Promise<void>;
}

const MOST_THREADS = 4;

export function createDigests(roots: Roots, filters: FilterSpec[], notice: Notice): Digests {
  const size = Math.min(MOST_THREADS, availableParallelism());
  const pool = createDigestPool(size, filters);
  const readers = createPool<Uint8Array, DigestsRequest>(
    new URL('./digests-request-thread.js', import.meta.url),
    1,
    roots,
  );

  async function many(body: Uint8Array, gone: AbortSignal): Promise<Reply> {
    const { algorithm, tellsYoung, files, jobs } = await readers.run(body);
    const stop = stopFlagOf(gone);
    const run = (job: DigestsJob): Promise<DigestAnswer[]> =>
      pool.run({ algorithm, roots, files: job.files, tellsYoung, hidesExcluded: true, stop });
    let bytesDone = 0;
    const progress = () => `${writeDigestLine({ type: 'progress', bytes: bytesDone })}\n`;
    const lines = async function* (): AsyncGenerator<Uint8Array> {
      for await (const [job, answers] of inFlight(jobs.values(), size + 1, run)) {
        gone.throwIfAborted();
        bytesDone += job.bytes;
        for (const [i, answer] of answers.entries()) note(job.files[i]!.key, answer);
        yield Buffer.from(linesOf(job, answers).join(''));
      }
      yield Buffer.from(`${writeDigestLine({ type: 'end', files })}\n`);
    };
    return { status: 200, headers: { 'content-type': SEALED_TYPE }, body: sealed(keepAlive(lines(), progress)) };
  }

  function note(key: EntryKey, answer: DigestAnswer): void {
    if ('result' in answer && answer.result === 'failed')
      notice('unread', `cannot read ${printable(key)}: ${answer.message}`);
  }

  async function one({ key, stat }: OpenFile, asked: string, gone: AbortSignal): Promise<Reply> {
    if (asked.trim() === '') return errorReply(400, 'Digest algorithm name cannot be null or empty');
    const algorithm = DIGEST_ALGORITHMS.find((known) => known === asked.toLowerCase());
    if (!algorithm) return errorReply(400, `Unsupported digest algorithm ${asked}`);
    const file = { key, size: `${stat.size}`, mtimeNs: `${stat.mtimeNs}`, ino: `${stat.ino}` };
    const [answer] = await pool.run({ algorithm, roots, files: [file], stop: stopFlagOf(gone) });
    note(key, answer!);
    if ('digest' in answer!) return jsonReply(200, { digest: answer.digest, digestAlgorithm: asked });
    if (answer!.result === 'vanished') return errorReply(404, 'File not found');
    return errorReply(500, `cannot compute the digest: ${answer!.message}`); // which a Sidecar tries again
  }

  return {
    many,
    one,
    close: async () => {
      await Promise.all([pool.close(), readers.close()]);
    },
  };
}

const linesOf = ({ indexes }: DigestsJob, answers: DigestAnswer[]): string[] =>
  answers.flatMap((answer, i) =>
    indexes[i]!.map((index) => {
      const told: FileDigest = 'digest' in answer ? { index, ...answer } : { index, digest: null, ...answer };
      return `${writeDigestLine(told)}\n`;
    }),
  );

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
      ended.catch(() => {}); // thrown by the race below, unless the reader has gone
      running.add(ended);
    }
    if (running.size === 0) return;
    const take = await Promise.race(running);
    yield take();
  }
}
