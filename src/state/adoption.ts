// Records that a destination was given to lm: because it was empty at the first copy, or with --adopt. The guards decide when; `lm reset`
// removes the record.

import { join } from 'node:path';
import * as z from 'zod';
import { isSameDirectory } from '../files/directory-marks.js';
import type { KnownMount } from '../linux/mount-points.js';
import { readRecord, recordText, writeFileAtomically } from './atomic-file.js';
import type { DestinationRoot } from './identity/identity.js';
import { Marks } from './identity/identity-file.js';

export interface Adoption {
  atMs: number;
  how: 'empty' | 'adopted';
  roots: DestinationRoot[];
  /** What was mounted below the roots and took part. Undefined in a record of lm 0.1.0, which kept none. */
  mounts?: KnownMount[] | undefined;
}

const AdoptionRecord: z.ZodType<Adoption> = z.object({
  atMs: z.int(),
  how: z.enum(['empty', 'adopted']),
  roots: z.array(z.object({ key: z.string(), path: z.string(), dev: z.string(), ...Marks })),
  mounts: z
    .array(
      z.object({
        key: z.string(),
        root: z.string(),
        fsType: z.string(),
        source: z.string(),
        ino: z.string(),
        birthNs: z.string(),
      }),
    )
    .optional(),
});

const pathIn = (dir: string): string => join(dir, 'adoption.json');

/** Undefined while the destination is not lm's. Throws `local` when the record is damaged. */
export const readAdoption = (dir: string): Adoption | undefined =>
  readRecord(
    pathIn(dir),
    AdoptionRecord,
    'remove that file and copy with --adopt, if all in the destination may be replaced',
  );

export const recordAdoption = (dir: string, adoption: Adoption): void =>
  writeFileAtomically(pathIn(dir), recordText(adoption));

/** The roots that the adoption does not cover. Another directory at the same path was never given to lm. */
export const notAdopted = (adoption: Adoption | undefined, roots: readonly DestinationRoot[]): DestinationRoot[] =>
  roots.filter((root) => !adoption?.roots.some((given) => given.key === root.key && isSameDirectory(given, root)));
