// Digests listed files, after checking that each is the file that was listed.

import { DirCache } from '../files/dirfd.js';
import type { Entry, EntryKey } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import { pacedReads } from '../pace/paced-reads.js';
import type { Pace } from '../pace/rate.js';
import type { Filter } from '../patterns/filter.js';
import { type ByteCounter, countBytes } from '../threads/byte-counter.js';
import { givenUp, isRaised, type StopFlag } from '../threads/stop-flag.js';
import { addTo, checkSSTable, type DataSum, sumFor } from './check-sstable.js';
import { BLOCK_DIGEST, type FileAlgorithm } from './digest.js';
import { type Digest, digestFd, ready } from './digest-fd.js';
import { createLaneQueue, type LaneQueue, type LaneTask } from './digest-lanes.js';
import type { LaneHash } from './kernels/hash-lanes.js';
import { MD5 } from './kernels/md5.js';
import { hasVectors } from './kernels/wasm.js';
import { XXH32 } from './kernels/xxh32.js';
import {
  closed,
  type Failed,
  failureOf,
  type ListedFile,
  listed,
  type Opened,
  openListed,
  stillListed,
} from './listed-file.js';
import type { FileRange } from './open-file.js';
import { digestSettled, openSettled } from './settled-files.js';
import type { SSTableCheck } from './sstable.js';

export interface DigestJob {
  algorithm: FileAlgorithm;
  roots: Roots;
  files: readonly ListedFile[];
  /** What is read of the one file of the job; of an algorithm that `isComposed`. */
  range?: FileRange | undefined;
  /** Whether the answers report which files were young when they were read. */
  reportsYoung?: boolean;
  /** Whether answers of BLOCK_DIGEST have the hashes of the blocks. */
  reportsBlocks?: boolean;
  /** Whether each `*-Data.db` is checked against its SSTable's own components, by the same read. */
  checksSSTables?: boolean;
  /** Whether files that this user owns but may not read are opened all the same: only at the destination, whose modes lm may change. */
  opensUnreadable?: boolean;
  /** Whether files are read past the page cache where that is possible, and the answers say which were. */
  direct?: boolean;
  /** Whether files that the pool's filters exclude count as missing. */
  hidesExcluded?: boolean;
  /** Once it is raised, nobody waits for the answers: they are `failed` from then on, in the middle of a file too. */
  stop?: StopFlag;
  /** Counts bytes as they are read, in any thread. */
  counter?: ByteCounter;
  /** The limits that reading keeps to, with all who share them; the thread is blocked meanwhile. */
  paces?: readonly Pace[];
}

type Job = Omit<DigestJob, 'roots' | 'files' | 'hidesExcluded'>;

/** What was found of a file that could be read. */
export interface Digested {
  digest: string;
  /** On request: whether the file was young when it was read, so that its next write may not show. */
  young?: boolean;
  /** On request, of a Data.db. */
  sstable?: SSTableCheck;
  /**
   * With BLOCK_DIGEST: the file's ctime, if from the listing and the beginning of the read to its end it was the same, and the file was not
   * young. Otherwise it proves nothing, and is absent. NO_CTIME as in listings.
   */
  ctimeNs?: string;
  /** With `DigestJob.reportsBlocks`: the hash of each block, 8 bytes, in the order of the wire. */
  blocks?: Uint8Array;
  /** With `DigestJob.direct`: read from the disk, past the page cache, or perhaps from that. */
  read?: 'direct' | 'cached';
}

export type DigestAnswer = Digested | Failed;

/** What every thread that digests files has of its own. */
export interface DigestThread {
  /** What `DigestJob.hidesExcluded` hides. */
  excludes?: Filter | undefined;
}

/** Whether a thread finishes several files of the algorithm sooner together than one after another. */
export const computesInLanes = (algorithm: FileAlgorithm): boolean => algorithm in LANE_HASHES && hasVectors();

const LANE_HASHES: Partial<Record<FileAlgorithm, LaneHash>> = { md5: MD5, xxhash32: XXH32 };

/** Returns one answer for each file, in order. Overlapping jobs share the lanes; without lanes a job blocks its thread. */
export async function digestFiles(all: DigestJob, thread: DigestThread = {}): Promise<DigestAnswer[]> {
  const { roots, files, hidesExcluded, ...job } = all;
  if (!computesInLanes(job.algorithm)) return digestInTurn(all, thread);
  const dirs = new DirCache(roots, hidesExcluded ? thread.excludes : undefined);
  const keepPace = paceOf(job);
  const todo = files.map((file) => new FileToDigest(file, dirs, job, keepPace));
  try {
    await inLanes(laneQueue(job.algorithm), todo);
  } finally {
    dirs.close();
  }
  return todo.map(({ answer }) => answer!);
}

/** The same, one file after another whatever the algorithm: of small files nearly all time goes to other things than hashing. */
export async function digestInTurn(
  { roots, files, hidesExcluded, ...job }: DigestJob,
  { excludes }: DigestThread = {},
): Promise<DigestAnswer[]> {
  await ready(job.algorithm);
  const dirs = new DirCache(roots, hidesExcluded ? excludes : undefined);
  const keepPace = paceOf(job);
  try {
    return files.map((file) => new FileToDigest(file, dirs, job, keepPace).digest());
  } finally {
    dirs.close();
  }
}

/** The same of files of one directory, as a listing has them. */
export async function digestEntries(
  { roots, hidesExcluded, ...job }: EntriesJob,
  dir: EntryKey,
  entries: readonly Entry[],
  { excludes }: DigestThread = {},
): Promise<DigestAnswer[]> {
  await ready(job.algorithm);
  const dirs = new DirCache(roots, hidesExcluded ? excludes : undefined);
  const keepPace = paceOf(job);
  const { counter, reportsYoung, direct } = job;
  try {
    const settled = job.algorithm === BLOCK_DIGEST ? undefined : openSettled(dirs, dir, job); // of its files more is told
    return entries.map((entry) => {
      const digest = settled && !isRaised(job.stop) ? digestSettled(settled, job.algorithm, entry) : undefined;
      if (digest === undefined) return new FileToDigest(listed(dir, entry), dirs, job, keepPace).digest();
      const bytes = Number(entry.size);
      if (counter) countBytes(counter, bytes);
      try {
        keepPace?.(bytes);
      } catch (error) {
        return failureOf(error);
      }
      return {
        digest,
        ...(reportsYoung && { young: false }),
        ...(direct && { read: settled!.direct ? 'direct' : 'cached' }),
      };
    });
  } finally {
    dirs.close();
  }
}

/** Nothing is told but digests. */
export type EntriesJob = Omit<DigestJob, 'files' | 'range' | 'checksSSTables' | 'reportsBlocks'>;

const paceOf = ({ paces = [], stop }: Job): KeepPace =>
  pacedReads(paces, () => {
    if (isRaised(stop)) throw givenUp();
  });

const queues: Partial<Record<FileAlgorithm, LaneQueue>> = {};

/** All jobs of this thread share one queue. */
function laneQueue(algorithm: FileAlgorithm): LaneQueue {
  queues[algorithm] ??= createLaneQueue(LANE_HASHES[algorithm]!);
  return queues[algorithm];
}

/** One promise for all: a promise for each would take as long as closing the file. */
const inLanes = (queue: LaneQueue, todo: readonly FileToDigest[]): Promise<void> =>
  new Promise((resolve) => {
    let left = todo.length;
    if (left === 0) resolve();
    for (const file of todo) {
      file.ended = () => {
        left--;
        if (left === 0) resolve();
      };
      queue.add(file);
    }
  });

type KeepPace = ReturnType<typeof pacedReads>;

/** A file of a job: it has an answer, or waits for one, also as one that waits for a lane. */
class FileToDigest implements LaneTask {
  answer: DigestAnswer | undefined;
  ended: (() => void) | undefined;
  readonly #file: ListedFile;
  readonly #dirs: DirCache;
  readonly #job: Job;
  readonly #sum: DataSum | undefined;
  readonly #keepPace: KeepPace;
  #opened: Opened | undefined;

  constructor(file: ListedFile, dirs: DirCache, job: Job, keepPace: KeepPace) {
    this.#file = file;
    this.#dirs = dirs;
    this.#job = job;
    this.#sum = job.checksSSTables ? sumFor(file.key) : undefined;
    this.#keepPace = keepPace;
  }

  /** Reads it at once. */
  digest(): DigestAnswer {
    const file = this.open();
    if (file) this.end(this.#readAll(file));
    return this.answer!;
  }

  #readAll(file: Opened): Parameters<LaneTask['end']>[0] {
    try {
      return digestFd(file, this.#job.algorithm, this);
    } catch (error) {
      return { error };
    }
  }

  open(): Opened | undefined {
    const opened = this.isGivenUp() ? failureOf(givenUp()) : openListed(this.#dirs, this.#file, this.#job);
    if ('fd' in opened) {
      opened.range = this.#job.range;
      this.#opened = opened;
      return opened;
    }
    this.#answer(opened);
    return undefined;
  }

  isGivenUp(): boolean {
    return isRaised(this.#job.stop);
  }

  read(bytes: Uint8Array): void {
    if (this.#job.counter) countBytes(this.#job.counter, bytes.length);
    if (this.#sum) addTo(this.#sum, bytes);
    this.#keepPace?.(bytes.length);
  }

  /** The sum of an SSTable is made of all bytes. */
  get skipped(): ((bytes: number) => void) | undefined {
    if (this.#sum) return undefined;
    return (bytes) => {
      if (this.#job.counter) countBytes(this.#job.counter, bytes);
    };
  }

  end(read: (Digest & { end: number }) | { error: unknown }): void {
    const opened = this.#opened!;
    const answer = closed(opened.fd, 'error' in read ? failureOf(read.error) : this.#compared(opened, read));
    this.#answer(this.#sum ? checked(answer, this.#dirs, this.#file, this.#sum, this.#job) : answer);
  }

  /** The answer for what was read, if the file is still the one that was listed. */
  #compared(opened: Opened, { digest, blocks, end }: Digest & { end: number }): DigestAnswer {
    const { algorithm, reportsYoung, reportsBlocks, direct } = this.#job;
    const isProof = algorithm === BLOCK_DIGEST;
    const { size, range } = opened;
    const held = range && end === range.offset + range.length ? size : end; // only the last range can tell
    try {
      const found = stillListed(opened, this.#file, held, reportsYoung === true || isProof);
      if ('result' in found) return found;
      const answer: Digested = { digest };
      if (reportsYoung) answer.young = found.young;
      if (isProof && found.ctimeNs !== undefined) answer.ctimeNs = found.ctimeNs;
      if (reportsBlocks && blocks) answer.blocks = blocks;
      if (direct) answer.read = opened.direct ? 'direct' : 'cached';
      return answer;
    } catch (error) {
      return failureOf(error);
    }
  }

  #answer(answer: DigestAnswer): void {
    this.answer = answer;
    this.ended?.();
  }
}

/** Adds to the answer for a Data.db what its SSTable's own components say of it. */
function checked(answer: DigestAnswer, dirs: DirCache, { key }: ListedFile, sum: DataSum, job: Job): DigestAnswer {
  if ('result' in answer) return answer;
  const sstable = checkSSTable(dirs, key, sum.crc32, job.opensUnreadable);
  return sstable ? { ...answer, sstable } : { result: 'vanished', message: 'no longer there' };
}
