// Takes set-user-id and set-group-id of programs out of the source's entries, so that a plan and a comparison alike go without them.

import {
  type Block,
  type Entry,
  type EntryKey,
  isSetuid,
  joinKey,
  type ListedBlock,
  SETUID_BITS,
} from '../files/entry.js';

/** The blocks without those bits; `found` hears of each file that has one. What is the same as a walk of this side has none. */
export async function* withoutSetuid(
  blocks: AsyncIterable<ListedBlock>,
  found: (key: EntryKey) => void,
): AsyncGenerator<ListedBlock> {
  for await (const listed of blocks)
    yield {
      block: () => rest(listed.block(), found),
      takeIfSame: (walked, owners) => !walked.sum.hasSetuid && listed.takeIfSame?.(walked, owners) === true,
    };
}

function rest(block: Block | undefined, found: (key: EntryKey) => void): Block | undefined {
  if (!block?.entries.some(isSetuid)) return block;
  const { dir, entries } = block;
  return { ...block, entries: entries.map((entry) => (isSetuid(entry) ? without(entry, dir, found) : entry)) };
}

function without(entry: Entry, dir: EntryKey, found: (key: EntryKey) => void): Entry {
  found(joinKey(dir, entry.name));
  return { ...entry, mode: entry.mode & ~SETUID_BITS };
}
