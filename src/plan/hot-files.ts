// Which files a pass below 1.0 leaves for the final pass: those that are being written to, so that copying them now is in vain.

import { type Entry, type EntryKey, HOT_TYPES, isWithin, NO_INODE, type RootKey, rootOf } from '../files/entry.js';
import type { OpenFilesReport } from '../wire/messages.js';

export interface HotFiles {
  /** Whether a directory may hold any: each file of it is then to be asked about, in the order of the listing. */
  mayBeIn(dir: EntryKey): boolean;
  /** `entry` is the source's, of a regular file. */
  has(key: EntryKey, entry: Entry): boolean;
}

/** So often may a file change while it is read before the rest of the run leaves it alone. */
const MAX_CHANGES = 2;

/** Of one run. */
export class ChangedFiles {
  readonly #times = new Map<EntryKey, number>();
  readonly #dirs = new Set<EntryKey>();

  /** It was not, when it was read, what the listing said, or did not stay so. */
  add(key: EntryKey): void {
    const times = (this.#times.get(key) ?? 0) + 1;
    this.#times.set(key, times);
    if (times >= MAX_CHANGES) this.#dirs.add(key.slice(0, key.lastIndexOf('/')));
  }

  isIn(dir: EntryKey): boolean {
    return this.#dirs.has(dir);
  }

  has(key: EntryKey): boolean {
    return (this.#times.get(key) ?? 0) >= MAX_CHANGES;
  }
}

export const mayHoldHotFiles = (root: RootKey): boolean => HOT_TYPES.some((type) => isWithin(root, type));

/**
 * `report`: of an agent that was asked; its word is taken where it has looked into every process, else files that are being written
 * to by their names count as well. `isCompleted`: whether the index of a CDC segment, as it is here, says so; it never takes that back.
 */
export function hotFiles(
  report: Pick<OpenFilesReport, 'hot' | 'inspection'> | undefined,
  changed: ChangedFiles,
  isCompleted: (index: EntryKey) => boolean,
): HotFiles {
  const files = report?.hot?.files ?? [];
  const keys = new Set(files.map(([key]) => key));
  // A CDC segment is a second name of its commit log segment, and /proc knows only the name by which a file was opened.
  const inodes = new Set(files.map(([, ino]) => ino));
  const seesAll = report?.hot !== undefined && !report.hot.more && report.inspection?.complete === true;
  const byName = seesAll ? undefined : createNameRule(isCompleted);
  return {
    mayBeIn: (dir) => mayHoldHotFiles(rootOf(dir)) || changed.isIn(dir),
    has(key, entry) {
      const told = mayHoldHotFiles(rootOf(key)) && byName?.(key) === true; // asked in any case: it goes by what came before
      return (
        told ||
        changed.has(key) ||
        (mayHoldHotFiles(rootOf(key)) && (keys.has(key) || inodes.has(entry.ino ?? NO_INODE)))
      );
    },
  };
}

/**
 * What Cassandra's names tell. A commit log segment is `CommitLog-VERSION-ID.log` and is written to, through a mapping as a rule, until it
 * is full (CommitLogDescriptor). Its hard link in cdc_raw comes with an index, `…_cdc.idx`, whose second line is COMPLETED from the
 * last flush on (cassandra.apache.org, Change Data Capture). A hints file `HOST-TIME-VERSION.hints` gets its checksum file, `….crc32`,
 * when it is closed (HintsWriter), which comes before it in a listing.
 */
function createNameRule(isCompleted: (index: EntryKey) => boolean): (key: EntryKey) => boolean {
  let checksum = '';
  return (key) => {
    const root = rootOf(key);
    if (isWithin(root, 'hints')) {
      if (key.endsWith('.crc32')) checksum = key;
      return key.endsWith('.hints') && checksum !== `${key.slice(0, -'.hints'.length)}.crc32`;
    }
    if (!SEGMENT.test(key)) return false;
    return isWithin(root, 'commitlog') || !isCompleted(`${key.slice(0, -'.log'.length)}_cdc.idx`);
  };
}

const SEGMENT = /\/CommitLog-[^/]*\.log$/;
