// Records who has completed a migration over HTTP, when, and what was not proved then. The Sidecar's record of completion has no room for it.

import { join } from 'node:path';
import * as z from 'zod';
import { readRecord, recordText, removeFile, writeFileAtomically } from './atomic-file.js';

/** `by` is an address; `unproved` names, for people, what `lm complete` would have refused for, as far as the records tell. */
const CompletedOverHttp = z.object({ by: z.string(), atMs: z.int().nonnegative(), unproved: z.array(z.string()) });
export type CompletedOverHttp = z.infer<typeof CompletedOverHttp>;

export const COMPLETED_OVER_HTTP_FILE = 'completed-over-http.json';
const pathIn = (dir: string): string => join(dir, COMPLETED_OVER_HTTP_FILE);

/** Throws `local` when the record is unreadable or damaged. */
export const readCompletedOverHttp = (dir: string): CompletedOverHttp | undefined =>
  readRecord(pathIn(dir), CompletedOverHttp, 'remove that file, which says who completed this migration over HTTP');

/** Throws `local`. */
export const recordCompletedOverHttp = (dir: string, completed: CompletedOverHttp): void =>
  writeFileAtomically(pathIn(dir), recordText(completed));

/** True when there was a record. */
export const forgetCompletedOverHttp = (dir: string): boolean => removeFile(pathIn(dir));
