// What is made of a source's listing, begun again when the listing breaks off. What goes wrong before its first byte has tries of its own.

import { LmError } from '../errors.js';
import type { EntryKey } from '../files/entry.js';
import type { Feature } from '../listing/listing-lines.js';
import { failureOfError } from '../source/failure.js';
import { createRetrier } from '../source/retry.js';
import type { Source } from '../source/source.js';
import type { ListSource } from './both-sides.js';

export interface ListingUse<T> {
  source: Pick<Source, 'url' | 'list' | 'retrying'>;
  only?: EntryKey | undefined;
  features?: readonly Feature[];
  signal: AbortSignal;
  /** Reads the listing that `list` gives to its end. Called again when that one broke off, and leaves nothing behind then. */
  use(list: ListSource): Promise<T>;
  /** Whether `use` did leave something behind: then the first break is the end of it. */
  isSpent?(): boolean;
}

export async function fromWholeListing<T>({
  source,
  only,
  features = [],
  signal,
  use,
  isSpent,
}: ListingUse<T>): Promise<T> {
  const retrier = createRetrier(source.retrying('the listing', signal));
  for (;;) {
    let begun = false;
    const list: ListSource = async (owners) => {
      const listing = await source.list({ only, owners, features }, signal);
      begun = true;
      return listing;
    };
    try {
      return await use(list);
    } catch (error) {
      if (!begun || !(error instanceof LmError) || error.code !== 'source' || isSpent?.()) throw error;
      await retrier.failed(failureOfError(error, source.url));
    }
  }
}
