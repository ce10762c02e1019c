// Waits until records of this host change. The kernel tells at once where it can; a file system of another host changes without its knowing,
// so that whoever waits looks again after a time in any case.

import { existsSync, type FSWatcher, readdirSync, watch } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

export interface RecordsWatch {
  /**
   * Resolves once a record has changed since the last call, after `ms`, or when the signal aborts. After a change, the next call resolves
   * soon: a run removes the record of its lock a moment before the lock is free.
   */
  changed(ms: number): Promise<void>;
  close(): void;
}

/** Records that are written together are looked at together. */
const TOGETHER_MS = 50;
const SOON_MS = 1_000;

/** The directory, or while there is none, that in which it or a parent of it will appear. */
const pathTo = (dir: string): [string] => (existsSync(dir) || dir === dirname(dir) ? [dir] : pathTo(dirname(dir)));

/** Those of migrations, also one whose first record is not written yet. */
function directoriesIn(stateDir: string): string[] {
  try {
    const entries = readdirSync(stateDir, { withFileTypes: true });
    return entries
      .filter((one) => one.isDirectory() && !one.name.startsWith('.'))
      .map(({ name }) => join(stateDir, name));
  } catch {
    return []; // whoever looks at the records tells why
  }
}

/** In an instance's directory, a record that is one file, and not a log, which grows all the time while something runs. */
function isRecordIn(dir: string, stateDir: string): (name: string | null) => boolean {
  if (dir === stateDir) return () => true;
  if (dirname(dir) === stateDir) return (name) => name === null || name.endsWith('.json');
  const [next] = relative(dir, stateDir).split(sep);
  return (name) => name === null || name === next;
}

export function watchRecords(stateDir: string, signal: AbortSignal): RecordsWatch {
  const watchers = new Map<string, FSWatcher>();
  let isDirty = false;
  /** At the last call. */
  let hasChanged = false;
  let notify = (): void => {};
  const wake = (): void => {
    isDirty = true;
    notify();
  };
  const end = (dir: string): void => {
    watchers.get(dir)?.close();
    watchers.delete(dir);
  };
  /** What has changed there before it was followed is not known. */
  const follow = (dir: string, isOfInterest: (name: string | null) => boolean): void => {
    if (watchers.has(dir)) return;
    try {
      const watcher = watch(dir, (_, name) => {
        if (isOfInterest(name)) wake();
      });
      watchers.set(
        dir,
        watcher.on('error', () => end(dir)),
      );
      isDirty = true;
    } catch {} // it is not there, or the kernel watches for too many already
  };
  const followAll = (): void => {
    const dirs = [...pathTo(stateDir), ...directoriesIn(stateDir)];
    for (const known of watchers.keys()) if (!dirs.includes(known)) end(known);
    for (const dir of dirs) follow(dir, isRecordIn(dir, stateDir));
  };
  signal.addEventListener('abort', wake);
  followAll();
  isDirty = false; // the first look is yet to come
  return {
    async changed(ms) {
      followAll();
      if (!isDirty && !signal.aborted)
        await within(hasChanged ? Math.min(ms, SOON_MS) : ms, (resolve) => {
          notify = resolve;
        });
      if (isDirty && !signal.aborted) await within(TOGETHER_MS, () => {});
      hasChanged = isDirty;
      isDirty = false;
    },
    close() {
      signal.removeEventListener('abort', wake);
      for (const dir of [...watchers.keys()]) end(dir);
    },
  };
}

/** A longer one would be over at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function within(ms: number, start: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.min(ms, MAX_TIMER_MS));
    start(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
