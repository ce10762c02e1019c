// Walks that were set aside: read block by block, and one of a part put into one of the whole. Judges no entry.

import {
  type BlockSum,
  type Entry,
  type EntryKey,
  isWithin,
  joinKey,
  type ListedBlock,
  sumOf,
  type WalkedBlock,
} from '../files/entry.js';
import { blockLine, blockOf } from '../listing/listing-lines.js';
import { mergeBlocks, type Pair } from '../plan/merge.js';
import { WalkFile, type WalkLines } from '../spool/walk-file.js';
import { textOf } from '../wire/lines.js';

export type StoredBlock = ListedBlock & WalkedBlock & { line: Buffer };

/** Nobody asks what a stored block amounts to. */
const UNASKED: BlockSum = sumOf({ dir: '', entries: [] });

export async function* storedBlocks(lines: Iterable<Uint8Array>): AsyncGenerator<StoredBlock> {
  for (const bytes of lines) {
    const line = Buffer.from(bytes); // the next one may take its place
    yield { line, sum: UNASKED, block: () => blockOf(JSON.parse(textOf(line)) as unknown[]) };
  }
}

/** The walk `whole` with all that lies within `only` as `part` has found it, in a file of its own in `dir`. Throws `local`. */
export async function putIntoWalk(
  whole: Iterable<Uint8Array>,
  part: Iterable<Uint8Array>,
  only: EntryKey,
  dir: string,
): Promise<WalkLines> {
  const file = new WalkFile(dir, 'merged.lines');
  try {
    for await (const { dir: at, pairs } of mergeBlocks(storedBlocks(whole), storedBlocks(part))) {
      const entries = pairs.map((pair) => newerOf(at, pair, only)).filter((entry) => entry !== undefined);
      if (entries.length > 0 || pairs.length === 0) file.add(Buffer.from(blockLine({ dir: at, entries })));
    }
    return file.finish();
  } finally {
    file.close();
  }
}

/** Of a directory above the part, the part's walk has the way down and nothing beside it. */
function newerOf(dir: EntryKey, { source: was, local: now }: Pair, only: EntryKey): Entry | undefined {
  if (now) return now;
  const key = joinKey(dir, was!.name);
  return isWithin(key, only) || isWithin(only, key) ? undefined : was;
}
