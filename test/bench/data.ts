// The trees that are copied, made from scratch, and the proof that a copy equals its source. Starts no program.

import { randomFillSync } from 'node:crypto';
import {
  chownSync,
  closeSync,
  fchownSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  type Stats,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

/** A tree to be made: its files, in groups that share a directory. */
export interface Shape {
  files: number;
  /** What it takes on a disk of 4 KiB pages, and a kibibyte a file for its inode and its name. */
  bytes: number;
  directories: Iterable<Directory>;
  /** Nothing in it comes twice, so that deltas save nothing within it. */
  isUnlike?: boolean;
  /** The user and the group of all of it; whoever makes it otherwise. Another's takes root. */
  owner?: number;
}

interface Directory {
  path: string;
  files: { name: string; bytes: number }[];
}

function shape(directories: Directory[]): Shape {
  const files = directories.flatMap((directory) => directory.files);
  const bytes = files.reduce((sum, file) => sum + KIB + 4 * KIB * Math.ceil(file.bytes / (4 * KIB)), 0);
  return { files: files.length, bytes, directories };
}

/** A few big files, side by side. */
export const bigFiles = (count: number, bytes: number): Shape =>
  shape([{ path: '', files: range(count, (i) => ({ name: `big-${i}.db`, bytes })) }]);

/** The same, and no MiB is like another one. */
export const unlikeFiles = (count: number, bytes: number): Shape => ({ ...bigFiles(count, bytes), isUnlike: true });

/** Equal files, so many to a directory. */
export const manyFiles = (count: number, bytes: number, perDirectory = 500): Shape =>
  shape(
    range(Math.ceil(count / perDirectory), (d) => ({
      path: `dir-${String(d).padStart(5, '0')}`,
      files: range(Math.min(perDirectory, count - d * perDirectory), (i) => ({ name: `file-${i}`, bytes })),
    })),
  );

/** Keyspaces of tables of SSTables under size-tiered compaction: one big generation, some middling, many small. */
export function cassandraTree(options: { tables: number; generations: number; biggest: number }): Shape {
  const dataBytes = (g: number) =>
    g === 0 ? options.biggest : g < 5 ? options.biggest / 12 : (options.biggest / 768) * (1 + (g % 6));
  const components = (g: number) => [
    { name: `nb-${g}-big-Data.db`, bytes: Math.floor(dataBytes(g)) },
    { name: `nb-${g}-big-Index.db`, bytes: Math.floor(dataBytes(g) / 100) + 64 },
    { name: `nb-${g}-big-Filter.db`, bytes: Math.floor(dataBytes(g) / 800) + 24 },
    { name: `nb-${g}-big-CompressionInfo.db`, bytes: Math.floor(dataBytes(g) / 2000) + 47 },
    { name: `nb-${g}-big-Statistics.db`, bytes: 5400 },
    { name: `nb-${g}-big-Summary.db`, bytes: 92 },
    { name: `nb-${g}-big-Digest.crc32`, bytes: 10 },
    { name: `nb-${g}-big-TOC.txt`, bytes: 92 },
  ];
  return shape(
    range(options.tables, (t) => ({
      path: `keyspace_${t % 3}/table_${t}-${String(t).padStart(32, 'a1b2')}`,
      files: range(options.generations, components).flat(),
    })),
  );
}

/** Where `clusterFiles` has what is written in place, and the log of it. */
export const TABLE = 'base/5/16384';
export const LOG_DIR = 'pg_wal';

/** A database that writes in place, as PostgreSQL: a big table and the newest files of its log. No MiB of it is like another one. */
export const clusterFiles = (tableBytes: number, log: { count: number; bytes: number }): Shape => ({
  ...shape([
    { path: 'base/5', files: [{ name: '16384', bytes: tableBytes }] },
    { path: LOG_DIR, files: range(log.count, (i) => ({ name: segmentName(i + 1), bytes: log.bytes })) },
  ]),
  isUnlike: true,
});

/** The name of a log file, as PostgreSQL numbers them. */
export const segmentName = (number: number): string => number.toString(16).toUpperCase().padStart(24, '0');

const range = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

/** What is written may not look like work in progress: a second look at files touched just now would be timed too. */
const AGE_SECONDS = 86_400;

/** Makes what `shape` says below `root`. Contents are noise, mostly the same, and every 4 KiB of a file says where it belongs. */
export async function makeTree(
  root: string,
  { directories, isUnlike = false, owner }: Shape,
  signal: AbortSignal,
): Promise<void> {
  const block = randomFillSync(Buffer.alloc(MIB));
  const mtime = Date.now() / 1000 - AGE_SECONDS;
  let made = 0;
  for (const { path, files } of directories) {
    mkdirSync(join(root, path), { recursive: true });
    if (owner !== undefined) chownSync(join(root, path), owner, owner);
    for (const { name, bytes } of files) {
      writeFile(join(root, path, name), { bytes, block, isUnlike, id: made++, mtime, owner });
      if (bytes > BREATH_BYTES) await hearSignals(signal);
    }
    await hearSignals(signal);
  }
}

/** Reading and writing is synchronous, and quick that way; nothing else gets a turn meanwhile. */
const BREATH_BYTES = 16 * MIB;

async function hearSignals(signal: AbortSignal): Promise<void> {
  await breathe();
  signal.throwIfAborted();
}

interface NewFile {
  bytes: number;
  block: Buffer;
  isUnlike: boolean;
  id: number;
  mtime: number;
  owner: number | undefined;
}

function writeFile(path: string, file: NewFile): void {
  const fd = openSync(path, 'wx', 0o644);
  try {
    for (let at = 0; at < file.bytes; at += MIB) {
      const length = Math.min(MIB, file.bytes - at);
      if (file.isUnlike) randomFillSync(file.block);
      for (let page = 0; page < length; page += 4 * KIB)
        file.block.writeDoubleLE(file.id * 2 ** 24 + (at + page) / 4096, page);
      for (let done = 0; done < length; ) done += writeSync(fd, file.block, done, length - done);
    }
    if (file.owner !== undefined) fchownSync(fd, file.owner, file.owner);
    futimesSync(fd, file.mtime, file.mtime);
  } finally {
    closeSync(fd);
  }
}

/** What a copy keeps beside names and contents: modes and times of files too, or nothing. */
export type Keeps = 'all' | 'contents';

/** Throws at the first difference: names, kinds, sizes, every byte, and what else it `keeps`. */
export async function checkCopy(source: string, copy: string, keeps: Keeps, signal: AbortSignal): Promise<void> {
  const names = readdirSync(source).sort();
  const found = readdirSync(copy).sort();
  if (names.join('\0') !== found.join('\0')) throw new Error(`not the same names in ${copy}`);
  for (const name of names) {
    const [from, to] = [join(source, name), join(copy, name)];
    const [a, b] = [lstatSync(from), lstatSync(to)];
    if (a.isDirectory() !== b.isDirectory()) throw new Error(`not the same kind: ${to}`);
    if (a.isDirectory()) await checkCopy(from, to, keeps, signal);
    else checkFile({ path: from, stats: a }, { path: to, stats: b }, keeps);
    if (a.size > BREATH_BYTES) await hearSignals(signal);
  }
  await hearSignals(signal);
}

type Seen = { path: string; stats: Stats };
const [left, right] = [Buffer.alloc(MIB), Buffer.alloc(MIB)];

function checkFile(a: Seen, b: Seen, keeps: Keeps): void {
  if (a.stats.size !== b.stats.size) throw new Error(`not the same size: ${b.path}`);
  if (keeps === 'all' && a.stats.mode !== b.stats.mode) throw new Error(`not the same mode: ${b.path}`);
  // Not floored: a double of milliseconds is a quarter of a microsecond off, which may be the next millisecond.
  if (keeps === 'all' && Math.abs(a.stats.mtimeMs - b.stats.mtimeMs) >= 1)
    throw new Error(`not the same time: ${b.path}`);
  const fds = [openSync(a.path, 'r'), openSync(b.path, 'r')] as const;
  try {
    for (let at = 0; at < a.stats.size; ) {
      const length = readSync(fds[0], left, 0, MIB, at);
      readFully(fds[1], right, length, at);
      if (length === 0 || left.compare(right, 0, length, 0, length) !== 0)
        throw new Error(`not the same bytes at ${at}: ${b.path}`);
      at += length;
    }
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

function readFully(fd: number, buffer: Buffer, length: number, position: number): void {
  for (let done = 0; done < length; ) {
    const read = readSync(fd, buffer, done, length - done, position + done);
    if (read === 0) throw new Error('a file ended early');
    done += read;
  }
}
