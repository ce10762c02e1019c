// Two listings in order → their entries side by side, in one sweep. Judges nothing.

import { type Block, compareKeys, type EntryKey, type Row } from '../files/entry.js';

/** An entry as each side has it; at least one of the two. */
export interface Pair {
  source?: Row;
  local?: Row;
}

/** Some of a directory's pairs, in order. The pieces of a directory follow one another, directories come depth-first. */
export interface Merged {
  dir: EntryKey;
  pairs: Pair[];
  /** Whether the local side left out entries of this directory because a pattern excludes them. */
  excluded: boolean;
  /** The local device, when the directory is a mount point here. */
  device?: string;
}

export async function* mergeBlocks(source: AsyncIterable<Block>, local: AsyncIterable<Block>): AsyncGenerator<Merged> {
  const s = new Cursor(source);
  const l = new Cursor(local);
  try {
    await s.advance();
    await l.advance();
    while (s.block || l.block) {
      yield mergeNext(s, l);
      if (s.spent()) await s.advance();
      if (l.spent()) await l.advance();
    }
  } finally {
    await s.close(); // whichever has not come to its end, because the other failed
    await l.close();
  }
}

function mergeNext(s: Cursor, l: Cursor): Merged {
  const order = !l.block ? -1 : !s.block ? 1 : compareKeys(s.block.dir, l.block.dir);
  const { dir, excluded, device } = (order < 0 ? s.block : l.block)!;
  const pairs: Pair[] = [];
  if (order < 0) for (const row of s.rest()) pairs.push({ source: row });
  else if (order > 0) for (const row of l.rest()) pairs.push({ local: row });
  else pairUp(s, l, pairs);
  return { dir, pairs, excluded: order >= 0 && excluded !== undefined, ...(order >= 0 && device && { device }) };
}

/** Two blocks of one directory, until one of them is spent: the other's next rows may still meet rows of a block to come. */
function pairUp(s: Cursor, l: Cursor, pairs: Pair[]): void {
  while (!s.spent() && !l.spent()) {
    const a = s.row();
    const b = l.row();
    const order = compareKeys(a[0], b[0]);
    if (order <= 0) s.at++;
    if (order >= 0) l.at++;
    pairs.push(order < 0 ? { source: a } : order > 0 ? { local: b } : { source: a, local: b });
  }
}

class Cursor {
  at = 0;
  block: Block | undefined;
  readonly #blocks: AsyncIterator<Block>;

  constructor(blocks: AsyncIterable<Block>) {
    this.#blocks = blocks[Symbol.asyncIterator]();
  }

  async close(): Promise<void> {
    await this.#blocks.return?.();
  }

  async advance(): Promise<void> {
    const next = await this.#blocks.next();
    this.block = next.done ? undefined : next.value;
    this.at = 0;
  }

  row(): Row {
    return this.block!.rows[this.at]!;
  }

  spent(): boolean {
    return this.block !== undefined && this.at >= this.block.rows.length;
  }

  *rest(): Generator<Row> {
    while (!this.spent()) yield this.block!.rows[this.at++]!;
  }
}
