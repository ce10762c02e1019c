// Reads a source's listing to its end, and begins again when it breaks off. A request that fails before the first byte is retried by the
// source itself.

import { LmError } from '../errors.js';
import type { EntryKey } from '../files/entry.js';
import type { Feature } from '../listing/listing-lines.js';
import { failureOfError } from '../source/failure.js';
import { createRetrier } from '../source/retry.js';
import type { Source } from '../source/source.js';
import type { ListSource } from './listings.js';

interface ListingUse<T> {
  source: Pick<Source, 'url' | 'list' | 'retrying'>;
  only?: EntryKey | undefined;
  features?: readonly Feature[];
  signal: AbortSignal;
  /** Reads the listing that `list` requests to its end. Called again after a listing that broke off. */
  use(list: ListSource): Promise<T>;
  /** Whether `use` has done what it cannot do twice: then a listing that breaks off is not read again. */
  cannotRepeat?(): boolean;
}

export async function fromWholeListing<T>({
  source,
  only,
  features = [],
  signal,
  use,
  cannotRepeat,
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
      if (!begun || !(error instanceof LmError) || error.code !== 'source' || cannotRepeat?.()) throw error;
      await retrier.failed(failureOfError(error, source.url));
    }
  }
}
