// Limits the size of a listing to what this process can handle: directories stay in its memory, while files only pass through.

import { versions } from 'node:process';
import { getHeapStatistics } from 'node:v8';
import { LmError } from '../errors.js';
import { invalidListing } from '../files/listing.js';

/** A thousand times what lm was made for; a source that lists more never ends. */
const MAX_ENTRIES = 1e9;

/** The memory that a run keeps for a directory beside its key, measured with a million of them. */
const DIRECTORY_BYTES = 384;

/** The share of the free heap, without its young generation, that directories may take. */
const HEAP_SHARE = 0.6;

/** V8's limit includes three semi-spaces of 16 MiB each, since version 13 (Node 24) of up to 64; no call returns that. */
const YOUNG_BYTES = 3 * (Number.parseInt(versions.v8, 10) < 13 ? 16 << 20 : 64 << 20);
const MAX_YOUNG = 0.75; // of the limit, where --max-semi-space-size says less than that

/** The size of one listing while it is received. */
export class ListingSize {
  readonly #maxBytes: number;
  #entries = 0;
  #directories = 0;
  #bytes = 0;

  constructor(maxBytes = freeBytes()) {
    this.#maxBytes = maxBytes;
  }

  /** Throws `protocol`. */
  addEntries(entries: number): void {
    this.#entries += entries;
    if (this.#entries > MAX_ENTRIES) throw invalidListing(`more than ${MAX_ENTRIES} entries`);
  }

  /** `length` is that of its key. Throws `local` when there is no memory for the directory. */
  addDirectory(length: number): void {
    this.#directories++;
    this.#bytes += DIRECTORY_BYTES + 2 * length;
    if (this.#bytes <= this.#maxBytes) return;
    throw new LmError(
      'memory',
      `the source lists more than ${this.#directories - 1} directories, for which this process has no memory`,
      {
        hint: 'NODE_OPTIONS=--max-old-space-size=MIB gives it more; --only PREFIX takes a part at a time',
      },
    );
  }
}

function freeBytes(): number {
  const { heap_size_limit: limit, used_heap_size: used } = getHeapStatistics();
  return HEAP_SHARE * Math.max(0, limit - Math.min(YOUNG_BYTES, MAX_YOUNG * limit) - used);
}
