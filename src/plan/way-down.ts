// The directories from a root down to the one a sweep over sorted listings is in, and those still to come below them. Judges nothing.

import type { Reason } from '../events.js';
import { type Entry, type EntryKey, isWithin, joinKey, type RootKey } from '../files/entry.js';

/** A directory of either side, or of both. */
export interface Frame {
  key: EntryKey;
  /** The one it lies in; '' for a root, which has no entry of its own: it is neither removed nor settled. */
  dir: EntryKey;
  /** The source's entry; undefined when the directory is foreign and `local` is to go. */
  entry?: Entry;
  local?: Entry;
  /** Its own mode, owner or time differ, or something in it changes, which moves its time. */
  unsettled: boolean;
  /** Foreign, but something in it must stay. */
  shielded: boolean;
  /** Why a foreign one is to go; what is to be mended of another. */
  reason?: Reason | undefined;
}

export class WayDown {
  /** Called with each directory once all below it has been seen. */
  readonly #left: (frame: Frame) => void;
  /** From the root down. */
  readonly #path: Frame[] = [];
  /** Directories whose entry has been seen and whose own blocks are still to come. */
  readonly #announced = new Map<EntryKey, Frame>();

  constructor(left: (frame: Frame) => void) {
    this.#left = left;
  }

  get root(): RootKey {
    return this.#path[0]!.key;
  }

  /** Leaves whatever does not lead to `dir`; one that was not announced is a root. */
  enter(dir: EntryKey): Frame {
    for (let top = this.#path.at(-1); top && !isWithin(dir, top.key); top = this.#path.at(-1)) this.#leave();
    const top = this.#path.at(-1);
    if (top?.key === dir) return top;
    const frame = this.#announced.get(dir) ?? newFrame(dir, '', { unsettled: false });
    this.#announced.delete(dir);
    this.#path.push(frame);
    return frame;
  }

  /** A directory met in `dir`, by its entry on either side. */
  announce(dir: EntryKey, met: Pick<Frame, 'entry' | 'local' | 'unsettled' | 'reason'>): void {
    const { name } = (met.entry ?? met.local)!;
    const key = joinKey(dir, name);
    this.#announced.set(key, newFrame(key, dir, met));
  }

  /** What must stay keeps every foreign directory above it. */
  shield(): void {
    for (const frame of this.#path) frame.shielded = true;
  }

  leaveAll(): void {
    while (this.#path.length > 0) this.#leave();
  }

  #leave(): void {
    this.#left(this.#path.pop()!);
  }
}

const newFrame = (
  key: EntryKey,
  dir: EntryKey,
  { entry, local, unsettled, reason }: Parameters<WayDown['announce']>[1],
): Frame => ({
  key,
  dir,
  ...(entry && { entry }),
  ...(local && { local }),
  unsettled,
  shielded: false,
  reason,
});
