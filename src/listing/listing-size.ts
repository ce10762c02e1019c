// How much a listing may hold before it is more than this process can: files pass by, but directories are remembered. Reads no entry.

import { versions } from 'node:process';
import { getHeapStatistics } from 'node:v8';
import { LmError } from '../errors.js';

/** A thousand times what lm was made for; whoever lists more has no end in mind. */
const MAX_ENTRIES = 1e9;

/** What a run keeps of a directory beside its key, measured at a million of them. */
const DIRECTORY_BYTES = 384;

/** So much may they take of what is left of the heap without its young generation. */
const HEAP_SHARE = 0.6;

/** V8's limit counts three semi-spaces, of 16 MiB each, and up to 64 since version 13 (Node 24); no call tells it. */
const YOUNG_BYTES = 3 * (Number.parseInt(versions.v8, 10) < 13 ? 16 << 20 : 64 << 20);
const MOST_YOUNG = 0.75; // of the limit, where --max-semi-space-size says less than that

/** Of one listing, as it comes. */
export class ListingSize {
  readonly #mostBytes: number;
  #entries = 0;
  #directories = 0;
  #bytes = 0;

  constructor(mostBytes = freeBytes()) {
    this.#mostBytes = mostBytes;
  }

  /** Throws `protocol`. */
  addEntries(entries: number): void {
    this.#entries += entries;
    if (this.#entries > MAX_ENTRIES)
      throw new LmError('protocol', `the source sent a listing that cannot be right: more than ${MAX_ENTRIES} entries`);
  }

  /** `length` is that of its key. Throws `local` for one more than there is memory for. */
  addDirectory(length: number): void {
    this.#directories++;
    this.#bytes += DIRECTORY_BYTES + 2 * length;
    if (this.#bytes <= this.#mostBytes) return;
    throw new LmError(
      'local',
      `the source lists more than ${this.#directories - 1} directories, for which this process has no memory`,
      {
        hint: 'NODE_OPTIONS=--max-old-space-size=MIB gives it more; --only PREFIX takes a part at a time',
      },
    );
  }
}

function freeBytes(): number {
  const { heap_size_limit: limit, used_heap_size: used } = getHeapStatistics();
  return HEAP_SHARE * Math.max(0, limit - Math.min(YOUNG_BYTES, MOST_YOUNG * limit) - used);
}
