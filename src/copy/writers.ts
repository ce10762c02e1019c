// All that a copy changes a destination with. A dry run has none of it, so that nothing it calls could write there.

import type { Emit } from '../events.js';
import type { Fidelity } from '../files/fidelity.js';
import type { Owners } from '../migration/owners.js';
import { isRoot } from '../migration/user.js';
import type { DiskOptions } from '../pull/attributes.js';
import type { ClosedDirectories } from '../pull/closed-directories.js';
import { Disk } from '../pull/disk.js';
import type { ChangedFiles } from '../pull/hot-files.js';
import { createLanes } from '../pull/lanes.js';
import type { PartJournal } from '../pull/parts.js';
import type { Source } from '../pull/source.js';
import type { TransferContext } from '../pull/transfer-context.js';
import type { Backups } from './backup-dirs.js';
import { createFidelityKeeper, type FidelityKeeper } from './fidelity.js';
import type { CopyRecord } from './record.js';
import type { CopyMigration } from './run.js';
import { createSyncPoints, type SyncPoints } from './sync-points.js';
import type { YoungRecord } from './young-files.js';

export interface Writers {
  /** Lanes, the main thread's own hands, and what both go by. */
  transfer: TransferContext;
  fidelity: FidelityKeeper;
  syncPoints: SyncPoints;
  backups: Backups | undefined;
  /** Ends what is under way, and every thread. */
  close(): Promise<void>;
}

export interface WritersOptions {
  source: Source;
  concurrency: number;
  record: CopyRecord;
  parts: PartJournal;
  young: YoungRecord;
  changed: ChangedFiles;
  closed: ClosedDirectories | undefined;
  fidelity: Fidelity;
  owners: Pick<Owners, 'areSet'>;
  backups: Backups | undefined;
  emit: Emit;
  signal: AbortSignal;
  abort(error: Error): void;
}

export function createWriters({ settings, roots, instance, user }: CopyMigration, options: WritersOptions): Writers {
  const { source, concurrency, record, parts, young, changed, closed, backups, emit, signal, abort } = options;
  const owners = options.owners.areSet;
  const fidelity = createFidelityKeeper(instance.dir, options.fidelity, roots, owners, emit);
  const takes = owners && !isRoot(user);
  const diskOptions: DiskOptions = { owners, ...(takes && { takesAs: user.uid }), umask: user.umask };
  const setup = { roots, disk: diskOptions, transport: source.transport, limitRate: settings.limitRate };
  const lanes = createLanes(setup, concurrency, signal, fidelity.note);
  const disk = new Disk(
    roots,
    diskOptions,
    (bytes) => lanes.countKept(bytes),
    (entry) => fidelity.note([entry]),
  );
  const syncPoints = createSyncPoints(roots, record.journal);
  const transfer = { lanes, disk, journal: parts, young, changed, closed, concurrency, source };
  return {
    transfer: { ...transfer, emit, signal, abort },
    ...{ fidelity, syncPoints, backups },
    async close() {
      await lanes.close();
      await syncPoints.stop();
      disk.forgetDirectories();
    },
  };
}
