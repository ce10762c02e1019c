// The types of a survey: what it takes and what it returns. survey.ts takes one.

import type { InaccessibleDirectories } from '../disk/inaccessible-directories.js';
import type { Emit } from '../events.js';
import type { EntryKey, RootKey } from '../files/entry.js';
import type { ListingHeader, ListingTotals } from '../files/listing.js';
import type { SourceGuard } from '../guards/guard-source.js';
import type { Fidelity } from '../linux/fidelity.js';
import type { MountPoint } from '../linux/mount-points.js';
import type { Walker } from '../listing/walk-lines.js';
import type { Owners } from '../migration/owners.js';
import type { LiveLimit } from '../pace/live-limit.js';
import type { ChangedFiles } from '../plan/hot-files.js';
import type { Plan } from '../plan/plan.js';
import type { RootPair } from '../plan/root-pairs.js';
import type { LeftOut, NotKept } from '../report/parts.js';
import type { LocalMounts } from '../sides/listings.js';
import type { OwnerMap } from '../sides/owner-map.js';
import type { Selected } from '../sides/selected-key.js';
import type { Source } from '../source/source.js';
import type { WalkLines } from '../spool/walk-file.js';
import type { KnownPart } from '../transfer/part-journal.js';
import type { CopyMigration } from './copy-migration.js';
import type { Proofs } from './files/proofs.js';
import type { SnapshotFiles } from './files/snapshot-files.js';
import type { UnsyncedFiles } from './files/unsynced-files.js';
import type { YoungRecord } from './files/young-files.js';

export interface Survey {
  plan: Plan;
  header: ListingHeader;
  /** The totals that the source sent at the end of its listing. If they count errors, nothing may be removed. */
  totals: ListingTotals;
  /** Mount points below the destination as they were before it was walked. */
  mountPoints: MountPoint[];
  mounts: LocalMounts;
  rootPairs: ReadonlyMap<RootKey, RootPair>;
  /** The accounts here to which the source's owners were mapped; undefined where the numbers were taken as they are. */
  owners: OwnerMap | undefined;
  leftOut: LeftOut;
  notKept: NotKept | undefined;
  /** The transaction logs of Cassandra that the walk found here. */
  txnLogs: EntryKey[];
  /** Set when the run is limited to one key. */
  selected?: Selected;
  /** The lines of the walk of the destination. */
  walk: WalkLines;
  /** When it began, by `performance.now()`, and how long it took. */
  beganMs: number;
  tookMs: number;
}

/** What earlier passes and runs have found out about the destination's files. */
interface Known {
  fidelity: Fidelity;
  young: YoungRecord;
  unsynced: UnsyncedFiles;
  fromSnapshot: SnapshotFiles;
  changed: ChangedFiles;
  /** What the ledger says of files, and what is written to it. */
  proofs: Proofs;
  /** The part that an earlier run has left of a file. */
  partOf(key: EntryKey): KnownPart | undefined;
}

export interface SurveyOptions {
  migration: CopyMigration;
  source: Source;
  limit: LiveLimit;
  /** Set for a final pass. */
  sourceGuard: SourceGuard | undefined;
  known: Known;
  owners: Owners;
  /** An existing directory for the plan. */
  spool: string;
  walker: Walker;
  inaccessible: InaccessibleDirectories | undefined;
  emit: Emit;
  signal: AbortSignal;
}
