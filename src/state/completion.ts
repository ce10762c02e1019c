// Reads and writes whether the migration is complete on this host, in the Sidecar's format and file name. Only `lm reset` clears that. A
// record that cannot be read is never taken for "not complete".

import { fstatSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { LmError, localError } from '../errors.js';
import { lstatIfThere, statIfThere } from '../files/if-there.js';
import { createFileAtomically, readRecord, recordText, removeFile } from './atomic-file.js';

/** The Sidecar's LiveMigrationStatus; `endTime` in milliseconds since the epoch. */
export type Completion = { state: 'NOT_COMPLETED'; endTime: null } | { state: 'COMPLETED'; endTime: number };

const NOT_COMPLETED: Completion = { state: 'NOT_COMPLETED', endTime: null };
const CompletionRecord = z.discriminatedUnion('state', [
  z.object({ state: z.literal('NOT_COMPLETED'), endTime: z.null() }),
  z.object({ state: z.literal('COMPLETED'), endTime: z.int().nonnegative() }),
]);
const HINT = "remove that file; then, if the migration is over, run 'lm complete' again";

export const COMPLETION_FILE = 'live_migration_status.json';
const pathIn = (dir: string): string => join(dir, COMPLETION_FILE);

/** Throws `local` when the record is unreadable or damaged. */
export const readCompletion = (dir: string): Completion =>
  readRecord(pathIn(dir), CompletionRecord, HINT) ?? NOT_COMPLETED;

/** Throws `refused` when it is complete already. Of two callers at once, one succeeds. */
export function markComplete(dir: string, nowMs = Date.now()): Completion {
  const completion: Completion = { state: 'COMPLETED', endTime: nowMs };
  if (createFileAtomically(pathIn(dir), recordText(completion))) return completion;
  const known = readCompletion(dir);
  if (known.state === 'COMPLETED') throw alreadyComplete(known.endTime);
  throw new LmError('damaged-record', `${pathIn(dir)} says NOT_COMPLETED, which lm never writes`, { hint: HINT });
}

/** The refusal of a copy, a verification or a second completion. */
const alreadyComplete = (endTime: number): LmError =>
  new LmError('already-complete', `this migration is already complete, since ${new Date(endTime).toISOString()}`, {
    hint: "'lm reset' forgets this migration, if you mean to copy again: that copy is a first one, with URL, directories and --adopt",
  });

/** Throws `refused` when complete; the first guard of every command that would change or compare anything. */
export function refuseIfComplete(dir: string): void {
  const completion = readCompletion(dir);
  if (completion.state === 'COMPLETED') throw alreadyComplete(completion.endTime);
}

/** True when there was a record to clear. */
export const clearCompletion = (dir: string): boolean => removeFile(pathIn(dir));

/**
 * A reader for an agent, which calls it before every request: it makes a single stat while nothing changes. So `lm complete`, run by
 * another process, takes effect without a message. Throws `local` as readCompletion does.
 */
export function completionWatcher(dir: string): () => Completion {
  const path = pathIn(dir);
  let seen = '';
  let completion: Completion = NOT_COMPLETED;
  return () => {
    try {
      const found = statIfThere(path);
      if (!found && !lstatIfThere(path)) return NOT_COMPLETED;
      if (!found || versionOf(found) !== seen) [seen, completion] = readVersion(path);
      return completion;
    } catch (error) {
      throw localError('read', path, error);
    }
  };
}

const versionOf = (stat: { mtimeNs: bigint; ino: bigint; size: bigint }): string =>
  `${stat.mtimeNs} ${stat.ino} ${stat.size}`;

/** The version is taken from the open file, which may be replaced between two calls by path. */
function readVersion(path: string): [version: string, Completion] {
  let version = '';
  const record = readRecord(path, CompletionRecord, HINT, (_, fd) => {
    version = versionOf(fstatSync(fd, { bigint: true }));
  });
  return [version, record ?? NOT_COMPLETED];
}
