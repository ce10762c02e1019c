// Records the identities of source and destination with which a migration was begun; identity.ts compares them.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { localError } from '../../errors.js';
import { marksOf } from '../../files/directory-marks.js';
import type { Roots } from '../../files/roots.js';
import { readRecord, recordText, writeFileAtomically } from '../atomic-file.js';
import type { DestinationRoot, SourceIdentity } from './identity.js';

export interface Identities {
  source: SourceIdentity;
  destination: DestinationRoot[];
}

/** All but the inode are missing in records of lm 0.1.0. */
export const Marks = {
  ino: z.string(),
  birthNs: z.string().optional(),
  top: z.record(z.string(), z.string()).optional(),
};

const IdentitiesRecord: z.ZodType<Identities> = z.object({
  source: z.object({
    url: z.string(),
    agentId: z.string(),
    machine: z.string(),
    roots: z.array(z.object({ key: z.string(), ...Marks })),
    devices: z.record(z.string(), z.string()),
    mounts: z.record(z.string(), z.object({ ino: z.string(), birthNs: z.string() })).optional(),
    within: z.array(z.string()),
  }),
  destination: z.array(z.object({ key: z.string(), path: z.string(), dev: z.string(), ...Marks })),
});

const pathIn = (dir: string): string => join(dir, 'identity.json');

/** Undefined before the first copy. Throws `local` when the record is damaged. */
export const readIdentities = (dir: string): Identities | undefined =>
  readRecord(
    pathIn(dir),
    IdentitiesRecord,
    'make sure that the source is the right one, remove that file and copy again',
  );

export const recordIdentities = (dir: string, identities: Identities): void =>
  writeFileAtomically(pathIn(dir), recordText(identities));

/** The roots of this host as they are now. */
export const destinationRoots = (roots: Roots): DestinationRoot[] =>
  roots.map(({ key, path }) => {
    try {
      const stat = statSync(path, { bigint: true });
      return { key, path, dev: `${stat.dev}`, ...marksOf(path, stat) };
    } catch (error) {
      throw localError('look at', path, error);
    }
  });
