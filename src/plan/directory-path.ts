// Tracks the directories from a root down to the current one while sorted listings are compared, and those that will come below them.

import type { Reason } from '../events.js';
import { type Entry, type EntryKey, isWithin, joinKey, type RootKey } from '../files/entry.js';

/** A directory of either side, or of both. */
export interface OpenDirectory {
  key: EntryKey;
  /** Its parent; '' for a root, which has no entry of its own: the plan does not remove it. */
  parent: EntryKey;
  /** The source's entry; undefined for an extraneous directory, whose `local` is to be removed. */
  entry?: Entry;
  local?: Entry;
  /** Whether its attributes are set at the end: they differ, or something in it changes, and so its time. */
  needsFinish: boolean;
  /** Whether something in it must stay; an extraneous one then stays too. */
  shielded: boolean;
  /** Why an extraneous directory is removed; which attribute of another one differs. */
  reason?: Reason | undefined;
}

export class OpenDirectories {
  /** Called with each directory once everything below it has come. */
  readonly #onLeave: (directory: OpenDirectory) => void;
  /** From the root down. */
  readonly #path: OpenDirectory[] = [];
  /** Directories whose entry has come and whose own blocks have not. */
  readonly #announced = new Map<EntryKey, OpenDirectory>();

  constructor(left: (directory: OpenDirectory) => void) {
    this.#onLeave = left;
  }

  get root(): RootKey {
    return this.#path[0]!.key;
  }

  /** Makes `dir` the current directory and leaves those it does not lie in; one that was not announced is a root. */
  enter(dir: EntryKey): OpenDirectory {
    for (let top = this.#path.at(-1); top && !isWithin(dir, top.key); top = this.#path.at(-1)) this.#leave();
    const top = this.#path.at(-1);
    if (top?.key === dir) return top;
    const directory = this.#announced.get(dir) ?? newFrame(dir, '', { needsFinish: false });
    this.#announced.delete(dir);
    this.#path.push(directory);
    return directory;
  }

  /** Announces a directory in `dir` by its entry on either side. */
  announce(dir: EntryKey, met: Pick<OpenDirectory, 'entry' | 'local' | 'needsFinish' | 'reason'>): void {
    const { name } = (met.entry ?? met.local)!;
    const key = joinKey(dir, name);
    this.#announced.set(key, newFrame(key, dir, met));
  }

  /** Something in the current directory must stay, and so the directories from the root down to it. */
  protect(): void {
    for (const directory of this.#path) directory.shielded = true;
  }

  leaveAll(): void {
    while (this.#path.length > 0) this.#leave();
  }

  #leave(): void {
    this.#onLeave(this.#path.pop()!);
  }
}

const newFrame = (
  key: EntryKey,
  parent: EntryKey,
  { entry, local, needsFinish, reason }: Parameters<OpenDirectories['announce']>[1],
): OpenDirectory => ({
  key,
  parent,
  ...(entry && { entry }),
  ...(local && { local }),
  needsFinish,
  shielded: false,
  reason,
});
