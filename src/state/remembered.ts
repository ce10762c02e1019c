// Records the settings of the first copy, for the commands after it. settings/remembered.ts decides which settings those are.

import { join } from 'node:path';
import * as z from 'zod';
import { readRecord, recordText, writeFileAtomically } from './atomic-file.js';

/** Values by option name, as an operator would have typed them. */
type Remembered = Record<string, unknown>;

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
