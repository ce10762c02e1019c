// Finds files that a source lists and cannot serve under their names, as a Sidecar with some names, and refuses a copy with such files.

import { LmError, printable } from '../errors.js';
import { type EntryKey, joinKey } from '../files/entry.js';
import type { Block, ListedBlock, Listing } from '../files/listing.js';
import type { Named } from '../report/parts.js';

/** The same blocks; calls `onUnserved` with each file that has bytes and that the source cannot serve. */
export async function* watchForUnserved(
  blocks: AsyncIterable<ListedBlock>,
  serves: Listing['serves'],
  onUnserved: (key: EntryKey) => void,
): AsyncGenerator<ListedBlock> {
  if (serves === undefined) return yield* blocks;
  const check = ({ dir, entries }: Block): void => {
    for (const { name, kind, size } of entries) {
      const key = joinKey(dir, name);
      if (kind === 'file' && size !== '0' && !serves(key)) onUnserved(key);
    }
  };
  for await (const listed of blocks)
    yield {
      line: listed.line,
      block() {
        const block = listed.block();
        if (block) check(block);
        return block;
      },
    };
}

/** Throws `refused`, before the first byte is copied: a copy without these files could never be complete. */
export function refuseUnserved({ entries, first }: Named): void {
  if (entries === 0) return;
  const what = entries === 1 ? 'a file whose name needs' : `${entries} files whose names need`;
  throw new LmError('unusable-name', `the source lists ${what} percent-encoding, which a Sidecar cannot serve`, {
    details: [...first.map(printable), ...(entries > first.length ? [`and ${entries - first.length} more`] : [])],
    hint: 'rename or exclude them, or let lm serve be the source',
  });
}
