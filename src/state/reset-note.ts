// Records that a source was reset, and when, so that a second `lm reset` is no error. An agent that serves the source removes the record.

import { join } from 'node:path';
import * as z from 'zod';
import { readRecord, recordText, removeFile, writeFileAtomically } from './atomic-file.js';

const RESET_FILE = 'reset.json';

const Note = z.object({ atMs: z.int().nonnegative() });

const pathIn = (dir: string): string => join(dir, RESET_FILE);

/** Throws `local`. */
export const recordReset = (dir: string): void => writeFileAtomically(pathIn(dir), recordText({ atMs: Date.now() }));

/** When it was reset; undefined when it was not, or has served since. */
export const readReset = (dir: string): number | undefined =>
  readRecord(pathIn(dir), Note, 'it only says when lm reset was run: remove it')?.atMs;

export const forgetReset = (dir: string): boolean => removeFile(pathIn(dir));
