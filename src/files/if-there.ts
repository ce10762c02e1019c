// What may be there or not: looked at, or removed. Only ENOENT means "not there". Stands in for two shortcuts of Node that have become
// inexact: `throwIfNoEntry: false` takes ENOTDIR for absence too (22), and `rmSync` forgets the error of all but a few (24).

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

/** Of what a path leads to. Throws the system's error. */
export function statIfThere(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Of a name in a directory that is open; absence is so frequent there that it must not cost an exception. Throws the system's error. */
export const lstatIfThere = (path: string): Stats | undefined => lstatSync(path, { throwIfNoEntry: false });

/** A file or a link. Throws the system's error. */
export function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * A directory and all that is in it, or a file or a link; an empty directory takes no descriptor. A link that takes the place of a
 * directory meanwhile is not followed. Throws the system's error.
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

/** `at(name)` stays in the directory that is opened, whatever takes its name meanwhile; where there is no /proc, it is the name. */
export function inDirectory<T>(path: string, use: (at: (name: string) => string) => T): T {
  const fd = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    return use((name) => (platform === 'linux' ? `/proc/self/fd/${fd}/${name}` : join(path, name)));
  } finally {
    closeSync(fd);
  }
}
