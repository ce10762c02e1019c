// Declares what remains of a big file, and subtracts ranges.

import type { Version } from '../../disk/versions.js';
import type { Range } from '../part-journal.js';

/** A range that is still to be compared or fetched. `here`: its bytes may be in the part; only the source's hashes can show whether. */
export interface RemainingRange extends Range {
  here?: true;
  /** They may be those of the version that is published here, which has not been copied into the part. */
  published?: Version;
}

/** Subtracts `others`, in any order, from ascending ranges. */
export function without(
  ranges: readonly Range[],
  others: Iterable<readonly [offset: number, length: number, ...unknown[]]>,
): Range[] {
  const taken = [...others].sort(([a], [b]) => a - b);
  return ranges.flatMap(({ offset, length }) => {
    const rest: Range[] = [];
    const end = offset + length;
    let at = offset;
    for (const [from, bytes] of taken) {
      if (at < from && at < end) rest.push({ offset: at, length: Math.min(from, end) - at });
      at = Math.max(at, from + bytes);
    }
    if (at < end) rest.push({ offset: at, length: end - at });
    return rest;
  });
}
