// Which files under given directories any process has open for writing, or mapped so that stores reach them. Judges nothing.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { setImmediate as afterIo } from 'node:timers/promises';
import { SLICE_MS } from '../threads/in-turns.js';
import { asInMaps, isOpenForWriting, isUnder, linkOf, listProcesses, NamesByNamespace } from './open-files.js';

export interface WrittenFile {
  /** One of the directories asked for. */
  directory: string;
  /** Below it, as this host would call it. A file of several names is found under one of them. */
  path: string;
  ino: string;
}

/**
 * Up to `most` of them, each inode once; `more`: there are others. What processes of other users hold is seen by root alone: whether
 * all were looked into is `findOpenFiles`'s to say.
 */
export async function findWrittenFiles(
  directories: readonly string[],
  most: number,
): Promise<{ files: WrittenFile[]; more: boolean }> {
  const names = new NamesByNamespace(directories);
  const found = new Map<string, WrittenFile>();
  let sliceEnds = performance.now() + SLICE_MS;
  for (const pid of listProcesses()) {
    try {
      for (const file of writtenBy(pid, names)) {
        if (file) found.set(`${file.directory}\0${file.ino}`, file);
        if (found.size > most) return { files: [...found.values()].slice(0, most), more: true };
        if (performance.now() < sliceEnds) continue;
        await afterIo();
        sliceEnds = performance.now() + SLICE_MS;
      }
    } catch {
      // It may not be looked into, or has ended.
    }
  }
  return { files: [...found.values()], more: false };
}

/** Yields nothing at every point where the event loop may be let go. */
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
    if (isUnder(path, name)) return { directory, path: path.slice(name === '/' ? 1 : name.length + 1) };
  return undefined;
}
