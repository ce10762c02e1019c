// Finds files of Cassandra outside all roots that are open in a process which has files open in a root: a directory that was not named.
// Inspects only the processes it is given.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setImmediate as afterIo } from 'node:timers/promises';
import type { DirType } from '../files/entry.js';
import { isInside, type Roots } from '../files/roots.js';
import { type Mounts, readMounts, seenFrom } from './mounts.js';
import type { Holder } from './open-files.js';

export interface OutsideFile {
  pid: number;
  command: string;
  /** The path in the mount namespace of the process. */
  path: string;
  /** The root that would hold the file: its type, and its directory on this host. */
  type: DirType;
  dir: string;
}

/** One file per directory; `holders` are processes with files below `roots`. Processes that cannot be inspected are left out. */
export async function findOutsideFiles(
  holders: readonly Pick<Holder, 'pid' | 'command'>[],
  roots: Roots,
): Promise<OutsideFile[]> {
  const found = new Map<string, Omit<OutsideFile, 'type'> & { kind: FileKind }>();
  const own = readMounts('self');
  for (const { pid, command } of holders) {
    await afterIo(); // a database has thousands of files open
    const other = mountsOf(pid) ?? own;
    const names = roots.flatMap(({ path }) => [path, ...seenFrom(other, path, own)]);
    for (const path of heldBy(pid)) {
      const kind = kindOf(path);
      if (kind === undefined || names.some((name) => isInside(path, name))) continue;
      const dir = toLocalPath(kind.root(path), other, own);
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
  /** The directory of the root, from the path of a file in it. */
  root(path: string): string;
}

const KINDS: readonly FileKind[] = [
  { type: 'commitlog', pattern: /^CommitLog-.*\.log$/, root: dirname },
  { type: 'hints', pattern: /\.hints$/, root: dirname },
  { type: 'cdc_raw', pattern: /_cdc\.idx$/, root: dirname },
  { type: 'data', pattern: /-Data\.db$/, root: dataDirectory },
];

const kindOf = (path: string): FileKind | undefined => KINDS.find(({ pattern }) => pattern.test(basename(path)));

/** The ROOT of ROOT/keyspace/table/file; below the table, the file may be in the directory of an index, `backups` or `snapshots/NAME`. */
function dataDirectory(path: string): string {
  let table = dirname(path);
  if (basename(table).startsWith('.')) table = dirname(table);
  if (basename(table) === 'backups') table = dirname(table);
  if (basename(dirname(table)) === 'snapshots') table = dirname(dirname(table));
  return dirname(dirname(table));
}

/** The keyspaces that Cassandra 4.0 and later keep in local_system_data_file_directory, if it is set. */
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

/** The files that a process has open or mapped, each once. Empty once the process is gone. */
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

/** Undefined where the process shares the table of this one, or cannot be inspected. */
function mountsOf(pid: number): Mounts | undefined {
  try {
    if (readlinkSync(`/proc/${pid}/ns/mnt`) === readlinkSync('/proc/self/ns/mnt')) return undefined;
    return readMounts(pid);
  } catch {
    return undefined;
  }
}

function toLocalPath(dir: string, other: Mounts, own: Mounts): string {
  if (other === own) return dir;
  const names = seenFrom(own, dir, other);
  return names.includes(dir) ? dir : (names[0] ?? dir);
}
