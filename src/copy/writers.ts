// All that a copy changes a destination with. A dry run has none of it, so that nothing it calls could write there.

import type { DiskOptions } from '../disk/attributes.js';
import type { ClosedDirectories } from '../disk/closed-directories.js';
import { Disk } from '../disk/disk.js';
import type { Emit } from '../events.js';
import type { Fidelity } from '../linux/fidelity.js';
import type { Owners } from '../migration/owners.js';
import { isRoot } from '../migration/user.js';
import type { ChangedFiles } from '../plan/hot-files.js';
import type { Source } from '../source/source.js';
import { createLanes } from '../transfer/lanes.js';
import type { PartJournal } from '../transfer/parts.js';
import type { TransferContext } from '../transfer/transfer-context.js';
import type { Backups } from './backup-dirs.js';
import type { CopyMigration } from './copy-migration.js';
import { createFidelityKeeper, type FidelityKeeper } from './fidelity.js';
import type { YoungRecord } from './files/young-files.js';
import type { CopyRecord } from './record.js';
import { createSyncPoints, type SyncPoints } from './sync-points.js';

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
