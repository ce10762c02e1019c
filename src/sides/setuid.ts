// Clears set-user-id and set-group-id of programs in the source's entries, for plans and comparisons alike.

import { type Entry, type EntryKey, isSetuid, joinKey, SETUID_BITS } from '../files/entry.js';
import type { Block, ListedBlock } from '../files/listing.js';

/** The blocks without those bits; calls `onSetuid` with each file that has one. */
export async function* withoutSetuid(
  blocks: AsyncIterable<ListedBlock>,
  onSetuid: (key: EntryKey) => void,
): AsyncGenerator<ListedBlock> {
  for await (const listed of blocks)
    yield {
      line: listed.line,
      block: () => cleared(listed.block(), onSetuid),
      takeIfSame: (walked, owners) => !walked.sum.hasSetuid && listed.takeIfSame?.(walked, owners) === true,
    };
}

function cleared(block: Block | undefined, onSetuid: (key: EntryKey) => void): Block | undefined {
  if (!block?.entries.some(isSetuid)) return block;
  const { dir, entries } = block;
  return { ...block, entries: entries.map((entry) => (isSetuid(entry) ? withoutBits(entry, dir, onSetuid) : entry)) };
}

function withoutBits(entry: Entry, dir: EntryKey, onSetuid: (key: EntryKey) => void): Entry {
  onSetuid(joinKey(dir, entry.name));
  return { ...entry, mode: entry.mode & ~SETUID_BITS };
}
