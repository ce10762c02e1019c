// Counts what a plan copies by the directories right below the roots, so that those in which most changes can be named.

import type { Share } from '../events.js';
import type { Entry, EntryKey } from '../files/entry.js';

/** Further ones count for their root. */
const MAX_SUBTREES = 1000;

/** `data/0/keyspace` */
const SUBTREE = /^[^/]*\/[^/]*\/[^/]*/;

export class Subtrees {
  readonly #shares = new Map<EntryKey, Share>();
  #dir: EntryKey | undefined;
  #share: Share = { entries: 0, bytes: 0 };

  /** An entry in `dir`. */
  add(dir: EntryKey, { size }: Entry): void {
    if (dir !== this.#dir) {
      this.#dir = dir;
      this.#share = this.#shareOf(SUBTREE.exec(dir)?.[0] ?? dir);
    }
    this.#share.entries++;
    this.#share.bytes += Number(size);
  }

  /** The largest `count` of them, the largest first. */
  largest(count: number): ({ key: EntryKey } & Share)[] {
    return [...this.#shares]
      .map(([key, share]) => ({ key, ...share }))
      .sort((a, b) => b.bytes - a.bytes || b.entries - a.entries)
      .slice(0, count);
  }

  #shareOf(subtree: EntryKey): Share {
    const known = this.#shares.get(subtree);
    if (known) return known;
    const key = this.#shares.size < MAX_SUBTREES ? subtree : subtree.split('/').slice(0, 2).join('/');
    const share = this.#shares.get(key) ?? { entries: 0, bytes: 0 };
    this.#shares.set(key, share);
    return share;
  }
}
