// Records what the destination cannot keep, for the commands after a copy.

import { join } from 'node:path';
import * as z from 'zod';
import { Fidelity, type FidelityRecord } from '../linux/fidelity.js';
import { readRecord, recordText, writeFileAtomically } from './atomic-file.js';

const Nanoseconds = z.string().regex(/^-?\d+$/);

const Shape = z.object({
  places: z.array(
    z.object({
      key: z.string(),
      unitNs: Nanoseconds,
      minNs: Nanoseconds.optional(),
      maxNs: Nanoseconds.optional(),
      lostBits: z.int().min(0).max(0o7777),
      owners: z.boolean(),
    }),
  ),
  entries: z.array(
    z.object({ key: z.string(), what: z.enum(['mode', 'owner']), wanted: z.string(), kept: z.string() }),
  ),
});

const pathIn = (dir: string): string => join(dir, 'fidelity.json');

/** Undefined when every copy found that all is kept. Throws `local` when the file is damaged. */
export const readFidelity = (dir: string): FidelityRecord | undefined =>
  readRecord(pathIn(dir), Shape, 'remove that file: the next copy finds out again');

/** The same as a `Fidelity`. */
export function knownFidelity(dir: string): Fidelity | undefined {
  const record = readFidelity(dir);
  return record && new Fidelity(record);
}

export const recordFidelity = (dir: string, record: FidelityRecord): void =>
  writeFileAtomically(pathIn(dir), recordText(record));
