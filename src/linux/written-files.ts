// Finds the files below given directories that any process has open for writing, or mapped so that stores reach them.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { setImmediate as afterIo } from 'node:timers/promises';
import { isInside } from '../files/roots.js';
import { SLICE_MS } from '../threads/in-turns.js';
import { asInMaps, isOpenForWriting, linkOf, listProcesses, NamesByNamespace } from './open-files.js';

interface WrittenFile {
  /** One of the given directories. */
  directory: string;
  /** The path below `directory`, on this host. A file with several hard links is found under one name. */
  path: string;
  ino: string;
}

/**
 * Up to `max` files, each inode once; `more`: there are others. Only root sees files of other users' processes; `findOpenFiles` reports
 * whether all processes could be inspected.
 */
export async function findWrittenFiles(
  directories: readonly string[],
  max: number,
): Promise<{ files: WrittenFile[]; more: boolean }> {
  const names = new NamesByNamespace(directories);
  const found = new Map<string, WrittenFile>();
  let sliceEnds = performance.now() + SLICE_MS;
  for (const pid of listProcesses()) {
    try {
      for (const file of writtenBy(pid, names)) {
        if (file) found.set(`${file.directory}\0${file.ino}`, file);
        if (found.size > max) return { files: [...found.values()].slice(0, max), more: true };
        if (performance.now() < sliceEnds) continue;
        await afterIo();
        sliceEnds = performance.now() + SLICE_MS;
      }
    } catch {
      // It cannot be inspected, or has ended.
    }
  }
  return { files: [...found.values()], more: false };
}

/** Yields undefined wherever the caller may let the event loop run. */
function* writtenBy(pid: number, names: NamesByNamespace): Generator<WrittenFile | undefined> {
  const known = names.of(pid);
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    yield;
    const link = `/proc/${pid}/fd/${fd}`;
    const at = below(linkOf(link), known);
    if (at && isOpenForWriting(pid, fd)) yield { ...at, ino: `${statSync(link, { bigint: true }).ino}` };
  }
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
  if (!known.some(({ name }) => maps.includes(` ${asInMaps(name)}`))) return;
  for (const line of maps.split('\n')) {
    const [, ino, path] = SHARED_WRITABLE.exec(line) ?? [];
    const at = below(path, known);
    if (at) yield { ...at, ino: ino! };
  }
}

const SHARED_WRITABLE = /^\S+ .w.s \S+ \S+ (\d+)\s+(\/.*)$/;

function below(path: string | undefined, known: readonly { name: string; directory: string }[]) {
  if (path === undefined) return undefined;
  for (const { name, directory } of known)
    if (isInside(path, name)) return { directory, path: path.slice(name === '/' ? 1 : name.length + 1) };
  return undefined;
}
