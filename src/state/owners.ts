// Records to which accounts the last copy mapped the source's owners, so that the next one can report what has changed.

import { join } from 'node:path';
import * as z from 'zod';
import { isAccountName, isUint32 } from '../owners/owner-names.js';
import { readRecord, recordText, writeFileAtomically } from './atomic-file.js';

const Id = z.number().refine(isUint32);
const Mapped = z.array(
  z.object({
    id: Id,
    name: z.string().refine(isAccountName).nullable(),
    to: Id,
    by: z.enum(['name', 'number', 'rule']),
  }),
);
const Shape = z.object({ users: Mapped, groups: Mapped });

export type OwnersRecord = z.infer<typeof Shape>;

const pathIn = (dir: string): string => join(dir, 'owners.json');

/** Undefined before the first copy that took owners by name. Throws `local` when the file is damaged. */
export const readOwners = (dir: string): OwnersRecord | undefined =>
  readRecord(pathIn(dir), Shape, 'remove that file: the next copy finds out again');

export const recordOwners = (dir: string, owners: OwnersRecord): void =>
  writeFileAtomically(pathIn(dir), recordText(owners));
