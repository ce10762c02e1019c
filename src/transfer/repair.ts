// Repairs a file that is here and not the source's: gives it the name of its part, has its bytes compared and fetched as those of any part, and
// publishes it again. Nothing is copied, and what is killed in between leaves a part that the next transfer goes on with.

import type { Published } from '../disk/published.js';
import type { Side } from '../events.js';
import { type Entry, type EntryKey, joinKey, NO_INODE } from '../files/entry.js';
import { createBigFiles } from './big-files.js';
import type { KnownPart, PartJournal } from './part-journal.js';
import type { TransferContext, TransferCounts } from './transfer-context.js';
import type { FileProblem } from './worker-jobs.js';

interface FileToRepair {
  dir: EntryKey;
  /** As the source lists it. */
  entry: Entry;
  /** As it is published here; undefined for one whose part an earlier run has left, all of which may be here. */
  local: Entry | undefined;
}

/**
 * `published`: every block of it is the source's, and it has its name again. `untouched`: nothing was done. `returned`: it has its name
 * again, and nobody has written to it. `part`: some of it was written, so it stays a part until a transfer has proved all of it.
 */
export type RepairEnd =
  | { ended: 'published' }
  | { ended: 'untouched' | 'returned' | 'part'; message: string; side?: Side | undefined };

export type RepairContext = Omit<TransferContext, 'delta' | 'keepsParts' | 'emit' | 'changed'> & {
  published: Published;
  /** Of all files. */
  counts: TransferCounts;
};

/** Throws what a transfer throws; then, too, the file has its name again or is a part. Its directory is as before in any case. */
export async function repairFile(file: FileToRepair, context: RepairContext): Promise<RepairEnd> {
  const { published } = context;
  published.noteDirectory(file.dir);
  try {
    const end = await repairInDirectory(file, context);
    published.restoreDirectory(file.dir);
    return end;
  } catch (error) {
    tryTo(() => published.restoreDirectory(file.dir));
    throw error;
  }
}

async function repairInDirectory(file: FileToRepair, context: RepairContext): Promise<RepairEnd> {
  const { dir, entry, local } = file;
  const { published, journal } = context;
  const key = joinKey(dir, entry.name);
  let known = journal.known(key);
  if (local) {
    let isRecorded = false;
    const conflict = published.unpublish(dir, local, (partId) => {
      known = recordPart(journal, key, entry, partId);
      isRecorded = true;
    });
    if (conflict !== undefined) {
      if (isRecorded) journal.ended(key);
      return { ended: 'untouched', message: conflict, side: 'destination' };
    }
  }
  const putBack = (): boolean => {
    const isBack = local !== undefined && published.putBack(dir, local);
    if (isBack) journal.ended(key);
    return isBack;
  };
  let problem: FileProblem | undefined;
  try {
    problem = await move(file, { ...journal, known: () => known }, context);
  } catch (error) {
    tryTo(putBack);
    throw error;
  }
  if (!problem) return { ended: 'published' };
  const { message, side } = problem;
  return { ended: putBack() ? 'returned' : 'part', message, side };
}

/** All of it may be the source's. The caller gives the file the name of its part next. */
function recordPart(journal: PartJournal, key: EntryKey, entry: Entry, partId: string): KnownPart {
  const { size, mtimeNs, ino = NO_INODE } = entry;
  const whole = { offset: 0, length: Number(size) };
  journal.started(key, entry, partId, true);
  journal.rangeBegun(key, whole);
  return { size, mtimeNs, ino, partId, done: [], begun: [[whole.offset, whole.length]] };
}

async function move(
  { dir, entry }: FileToRepair,
  journal: PartJournal,
  context: RepairContext,
): Promise<FileProblem | undefined> {
  const silent = { emit: () => {}, changed: { add: () => {} } }; // the caller reports how it ended
  const files = createBigFiles(context.counts, { ...context, ...silent, journal, delta: 'never', keepsParts: true });
  try {
    return await files.moveWhole({ dir, entry });
  } finally {
    files.close();
  }
}

export const nothingMoved = (): TransferCounts => ({
  ...{ filesDownloaded: 0, bytesDownloaded: 0, bytesReused: 0 },
  ...{ downloadFailures: 0, filesVanished: 0, filesChanged: 0 },
});

/** Another error has ended the run already, and is the one to be told. */
function tryTo(act: () => unknown): void {
  try {
    act();
  } catch {}
}
