// The settings the first copy was given, for the commands after it. Stores what it is handed: which settings are worth
// remembering is not decided here.

import { join } from 'node:path';
import * as z from 'zod';
import { readRecord, recordText, writeFileAtomically } from './atomic-file.js';

/** By option name, in the words an operator would have typed; `settings/remembered.ts` makes and reads it. */
export type Remembered = Record<string, unknown>;

const pathIn = (dir: string): string => join(dir, 'remembered.json');

/** Undefined before the first copy. Throws `local` when the file is damaged. */
export const readRemembered = (dir: string): Remembered | undefined =>
  readRecord(
    pathIn(dir),
    z.record(z.string(), z.unknown()),
    'remove that file and give the copy its URL and --root again',
  );

export const remember = (dir: string, settings: Remembered): void =>
  writeFileAtomically(pathIn(dir), recordText(settings));
