// Listed files → their digests, each proved to be the file that was listed. Follows no symbolic link and writes no file.

import { type BigIntStats, closeSync, fstatSync } from 'node:fs';
import { errnoOf } from '../errors.js';
import { DirCache } from '../files/dirfd.js';
import { type EntryKey, parentOf } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import { FileClocks } from '../files/young.js';
import type { Filter } from '../patterns/filter.js';
import { type ByteCounter, countBytes } from '../threads/byte-counter.js';
import { givenUp, isRaised, type StopFlag } from '../threads/stop-flag.js';
import { type DigestAlgorithm, digestFd, ready } from './digest.js';
import { createLaneQueue, type LaneQueue } from './digest-lanes.js';
import type { LaneHash } from './kernels/hash-lanes.js';
import { MD5 } from './kernels/md5.js';
import { hasVectors } from './kernels/wasm.js';
import { XXH32 } from './kernels/xxh32.js';

/** A regular file as a listing told it; the fields are those of an `Entry`. */
export interface ListedFile {
  key: EntryKey;
  size: string;
  mtimeNs: string;
  ino: string;
}

export interface DigestJob {
  algorithm: DigestAlgorithm;
  roots: Roots;
  files: ListedFile[];
  /** Whether the answers say which files were young when they were read. */
  tellsYoung?: boolean;
  /** Whether files that this user owns but may not read are opened all the same: at the destination, where that is ours to change. */
  opensOwn?: boolean;
  /** Whether files that the pool's filters exclude are not there. */
  hidesExcluded?: boolean;
  /** Raised: nobody waits for the answers, and they are `failed` from here on, in the middle of a file too. */
  stop?: StopFlag;
  /** Counts bytes as they are read, from any thread. */
  counter?: ByteCounter;
}

type Job = Pick<DigestJob, 'tellsYoung' | 'opensOwn' | 'stop' | 'counter'>;

/** Why there are no bytes, and no digest: the file is another one than was listed, is gone, or could not be read. */
export type FileTrouble = 'changed' | 'vanished' | 'failed';

/** Of a file that some file systems (procfs, sysfs, FUSE) state another size of than it has, and go on doing so. */
export const misstated = (stated: number, held: number): string =>
  `states ${stated} bytes but holds ${held > stated ? 'more' : held}`;

/** `young`: as read just now, so that the next write may not show; said when the job asks. */
export type DigestAnswer = { digest: string; young?: boolean } | { result: FileTrouble; message: string };

/** Whether a thread that has several files of the algorithm at once is done with them sooner than with one after another. */
export const computesInLanes = (algorithm: DigestAlgorithm): boolean => algorithm in LANE_HASHES && hasVectors();

const LANE_HASHES: Partial<Record<DigestAlgorithm, LaneHash>> = { md5: MD5, xxhash32: XXH32 };

/** One answer a file, in the order asked. Overlapping jobs share the lanes; without lanes a job blocks its thread. */
export async function digestFiles(
  { algorithm, roots, files, hidesExcluded, ...job }: DigestJob,
  excludes?: Filter,
): Promise<DigestAnswer[]> {
  const dirs = new DirCache(roots, hidesExcluded ? excludes : undefined);
  try {
    if (computesInLanes(algorithm)) {
      const queue = laneQueue(algorithm);
      return await Promise.all(files.map((file) => digestInLane(queue, dirs, file, job)));
    }
    await ready(algorithm);
    return files.map((file) => digestOne(dirs, file, algorithm, job));
  } finally {
    dirs.close();
  }
}

const queues: Partial<Record<DigestAlgorithm, LaneQueue>> = {};

/** Of this thread. */
const clocks = new FileClocks();

/** One for all jobs of this thread. */
function laneQueue(algorithm: DigestAlgorithm): LaneQueue {
  queues[algorithm] ??= createLaneQueue(LANE_HASHES[algorithm]!);
  return queues[algorithm];
}

function digestOne(dirs: DirCache, file: ListedFile, algorithm: DigestAlgorithm, job: Job): DigestAnswer {
  const beganMs = job.tellsYoung ? performance.now() : undefined;
  const fd = openListed(dirs, file, job);
  return typeof fd === 'number' ? answerAndClose(fd, file, beganMs, () => digestFd(fd, algorithm, job)) : fd;
}

const digestInLane = (queue: LaneQueue, dirs: DirCache, file: ListedFile, job: Job): Promise<DigestAnswer> =>
  new Promise((resolve) => {
    let beganMs: number | undefined;
    queue.add({
      open() {
        if (job.tellsYoung) beganMs = performance.now();
        const fd = openListed(dirs, file, job);
        if (typeof fd === 'number') return { fd, bytes: Number(file.size) };
        resolve(fd);
        return undefined;
      },
      isGivenUp: () => isRaised(job.stop),
      read: (bytes) => job.counter && countBytes(job.counter, bytes),
      end(fd, read) {
        const answer = answerAndClose(fd, file, beganMs, () => {
          if ('error' in read) throw read.error;
          return read;
        });
        resolve(answer);
      },
    });
  });

/** A descriptor of the very file that was listed. */
function openListed(dirs: DirCache, file: ListedFile, { opensOwn, stop }: Job): number | DigestAnswer {
  if (isRaised(stop)) return troubleOf(givenUp());
  let fd: number | undefined;
  try {
    const name = file.key.slice(file.key.lastIndexOf('/') + 1);
    fd = dirs.openFile(parentOf(file.key), name, opensOwn);
    if (isSame(fstatSync(fd, { bigint: true }), file)) return fd;
  } catch (error) {
    return fd === undefined ? troubleOf(error) : closed(fd, troubleOf(error));
  }
  return closed(fd, { result: 'changed', message: 'changed since it was listed' });
}

/** The digest, if the file is still the one that was listed. `beganMs`: see `DigestJob.tellsYoung`. */
function answerAndClose(
  fd: number,
  file: ListedFile,
  beganMs: number | undefined,
  read: () => { digest: string; bytes: number },
): DigestAnswer {
  try {
    const { digest, bytes } = read();
    const stat = fstatSync(fd, { bigint: true });
    if (isSame(stat, file)) {
      if (`${bytes}` !== file.size)
        return closed(fd, { result: 'failed', message: misstated(Number(file.size), bytes) });
      const young = beganMs === undefined ? {} : { young: clocks.isYoung(fd, stat, beganMs) };
      return closed(fd, { digest, ...young });
    }
  } catch (error) {
    return closed(fd, troubleOf(error));
  }
  return closed(fd, { result: 'changed', message: 'changed while it was read' });
}

function closed(fd: number, answer: DigestAnswer): DigestAnswer {
  try {
    closeSync(fd);
    return answer;
  } catch (error) {
    return troubleOf(error);
  }
}

/** Compared exactly, as one host sees its own file twice. */
const isSame = (stat: BigIntStats, { size, mtimeNs, ino }: ListedFile): boolean =>
  stat.isFile() && `${stat.size}` === size && `${stat.mtimeNs}` === mtimeNs && `${stat.ino}` === ino;

function troubleOf(error: unknown): DigestAnswer {
  const code = errnoOf(error);
  switch (code) {
    case 'ENOENT':
      return { result: 'vanished', message: 'no longer there' };
    case 'ENOTDIR':
    case 'ELOOP':
    case 'ENXIO': // a socket
      return { result: 'changed', message: 'no longer a file reached through directories alone' };
    default:
      return { result: 'failed', message: code ?? (error instanceof Error ? error.message : String(error)) };
  }
}
