// Files of Cassandra that a process keeps outside all roots while it has others open below one: a directory that nobody named.
// Judges nothing; asks only processes that are known to hold something.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setImmediate as afterIo } from 'node:timers/promises';
import { type DirType, isWithin } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import { type Mounts, readMounts, seenFrom } from './mounts.js';
import type { Holder } from './open-files.js';

export interface OutsideFile {
  pid: number;
  command: string;
  /** As the process calls it. */
  path: string;
  /** The root that would hold it, on this host. */
  type: DirType;
  dir: string;
}

/** One file a directory; `holders` are processes with files below `roots`. What may not be looked into is not told. */
export async function findOutsideFiles(
  holders: readonly Pick<Holder, 'pid' | 'command'>[],
  roots: Roots,
): Promise<OutsideFile[]> {
  const found = new Map<string, Omit<OutsideFile, 'type'> & { kind: FileKind }>();
  const own = readMounts('self');
  for (const { pid, command } of holders) {
    await afterIo(); // a database has thousands of files open
    const theirs = mountsOf(pid) ?? own;
    const names = roots.flatMap(({ path }) => [path, ...seenFrom(theirs, path, own)]);
    for (const path of heldBy(pid)) {
      const kind = kindOf(path);
      if (kind === undefined || names.some((name) => isWithin(path, name))) continue;
      const dir = asHere(kind.root(path), theirs, own);
      if (!found.has(`${kind.type} ${dir}`)) found.set(`${kind.type} ${dir}`, { pid, command, path, dir, kind });
    }
  }
  const files = [...found.values()];
  const hasData = roots.some(({ type }) => type === 'data');
  return files.map((file) => {
    const { kind, ...rest } = file;
    const dataElsewhere = hasData || files.some((other) => other !== file && other.kind.type === 'data');
    return { ...rest, type: typeOf(kind, file.dir, dataElsewhere) };
  });
}

interface FileKind {
  type: DirType;
  pattern: RegExp;
  /** The directory that is the root, of a file's path. */
  root(path: string): string;
}

const KINDS: readonly FileKind[] = [
  { type: 'commitlog', pattern: /^CommitLog-.*\.log$/, root: dirname },
  { type: 'hints', pattern: /\.hints$/, root: dirname },
  { type: 'cdc_raw', pattern: /_cdc\.idx$/, root: dirname },
  { type: 'data', pattern: /-Data\.db$/, root: dataDirectory },
];

const kindOf = (path: string): FileKind | undefined => KINDS.find(({ pattern }) => pattern.test(basename(path)));

/** ROOT/keyspace/table/file; the table may hold it in an index's own directory, in `backups`, or in `snapshots/NAME`. */
function dataDirectory(path: string): string {
  let table = dirname(path);
  if (basename(table).startsWith('.')) table = dirname(table);
  if (basename(table) === 'backups') table = dirname(table);
  if (basename(dirname(table)) === 'snapshots') table = dirname(dirname(table));
  return dirname(dirname(table));
}

/** What Cassandra 4.0 and later keep in local_system_data_file_directory, where there is one. */
const LOCAL_SYSTEM = ['system', 'system_schema'];

function typeOf({ type }: FileKind, dir: string, dataElsewhere: boolean): DirType {
  if (type !== 'data' || !dataElsewhere) return type;
  const keyspaces = directoriesIn(dir);
  return keyspaces.length > 0 && keyspaces.every((name) => LOCAL_SYSTEM.includes(name)) ? 'local_system_data' : type;
}

function directoriesIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

/** Open or mapped, each once. Nothing once the process has gone. */
function heldBy(pid: number): Set<string> {
  const held = new Set<string>();
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const path = linkOf(`/proc/${pid}/fd/${fd}`);
      if (path?.startsWith('/')) held.add(path);
    }
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const at = line.indexOf('/');
      if (at >= 0) held.add(line.slice(at));
    }
  } catch {}
  return held;
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // closed meanwhile
  }
}

/** Undefined where it shares this process's table, or may not be asked. */
function mountsOf(pid: number): Mounts | undefined {
  try {
    if (readlinkSync(`/proc/${pid}/ns/mnt`) === readlinkSync('/proc/self/ns/mnt')) return undefined;
    return readMounts(pid);
  } catch {
    return undefined;
  }
}

function asHere(dir: string, theirs: Mounts, own: Mounts): string {
  if (theirs === own) return dir;
  const names = seenFrom(own, dir, theirs);
  return names.includes(dir) ? dir : (names[0] ?? dir);
}
