// Lists the source once, as every pass does: how much it holds, how long that takes, and what a copy of it would stumble over.

import { formatBytes, formatEntries, formatSpan } from '../amounts.js';
import { listed as asListed, type ListedFile } from '../digest/listed-file.js';
import { LmError, printable } from '../errors.js';
import type { ListingTotals } from '../files/listing.js';
import { fromWholeListing } from '../sides/whole-listing.js';
import type { Source } from '../source/source.js';
import { type Finding, failed, ok } from './finding.js';

export interface SourceListing {
  totals: ListingTotals;
  /** Regular files. */
  files: number;
  elapsedMs: number;
  /** The biggest, from big to small, as many as a probe may read. */
  biggest: ListedFile[];
}

const MAX_BIGGEST = 64;

/** Throws `source`, `protocol` and `local`. */
export async function listSource(source: Source, signal: AbortSignal): Promise<SourceListing> {
  const began = performance.now();
  const found = await fromWholeListing({
    source,
    signal,
    async use(list) {
      const listing = await list(undefined);
      let files = 0;
      let biggest: ListedFile[] = [];
      for await (const listed of listing.blocks) {
        const block = listed.block();
        for (const entry of block?.entries ?? []) {
          if (entry.kind !== 'file') continue;
          files++;
          if (entry.size !== '0') biggest.push(asListed(block!.dir, entry));
        }
        if (biggest.length > 16 * MAX_BIGGEST) biggest = bigFirst(biggest);
      }
      return { totals: listing.totals(), files, biggest: bigFirst(biggest) };
    },
  });
  return { ...found, elapsedMs: performance.now() - began };
}

const bigFirst = (files: readonly ListedFile[]): ListedFile[] =>
  files.toSorted((a, b) => Number(b.size) - Number(a.size)).slice(0, MAX_BIGGEST);

/** `elapsedMs`: how long it took. */
export function listingFindings(totals: ListingTotals, elapsedMs: number): Finding[] {
  const { entries, bytes, excluded, firstExcluded, errors, firstErrors, unnameable } = totals;
  const left = excluded === 0 ? '' : `; ${excluded} excluded: ${firstExcluded.slice(0, 3).map(printable).join(', ')}`;
  const held = `${formatEntries(entries)}, ${formatBytes(bytes)}, listed in ${formatSpan(elapsedMs)}${left}`;
  return [
    ok('listing', held),
    ...(errors === 0 ? [] : [failed('listing', unreadable(errors, firstErrors))]),
    ...(unnameable.length === 0 ? [] : [failed('listing', unnamed(unnameable))]),
  ];
}

const unreadable = (errors: number, first: ListingTotals['firstErrors']): LmError =>
  new LmError('refused', `${formatEntries(errors)} of the source cannot be read: nothing is removed until they can`, {
    details: first.map(({ key, message }) => `${printable(key)}: ${printable(message)}`),
    hint: 'run lm serve as a user who may read all of it, or exclude them',
  });

const unnamed = (names: string[]): LmError =>
  new LmError(
    'unusable-name',
    'the source holds names that are not UTF-8, which cannot be copied without changing them',
    {
      details: names,
      hint: 'rename or exclude them',
    },
  );
