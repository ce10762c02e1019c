// Stats or removes files that may be missing. Only ENOENT means "missing". It replaces two shortcuts of Node that have become inexact:
// `throwIfNoEntry: false` takes ENOTDIR for absence too (22), and `rmSync` swallows most errors (24).

import {
  type BigIntStats,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  rmdirSync,
  type Stats,
  statSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { platform } from 'node:process';
import { errnoOf } from '../errors.js';

/** The stat of what a path leads to. Throws the system's error. */
export function statIfThere(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The stat of a name in an open directory, where absence is so frequent that it must not cost an exception. Throws the system's error. */
export const lstatIfThere = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false });

/** Removes a file or a link. Throws the system's error. */
export function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * Removes a directory with its contents, or a file or a link; an empty directory needs no descriptor. A link that replaces a directory
 * meanwhile is not followed. Throws the system's error.
 */
export function removeTree(path: string): void {
  try {
    return rmdirSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    if (errnoOf(error) === 'ENOTDIR') return unlinkSync(path);
    if (errnoOf(error) !== 'ENOTEMPTY') throw error;
  }
  inDirectory(path, (at) => {
    for (const entry of readdirSync(at(''), { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(at(entry.name));
      else removeIfThere(at(entry.name));
    }
  });
  rmdirSync(path);
}

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

/** `at(name)` stays in the opened directory even if its name is taken meanwhile; without /proc it is the plain path. */
export function inDirectory<T>(path: string, use: (at: (name: string) => string) => T): T {
  const fd = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    return use((name) => (platform === 'linux' ? `/proc/self/fd/${fd}/${name}` : join(path, name)));
  } finally {
    closeSync(fd);
  }
}
