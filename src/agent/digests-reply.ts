// Digests of files at this end → a Reply: a stream for many, the Sidecar's document for one. Reads no file in this thread.

import { availableParallelism } from 'node:os';
import { DIGEST_ALGORITHMS, type DigestAlgorithm } from '../files/digest.js';
import type { DigestAnswer, ListedFile } from '../files/digest-files.js';
import { createDigestPool } from '../files/digest-pool.js';
import { joinKey } from '../files/entry.js';
import type { Filter } from '../files/filter.js';
import { pathOf, type Roots } from '../files/roots.js';
import { type FileDigest, writeDigestLine } from '../wire/messages.js';
import { malformed, readParts } from '../wire/parts.js';
import { SEALED_TYPE, sealed } from '../wire/sealed.js';
import { keepAlive } from './keep-alive.js';
import { isDirExcluded, isFileExcluded } from './listed-file.js';
import type { OpenFile } from './path-door.js';
import { errorReply, jsonReply, type Reply } from './reply.js';

export interface Digests {
  /** Throws `protocol` for a body that is no digests request. */
  many(body: Uint8Array): Reply;
  /** `asked` is the algorithm in the client's spelling, which the Sidecar repeats. */
  one(file: OpenFile, asked: string): Promise<Reply>;
  close(): Promise<void>;
}

const MOST_THREADS = 4;
const FILES_PER_JOB = 64;
const BYTES_PER_JOB = 32 << 20;

export function createDigests(roots: Roots, excludes: Filter): Digests {
  const size = Math.min(MOST_THREADS, availableParallelism());
  const pool = createDigestPool(size);
  const digest = async (algorithm: DigestAlgorithm, files: ListedFile[]): Promise<DigestAnswer[]> =>
    pool.run({ algorithm, roots, files });

  function many(body: Uint8Array): Reply {
    const { head, dirs } = readParts(body);
    const algorithm = DIGEST_ALGORITHMS.find((known) => known === head.digestAlgorithm);
    if (!algorithm) throw malformed(`digestAlgorithm is none of ${DIGEST_ALGORITHMS.join(', ')}`);
    for (const [dir] of dirs) pathOf(roots, dir); // refuses what no listing holds, before there is an answer
    const files = dirs.flatMap(([dir, parts]) => {
      const hidden = isDirExcluded(excludes, dir);
      return parts.map(([name, size, mtimeNs, ino]): AskedFile => {
        const file = { key: joinKey(dir, name), size, mtimeNs, ino };
        return { file, excluded: hidden || isFileExcluded(excludes, dir, name) };
      });
    });
    let bytesDone = 0;
    const progress = () => `${writeDigestLine({ type: 'progress', bytes: bytesDone })}\n`;
    const lines = async function* (): AsyncGenerator<Uint8Array> {
      const run = (job: IndexedFile[]) => answersOf(job, (some) => digest(algorithm, some));
      for await (const [job, answers] of inFlight(jobsOf(files), size + 1, run)) {
        for (const { file } of job) bytesDone += Number(file.size);
        yield Buffer.from(answers.map((answer) => `${writeDigestLine(answer)}\n`).join(''));
      }
      yield Buffer.from(`${writeDigestLine({ type: 'end', files: files.length })}\n`);
    };
    return { status: 200, headers: { 'content-type': SEALED_TYPE }, body: sealed(keepAlive(lines(), progress)) };
  }

  async function one({ key, stat }: OpenFile, asked: string): Promise<Reply> {
    if (asked.trim() === '') return errorReply(400, 'Digest algorithm name cannot be null or empty');
    const algorithm = DIGEST_ALGORITHMS.find((known) => known === asked.toLowerCase());
    if (!algorithm) return errorReply(400, `Unsupported digest algorithm ${asked}`);
    const file = { key, size: `${stat.size}`, mtimeNs: `${stat.mtimeNs}`, ino: `${stat.ino}` };
    const [answer] = await digest(algorithm, [file]);
    if ('digest' in answer!) return jsonReply(200, { digest: answer.digest, digestAlgorithm: asked });
    if (answer!.result === 'vanished') return errorReply(404, 'File not found');
    return errorReply(500, `cannot compute the digest: ${answer!.message}`); // which a Sidecar tries again
  }

  return { many, one, close: () => pool.close() };
}

interface AskedFile {
  file: ListedFile;
  excluded: boolean;
}

type IndexedFile = AskedFile & { index: number };

/** Big files alone, small ones together, so that threads share the work evenly and answers come steadily. */
function* jobsOf(files: AskedFile[]): Generator<IndexedFile[]> {
  let job: IndexedFile[] = [];
  let bytes = 0;
  for (const [index, asked] of files.entries()) {
    const { file } = asked;
    if (job.length === FILES_PER_JOB || (job.length > 0 && bytes + Number(file.size) > BYTES_PER_JOB)) {
      yield job;
      job = [];
      bytes = 0;
    }
    job.push({ index, ...asked });
    bytes += Number(file.size);
  }
  if (job.length > 0) yield job;
}

async function answersOf(
  job: IndexedFile[],
  digest: (files: ListedFile[]) => Promise<DigestAnswer[]>,
): Promise<FileDigest[]> {
  const open = job.filter(({ excluded }) => !excluded);
  const answers = await digest(open.map(({ file }) => file));
  const shut = job.filter(({ excluded }) => excluded);
  return [
    ...open.map(({ index }, i): FileDigest => {
      const answer = answers[i]!;
      return 'digest' in answer ? { index, digest: answer.digest } : { index, digest: null, ...answer };
    }),
    ...shut.map(
      ({ index }): FileDigest => ({ index, digest: null, result: 'vanished', message: 'excluded at the source' }),
    ),
  ];
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
      ended.catch(() => {}); // thrown by the race below, unless the reader has gone
      running.add(ended);
    }
    if (running.size === 0) return;
    const take = await Promise.race(running);
    yield take();
  }
}
