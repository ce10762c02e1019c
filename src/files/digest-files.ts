// Listed files → their digests, each proved to be the file that was listed. Follows no symbolic link and writes nothing.

import { type BigIntStats, closeSync, constants, fstatSync, openSync } from 'node:fs';
import { errnoOf } from '../errors.js';
import { type DigestAlgorithm, digestFd, ready } from './digest.js';
import { DirCache } from './dirfd.js';
import { type EntryKey, parentOf } from './entry.js';
import type { Roots } from './roots.js';
import { sameTime } from './times.js';

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

/** Why there is no digest: the file is another one than was listed, is gone, or could not be read. */
export type FileTrouble = 'changed' | 'vanished' | 'failed';

export type DigestAnswer = { digest: string } | { result: FileTrouble; message: string };

/** One answer a file, in the order asked. Blocks its thread while it reads. */
export async function digestFiles({ algorithm, roots, files }: DigestJob): Promise<DigestAnswer[]> {
  await ready(algorithm);
  const dirs = new DirCache(roots);
  try {
    return files.map((file) => digestOne(dirs, file, algorithm));
  } finally {
    dirs.close();
  }
}

/** O_NONBLOCK: a pipe that took the file's name must not hold the thread until somebody writes to it. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

function digestOne(dirs: DirCache, file: ListedFile, algorithm: DigestAlgorithm): DigestAnswer {
  try {
    const name = file.key.slice(file.key.lastIndexOf('/') + 1);
    const fd = openSync(dirs.open(parentOf(file.key)).at(name), READ);
    try {
      return digestOpen(fd, file, algorithm);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return troubleOf(error);
  }
}

function digestOpen(fd: number, file: ListedFile, algorithm: DigestAlgorithm): DigestAnswer {
  if (!isListed(fstatSync(fd, { bigint: true }), file))
    return { result: 'changed', message: 'changed since it was listed' };
  const { digest, bytes } = digestFd(fd, algorithm);
  if (`${bytes}` === file.size && isListed(fstatSync(fd, { bigint: true }), file)) return { digest };
  return { result: 'changed', message: 'changed while it was read' };
}

/** Compared exactly, as one host sees its own file twice; a file listed by a Sidecar has neither inode nor full time. */
function isListed(stat: BigIntStats, file: ListedFile): boolean {
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
