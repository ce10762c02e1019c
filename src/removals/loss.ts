// What a source has lost of what it once held, directory by directory. Pure: no disk, no listing, no flag.

import type { EntryKey } from '../files/entry.js';
import type { Held } from '../plan/holdings.js';

/** What was held, or is held now, by directory, each of which comes once. */
export type HeldBy = Iterable<readonly [dir: EntryKey, held: Held & Partial<Since>]>;

/** What has happened in a directory since. */
export interface Since {
  /** Files that are smaller now. */
  shrunk: number;
  /** Bytes of files that were not there before. */
  came: number;
}

export interface Loss {
  /** Bytes and files that are missing, and of how many. Of files not always a whole number. */
  bytes: number;
  files: number;
  ofBytes: number;
  ofFiles: number;
  /** As `files`, rounded up; files that have lost bytes, but are still there, count as well. */
  touched: number;
  /** Where most is missing, the most first. */
  worst: { dir: EntryKey; was: Held; now: Held }[];
}

/** A count of entries, or a share (0 to 1) of what was held, by files or by bytes, whichever is larger. */
export type DeleteLimit = { kind: 'share'; share: number } | { kind: 'count'; entries: number };

/**
 * Bytes that came elsewhere make up for none here: a disk that is gone is no rewrite. Files count only where bytes fell as well, or
 * where nothing is left, and there as far as nothing came instead of them: of four hundred that became nine with 99 % of what they held,
 * four. The same directory of all `data` roots is one. Logs, hints and caches are meant to be used up: they do not count.
 */
export function lossOf(before: HeldBy, now: HeldBy): Loss {
  const has = together(now);
  const loss: Loss = { bytes: 0, files: 0, ofBytes: 0, ofFiles: 0, touched: 0, worst: [] };
  for (const [dir, was] of together(before)) {
    if (isUsedUp(dir)) continue;
    const is = has.get(dir) ?? { files: 0, bytes: 0, shrunk: 0, came: 0 };
    loss.ofBytes += was.bytes;
    loss.ofFiles += was.files;
    const bytes = Math.max(0, was.bytes - is.bytes);
    if (bytes === 0 && (was.files === 0 || is.files > 0)) continue;
    const files = Math.max(0, was.files - is.files) * (bytes === 0 ? 1 : bytes / (bytes + is.came));
    loss.bytes += bytes;
    loss.files += files;
    loss.touched += Math.max(Math.ceil(files), Math.min(was.files, is.shrunk), 1);
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
  limit.kind === 'count' ? loss.touched > limit.entries : shareLost(loss) > limit.share;

const USED_UP = /^(?:commitlog|cdc_raw|hints|saved_caches)\//;

const isUsedUp = (dir: EntryKey): boolean => USED_UP.test(dir);

/** `data/1/ks/t` and `data/0/ks/t` are `data/ks/t`. */
const placeOf = (dir: EntryKey): EntryKey => dir.replace(/^data\/\d+/, 'data');

function together(all: HeldBy): Map<EntryKey, Held & Since> {
  const sums = new Map<EntryKey, Held & Since>();
  for (const [dir, { files, bytes, shrunk = 0, came = 0 }] of all) {
    const place = placeOf(dir);
    const sum = sums.get(place) ?? { files: 0, bytes: 0, shrunk: 0, came: 0 };
    sum.files += files;
    sum.bytes += bytes;
    sum.shrunk += shrunk;
    sum.came += came;
    sums.set(place, sum);
  }
  return sums;
}
