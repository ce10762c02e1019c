// Sums up a Data.db, and reads what its SSTable says of itself beside it. What cannot be read counts as absent: its own digest says why.

import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { crc32 as crc32Of } from 'node:zlib';
import { errnoOf } from '../errors.js';
import type { DirCache } from '../files/dirfd.js';
import { type EntryKey, parentOf } from '../files/entry.js';
import { lstatIfThere } from '../files/if-there.js';
import { type SSTableCheck, sstableOf } from './sstable.js';

/** A TOC.txt has a line of some twenty characters for each component; with several SAI indexes some hundred lines. */
const MAX_BYTES = 64 << 10;

/** Of missing components; of a damaged TOC.txt the first lines are enough. */
const MAX_NAMED = 20;

/** Of each of these, in characters: the longest name that a file can have. The other end refuses an answer with much longer ones. */
const MAX_NAME = 255;

/** A CRC-32 that grows as a Data.db is read. */
export interface DataSum {
  crc32: number;
}

/** Undefined for what is no Data.db of an SSTable. */
export const sumFor = (key: EntryKey): DataSum | undefined => (sstableOf(key) === undefined ? undefined : { crc32: 0 });

export function addTo(sum: DataSum, bytes: Uint8Array): void {
  sum.crc32 = crc32Of(bytes, sum.crc32);
}

/** `key` is its Data.db, of which `crc32` was read. Undefined once the SSTable is being removed: Cassandra removes Data.db first. */
export function checkSSTable(
  dirs: DirCache,
  key: EntryKey,
  crc32: number,
  opensUnreadable?: boolean,
): SSTableCheck | undefined {
  const dir = parentOf(key);
  const prefix = sstableOf(key)!.slice(dir.length + 1);
  const textOf = (component: string): string | undefined => textIn(dirs, dir, prefix + component, opensUnreadable);
  const stated = textOf('Digest.crc32')?.trim().slice(0, 32) ?? null;
  const missing = linesOf(textOf('TOC.txt')).filter((component) => !isThere(dirs, dir, prefix + component));
  if (missing.length > 0 && !isThere(dirs, dir, key.slice(dir.length + 1))) return undefined;
  return { crc32, stated, missing: missing.slice(0, MAX_NAMED).map((name) => name.slice(0, MAX_NAME)) };
}

const linesOf = (text = ''): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

function textIn(dirs: DirCache, dir: EntryKey, name: string, opensUnreadable?: boolean): string | undefined {
  let fd: number | undefined;
  try {
    fd = dirs.openFile(dir, name, opensUnreadable);
    const stat = fstatSync(fd);
    return stat.isFile() && stat.size <= MAX_BYTES ? readFileSync(fd, 'latin1') : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** A name that no component can have leads nowhere. */
function isThere(dirs: DirCache, dir: EntryKey, name: string): boolean {
  if (name.includes('/') || name.includes('\0')) return false;
  try {
    return lstatIfThere(dirs.open(dir).at(name)) !== undefined;
  } catch (error) {
    return errnoOf(error) !== 'ENAMETOOLONG';
  }
}
