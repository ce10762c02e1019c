// Listed files → their digests, each proved to be the file that was listed. Follows no symbolic link and writes nothing.

import { closeSync, fstatSync } from 'node:fs';
import { errnoOf } from '../errors.js';
import { type DigestAlgorithm, digestFd, ready } from './digest.js';
import { createLaneQueue, type LaneQueue } from './digest-lanes.js';
import { DirCache } from './dirfd.js';
import { type EntryKey, parentOf } from './entry.js';
import type { LaneHash } from './hash-lanes.js';
import { MD5 } from './md5.js';
import type { Roots } from './roots.js';
import { sameTime } from './times.js';
import { hasVectors } from './wasm.js';
import { XXH32 } from './xxh32.js';

/** A regular file as a listing told it; the fields are those of a Row. `ino` '0': the time is known to the millisecond. */
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
}

/** Why there are no bytes, and no digest: the file is another one than was listed, is gone, or could not be read. */
export type FileTrouble = 'changed' | 'vanished' | 'failed';

export type DigestAnswer = { digest: string } | { result: FileTrouble; message: string };

/** Whether a thread that has several files of the algorithm at once is done with them sooner than with one after another. */
export const computesInLanes = (algorithm: DigestAlgorithm): boolean => algorithm in LANE_HASHES && hasVectors();

const LANE_HASHES: Partial<Record<DigestAlgorithm, LaneHash>> = { md5: MD5, xxhash32: XXH32 };

/** One answer a file, in the order asked. Overlapping jobs share the lanes; without lanes a job blocks its thread. */
export async function digestFiles({ algorithm, roots, files }: DigestJob): Promise<DigestAnswer[]> {
  const dirs = new DirCache(roots);
  try {
    if (computesInLanes(algorithm)) {
      const queue = laneQueue(algorithm);
      return await Promise.all(files.map((file) => digestInLane(queue, dirs, file)));
    }
    await ready(algorithm);
    return files.map((file) => digestOne(dirs, file, algorithm));
  } finally {
    dirs.close();
  }
}

const queues: Partial<Record<DigestAlgorithm, LaneQueue>> = {};

/** One for all jobs of this thread. */
function laneQueue(algorithm: DigestAlgorithm): LaneQueue {
  queues[algorithm] ??= createLaneQueue(LANE_HASHES[algorithm]!);
  return queues[algorithm];
}

function digestOne(dirs: DirCache, file: ListedFile, algorithm: DigestAlgorithm): DigestAnswer {
  const fd = openListed(dirs, file);
  return typeof fd === 'number' ? answerAndClose(fd, file, () => digestFd(fd, algorithm)) : fd;
}

const digestInLane = (queue: LaneQueue, dirs: DirCache, file: ListedFile): Promise<DigestAnswer> =>
  new Promise((resolve) => {
    queue.add({
      open() {
        const fd = openListed(dirs, file);
        if (typeof fd === 'number') return { fd, bytes: Number(file.size) };
        resolve(fd);
        return undefined;
      },
      end(fd, read) {
        const answer = answerAndClose(fd, file, () => {
          if ('error' in read) throw read.error;
          return read;
        });
        resolve(answer);
      },
    });
  });

/** A descriptor of the very file that was listed. */
function openListed(dirs: DirCache, file: ListedFile): number | DigestAnswer {
  let fd: number | undefined;
  try {
    const name = file.key.slice(file.key.lastIndexOf('/') + 1);
    fd = dirs.openFile(parentOf(file.key), name);
    if (isListed(fd, file)) return fd;
  } catch (error) {
    return fd === undefined ? troubleOf(error) : closed(fd, troubleOf(error));
  }
  return closed(fd, { result: 'changed', message: 'changed since it was listed' });
}

/** The digest, if the file is still the one that was listed. */
function answerAndClose(fd: number, file: ListedFile, read: () => { digest: string; bytes: number }): DigestAnswer {
  try {
    const { digest, bytes } = read();
    if (`${bytes}` === file.size && isListed(fd, file)) return closed(fd, { digest });
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

/** Compared exactly, as one host sees its own file twice; a file listed by a Sidecar has neither inode nor full time. */
function isListed(fd: number, file: ListedFile): boolean {
  const stat = fstatSync(fd, { bigint: true });
  if (!stat.isFile() || `${stat.size}` !== file.size) return false;
  if (file.ino === '0') return sameTime(`${stat.mtimeNs}`, file.mtimeNs, 'ms');
  return `${stat.ino}` === file.ino && `${stat.mtimeNs}` === file.mtimeNs;
}

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
