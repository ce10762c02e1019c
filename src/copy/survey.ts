// A survey: what a look at both sides has shown, and what it goes by. Shapes only; surveyor.ts takes it.

import type { ClosedDirectories } from '../disk/closed-directories.js';
import type { Emit } from '../events.js';
import type { EntryKey, ListingEnd, ListingHeader, RootKey } from '../files/entry.js';
import type { SourceGuard } from '../guards/guard-source.js';
import type { Fidelity } from '../linux/fidelity.js';
import type { MountPoint } from '../linux/mount-points.js';
import type { Walker } from '../listing/walk-lines.js';
import type { Owners } from '../migration/owners.js';
import type { ChangedFiles } from '../plan/hot-files.js';
import type { Plan } from '../plan/plan.js';
import type { RootPair } from '../plan/root-pairs.js';
import type { LeftOut, NotKept } from '../report.js';
import type { LocalMounts } from '../sides/both-sides.js';
import type { Selected } from '../sides/look-out.js';
import type { OwnerMap } from '../sides/owner-map.js';
import type { Source } from '../source/source.js';
import type { WalkLines } from '../spool/walk-file.js';
import type { KnownPart } from '../transfer/parts.js';
import type { CopyMigration } from './copy-migration.js';
import type { Suspects } from './files/unsynced-files.js';
import type { YoungRecord } from './files/young-files.js';

export interface Survey {
  plan: Plan;
  header: ListingHeader;
  /** The source's proof: without it, or with errors in it, nothing may be removed. */
  proof: ListingEnd;
  /** As they were before the destination was walked. */
  mountPoints: MountPoint[];
  mounts: LocalMounts;
  rootPairs: ReadonlyMap<RootKey, RootPair>;
  /** Whom the source's owners were taken for; undefined where their numbers were taken as they are. */
  owners: OwnerMap | undefined;
  leftOut: LeftOut;
  notKept: NotKept | undefined;
  /** Cassandra's transaction logs that are here, as the walk found them. */
  txnLogs: EntryKey[];
  /** Of a run that is confined to a key. */
  selected?: Selected;
  /** This host's side, as it was found. */
  walk: WalkLines;
}

/** What is known of the destination's files from earlier passes. */
export interface Known {
  fidelity: Fidelity;
  young: YoungRecord;
  suspects: Suspects;
  changed: ChangedFiles;
  /** What an earlier run has left of a file. */
  partOf(key: EntryKey): KnownPart | undefined;
  /** Whether there is any: then the source's ctimes are asked for, which would cost every other listing a third of its bytes. */
  hasParts: boolean;
}

export interface SurveyorOptions {
  migration: CopyMigration;
  source: Source;
  /** Of a final pass. */
  sourceGuard: SourceGuard | undefined;
  known: Known;
  owners: Owners;
  /** A directory for the plan, which is there. */
  spool: string;
  walker: Walker;
  closed: ClosedDirectories | undefined;
  emit: Emit;
  signal: AbortSignal;
}
