// Reads walks that were stored in files, block by block, and merges the walk of one key into that of a whole destination.

import { type Entry, type EntryKey, isWithin, joinKey } from '../files/entry.js';
import { type BlockSum, type ListedBlock, sumOf, type WalkedBlock } from '../files/listing.js';
import { blockLine, blockOf } from '../listing/listing-lines.js';
import { mergeBlocks, type Pair } from '../plan/merge.js';
import { WalkFile, type WalkLines } from '../spool/walk-file.js';
import { textOf } from '../wire/lines.js';

export type StoredBlock = ListedBlock & WalkedBlock & { line: Buffer };

/** The sums of a stored block are not used. */
const NO_SUM: BlockSum = sumOf({ dir: '', entries: [] });

export async function* storedBlocks(lines: Iterable<Uint8Array>): AsyncGenerator<StoredBlock> {
  for (const bytes of lines) {
    const line = Buffer.from(bytes); // the reader reuses the buffer for the next line
    yield { line, sum: NO_SUM, block: () => blockOf(JSON.parse(textOf(line)) as unknown[]) };
  }
}

/** Writes into a new file in `dir` the walk `whole`, in which the keys within `only` are replaced by those of `part`. Throws `local`. */
export async function mergeIntoWalk(
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

/** A walk of one key lists, in the directories above it, no other entries than those on its path. */
function newerOf(dir: EntryKey, { source: was, local: now }: Pair, only: EntryKey): Entry | undefined {
  if (now) return now;
  const key = joinKey(dir, was!.name);
  return isWithin(key, only) || isWithin(only, key) ? undefined : was;
}
