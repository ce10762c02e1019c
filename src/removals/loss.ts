// Computes what a source has lost of what it once held, directory by directory. Pure: without disk, listing or flags.

import type { EntryKey } from '../files/entry.js';
import type { Held } from '../plan/holdings.js';

/** What was held, or is held now, by directory; each directory comes once. */
type HeldBy = Iterable<readonly [dir: EntryKey, held: Held & Partial<Since>]>;

/** What has changed in a directory since. */
export interface Since {
  /** Files that are smaller now. */
  shrunk: number;
  /** Bytes of files that were not there before. */
  came: number;
}

export interface Loss {
  /** Bytes and files that are missing, and of how many. `files` is not always a whole number. */
  bytes: number;
  files: number;
  ofBytes: number;
  ofFiles: number;
  /** `files` rounded up, and the files that have lost bytes but still exist. */
  affected: number;
  /** The directories in which most is missing, the largest loss first. */
  worst: { dir: EntryKey; was: Held; now: Held }[];
}

/** A count of entries, or a share (0 to 1) of what was held, by files or by bytes, whichever is larger. */
export type DeleteLimit = { kind: 'share'; share: number } | { kind: 'count'; entries: number };

/**
 * Bytes that came in one directory make up for no loss in another: a disk that is gone is not a compaction. Missing files count only where
 * bytes are missing as well, or where no file remains, and there in proportion to the bytes that nothing replaced: when four hundred files
 * become nine with 99 % of the bytes, four are lost. The same directory of all `data` roots counts as one. Logs, hints and caches are
 * consumed in normal operation, and do not count.
 */
export function lossOf(before: HeldBy, now: HeldBy): Loss {
  const has = sumByDirectory(now);
  const loss: Loss = { bytes: 0, files: 0, ofBytes: 0, ofFiles: 0, affected: 0, worst: [] };
  for (const [dir, was] of sumByDirectory(before)) {
    if (isConsumed(dir)) continue;
    const is = has.get(dir) ?? { files: 0, bytes: 0, shrunk: 0, came: 0 };
    loss.ofBytes += was.bytes;
    loss.ofFiles += was.files;
    const bytes = Math.max(0, was.bytes - is.bytes);
    if (bytes === 0 && (was.files === 0 || is.files > 0)) continue;
    const files = Math.max(0, was.files - is.files) * (bytes === 0 ? 1 : bytes / (bytes + is.came));
    loss.bytes += bytes;
    loss.files += files;
    loss.affected += Math.max(Math.ceil(files), Math.min(was.files, is.shrunk), 1);
    loss.worst.push({ dir, was: { files: was.files, bytes: was.bytes }, now: { files: is.files, bytes: is.bytes } });
    if (loss.worst.length > 2 * WORST) loss.worst = worstOf(loss.worst);
  }
  loss.worst = worstOf(loss.worst);
  return loss;
}

const WORST = 10;

const worstOf = (all: Loss['worst']): Loss['worst'] =>
  all.sort((a, b) => b.was.bytes - b.now.bytes - (a.was.bytes - a.now.bytes)).slice(0, WORST);

/** The larger share of the two. */
export const shareLost = ({ bytes, ofBytes, files, ofFiles }: Loss): number =>
  Math.max(ofBytes === 0 ? 0 : bytes / ofBytes, ofFiles === 0 ? 0 : files / ofFiles);

export const exceeds = (loss: Loss, limit: DeleteLimit): boolean =>
  limit.kind === 'count' ? loss.affected > limit.entries : shareLost(loss) > limit.share;

const CONSUMED = /^(?:commitlog|cdc_raw|hints|saved_caches)\//;

const isConsumed = (dir: EntryKey): boolean => CONSUMED.test(dir);

/** `data/1/ks/t` and `data/0/ks/t` are `data/ks/t`. */
const withoutDataIndex = (dir: EntryKey): EntryKey => dir.replace(/^data\/\d+/, 'data');

function sumByDirectory(all: HeldBy): Map<EntryKey, Held & Since> {
  const sums = new Map<EntryKey, Held & Since>();
  for (const [dir, { files, bytes, shrunk = 0, came = 0 }] of all) {
    const place = withoutDataIndex(dir);
    const sum = sums.get(place) ?? { files: 0, bytes: 0, shrunk: 0, came: 0 };
    sum.files += files;
    sum.bytes += bytes;
    sum.shrunk += shrunk;
    sum.came += came;
    sums.set(place, sum);
  }
  return sums;
}
