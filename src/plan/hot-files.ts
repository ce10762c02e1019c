// Decides which files a pass below 1.0 leaves for the final pass: those that are being written to, so that a copy would be out of date.

import { type Entry, type EntryKey, HOT_TYPES, isWithin, NO_INODE, type RootKey, rootOf } from '../files/entry.js';
import type { OpenFilesReport } from '../wire/messages.js';

export interface HotFiles {
  /** Whether a directory may hold hot files; then `has` must be called for each of its files, in the order of the listing. */
  mayBeIn(dir: EntryKey): boolean;
  /** `entry` is the source's, of a regular file. */
  has(key: EntryKey, entry: Entry): boolean;
}

/** How often a file may change while it is read before the run leaves it for the final pass. */
const MAX_CHANGES = 2;

/** The files that changed while one run read them. */
export class ChangedFiles {
  readonly #times = new Map<EntryKey, number>();
  readonly #dirs = new Set<EntryKey>();

  /** When the file was read it differed from the listing, or it changed while it was read. */
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
 * `report`: the agent's report on open files. It is relied upon where the agent could inspect every process; otherwise the names of files are
 * judged too. `isCompleted`: whether the index of a CDC segment, as it is here, says COMPLETED, which is final.
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
      const isHotByName = mayHoldHotFiles(rootOf(key)) && byName?.(key) === true; // called in any case, because it depends on the files before
      return (
        isHotByName ||
        changed.has(key) ||
        (mayHoldHotFiles(rootOf(key)) && (keys.has(key) || inodes.has(entry.ino ?? NO_INODE)))
      );
    },
  };
}

/**
 * Judges by Cassandra's file names. A commit log segment is `CommitLog-VERSION-ID.log` and is written to, through a mapping as a rule, until it
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
