// Files that a source lists and cannot be asked for by their names, as a Sidecar. Found while the listing passes; reads no file.

import { LmError, printable } from '../errors.js';
import { type Block, type EntryKey, joinKey, type ListedBlock, type Listing } from '../files/entry.js';
import type { Named } from '../report.js';

/** The blocks as they are; `unserved` hears of each file in them that has bytes and no way to come here. */
export async function* watchForUnserved(
  blocks: AsyncIterable<ListedBlock>,
  serves: Listing['serves'],
  unserved: (key: EntryKey) => void,
): AsyncGenerator<ListedBlock> {
  if (serves === undefined) return yield* blocks;
  const look = ({ dir, entries }: Block): void => {
    for (const { name, kind, size } of entries) {
      const key = joinKey(dir, name);
      if (kind === 'file' && size !== '0' && !serves(key)) unserved(key);
    }
  };
  for await (const listed of blocks)
    yield {
      block() {
        const block = listed.block();
        if (block) look(block);
        return block;
      },
    };
}

/** Before the first byte: a copy without them could never be complete. Throws `refused`. */
export function refuseUnserved({ entries, first }: Named): void {
  if (entries === 0) return;
  const what = entries === 1 ? 'a file whose name needs' : `${entries} files whose names need`;
  throw new LmError('refused', `the source lists ${what} percent-encoding, which a Sidecar cannot serve`, {
    details: [...first.map(printable), ...(entries > first.length ? [`and ${entries - first.length} more`] : [])],
    hint: 'rename or exclude them, or let lm serve be the source',
  });
}
