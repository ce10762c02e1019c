// Merges two sorted listings into pairs of entries, in one pass over both.

import { compareKeys, type Entry, type EntryKey } from '../files/entry.js';
import type { Block, BlockSum, ListedBlock, WalkedBlock } from '../files/listing.js';

/** An entry as each side has it; at least one of the two is there. */
export interface Pair {
  source?: Entry;
  local?: Entry;
}

/** Pairs of one directory, in order. A directory may come in several pieces, one after another; directories come depth-first. */
export interface Merged {
  dir: EntryKey;
  pairs: Pair[];
  /** Whether the local side left out entries of this directory because a pattern excludes them. */
  excluded: boolean;
}

/** Accepts a block of the source that is equal to that of this host and so need not be paired; see `ListedBlock.takeIfSame`. */
export type TakeIfSame = (source: ListedBlock, local: WalkedBlock) => boolean;

export async function* mergeBlocks(
  source: AsyncIterable<ListedBlock>,
  local: AsyncIterable<WalkedBlock>,
): AsyncGenerator<Merged> {
  for await (const piece of mergeUnlike(source, local, () => false)) if ('pairs' in piece) yield piece;
}

/** Yields a summary instead of pairs for a block that is equal on both sides. */
export async function* mergeUnlike(
  source: AsyncIterable<ListedBlock>,
  local: AsyncIterable<WalkedBlock>,
  takeIfSame: TakeIfSame,
): AsyncGenerator<Merged | BlockSum> {
  const s = new Cursor(source);
  const l = new Cursor(local);
  try {
    await s.advance();
    await l.advance();
    while (s.item || l.item) {
      if (s.isFresh && l.isFresh && takeIfSame(s.item!, l.item!)) {
        yield l.item!.sum;
        await s.advance();
        await l.advance();
        continue;
      }
      await s.open();
      await l.open();
      if (!s.block && !l.block) continue;
      const order = orderOf(s.block, l.block);
      yield mergeNext(s, l, order);
      // An empty block is spent from the beginning, so only a block that has had its turn is left.
      if (order <= 0 && s.isSpent) await s.advance();
      if (order >= 0 && l.isSpent) await l.advance();
    }
  } finally {
    await s.close(); // one that has not come to its end, because the other failed
    await l.close();
  }
}

/** Negative where the source's directory comes first, positive where the local one does, 0 where both have it. */
function orderOf(source: Block | undefined, local: Block | undefined): number {
  if (!local) return -1;
  return source ? compareKeys(source.dir, local.dir) : 1;
}

function mergeNext(s: Cursor<ListedBlock>, l: Cursor<WalkedBlock>, order: number): Merged {
  const { dir, excluded } = (order < 0 ? s.block : l.block)!;
  const pairs: Pair[] = [];
  if (order < 0) for (const entry of s.rest()) pairs.push({ source: entry });
  else if (order > 0) for (const entry of l.rest()) pairs.push({ local: entry });
  else pairUp(s, l, pairs);
  return { dir, pairs, excluded: order >= 0 && excluded !== undefined };
}

/** Pairs two blocks of one directory until one of them is spent: the other's next entries may pair with those of the next block. */
function pairUp(s: Cursor<ListedBlock>, l: Cursor<WalkedBlock>, pairs: Pair[]): void {
  while (!s.isSpent && !l.isSpent) {
    const a = s.entry();
    const b = l.entry();
    const order = compareKeys(a.name, b.name);
    if (order <= 0) s.at++;
    if (order >= 0) l.at++;
    pairs.push(order < 0 ? { source: a } : order > 0 ? { local: b } : { source: a, local: b });
  }
}

class Cursor<Item extends ListedBlock> {
  at = 0;
  item: Item | undefined;
  /** The parsed item, once `open` was called. */
  block: Block | undefined;
  readonly #items: AsyncIterator<Item>;

  constructor(items: AsyncIterable<Item>) {
    this.#items = items[Symbol.asyncIterator]();
  }

  async close(): Promise<void> {
    await this.#items.return?.();
  }

  async advance(): Promise<void> {
    const next = await this.#items.next();
    this.item = next.done ? undefined : next.value;
    this.block = undefined;
    this.at = 0;
  }

  /** Parses the current item; skips those that take no part. */
  async open(): Promise<void> {
    while (this.item && !this.block) {
      this.block = this.item.block();
      if (!this.block) await this.advance();
    }
  }

  entry(): Entry {
    return this.block!.entries[this.at]!;
  }

  get isFresh(): boolean {
    return this.item !== undefined && this.block === undefined;
  }

  get isSpent(): boolean {
    return this.block !== undefined && this.at >= this.block.entries.length;
  }

  *rest(): Generator<Entry> {
    while (!this.isSpent) yield this.block!.entries[this.at++]!;
  }
}
