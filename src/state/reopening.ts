// Records who has taken back the completion of a source over HTTP, and when. The Sidecar's record of completion has no room for it.

import { join } from 'node:path';
import * as z from 'zod';
import { readRecord, recordText, removeFile, writeFileAtomically } from './atomic-file.js';
import { clearCompletion } from './completion.js';

export interface Reopening {
  /** An address. */
  by: string;
  atMs: number;
}

const ReopeningRecord = z.object({ by: z.string(), atMs: z.int().nonnegative() });
const HINT = 'remove that file, which says who reopened this source over HTTP';

export const REOPENING_FILE = 'reopened.json';
const pathIn = (dir: string): string => join(dir, REOPENING_FILE);

/** The last one since this source was reset by its own `lm reset`. Throws `local` when the record is unreadable or damaged. */
export const readReopening = (dir: string): Reopening | undefined => readRecord(pathIn(dir), ReopeningRecord, HINT);

/** Records it first, so that nothing is reopened without a record. Throws `local`. */
export function reopen(dir: string, by: string): void {
  writeFileAtomically(pathIn(dir), recordText({ by, atMs: Date.now() } satisfies Reopening));
  clearCompletion(dir);
}

/** True when there was a record. */
export const forgetReopening = (dir: string): boolean => removeFile(pathIn(dir));
