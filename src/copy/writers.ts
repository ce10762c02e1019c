// Creates everything with which a copy changes a destination. A dry run has none of it, so that nothing it calls can write there.

import type { DiskOptions } from '../disk/attributes.js';
import { Directories } from '../disk/directories.js';
import { Disk } from '../disk/disk.js';
import type { InaccessibleDirectories } from '../disk/inaccessible-directories.js';
import { Versions } from '../disk/versions.js';
import type { Emit } from '../events.js';
import type { Root } from '../files/roots.js';
import type { Fidelity } from '../linux/fidelity.js';
import type { Owners } from '../migration/owners.js';
import { isRoot } from '../migration/user.js';
import type { LiveLimit } from '../pace/live-limit.js';
import type { ChangedFiles } from '../plan/hot-files.js';
import { directoryIn } from '../settings/values/source-url.js';
import type { Source } from '../source/source.js';
import type { PartJournal } from '../transfer/part-journal.js';
import type { TransferContext } from '../transfer/transfer-context.js';
import { createWorkers } from '../transfer/workers.js';
import type { Backups } from './backup-dirs.js';
import type { CopyMigration } from './copy-migration.js';
import { createFidelityKeeper, type FidelityKeeper } from './fidelity.js';
import type { Proofs } from './files/proofs.js';
import type { YoungRecord } from './files/young-files.js';
import type { CopyRecord } from './record.js';
import { createSyncPoints, type SyncPoints } from './sync-points.js';

export interface Writers {
  /** The transfer workers, the disk of the main thread, and what both need. */
  transfer: TransferContext;
  fidelity: FidelityKeeper;
  syncPoints: SyncPoints;
  backups: Backups | undefined;
  /** Ends what still runs, and every thread. */
  close(): Promise<void>;
}

interface WritersOptions {
  source: Source;
  limit: LiveLimit;
  concurrency: number;
  record: CopyRecord;
  parts: PartJournal;
  young: YoungRecord;
  proofs: Proofs;
  changed: ChangedFiles;
  inaccessible: InaccessibleDirectories | undefined;
  fidelity: Fidelity;
  owners: Pick<Owners, 'areSet'>;
  backups: Backups | undefined;
  emit: Emit;
  signal: AbortSignal;
  abort(error: Error): void;
}

export function createWriters({ settings, roots, instance, user }: CopyMigration, options: WritersOptions): Writers {
  const { source, concurrency, record, parts, young, proofs, changed, inaccessible } = options;
  const { backups, emit, signal, abort } = options;
  const canChown = options.owners.areSet;
  const fidelity = createFidelityKeeper(instance.dir, options.fidelity, roots, canChown, emit);
  const takes = canChown && !isRoot(user);
  const diskOptions: DiskOptions = { canChown, ...(takes && { takesAs: user.uid }), umask: user.umask };
  const setup = { roots, disk: diskOptions, transport: source.transport, limit: options.limit };
  const workers = createWorkers(setup, concurrency, signal, fidelity.note);
  const disk = new Disk(
    roots,
    diskOptions,
    (bytes) => workers.countBackedUp(bytes),
    (entry) => fidelity.note([entry]),
  );
  const syncPoints = createSyncPoints(roots, record.journal);
  const directory = directoryIn(settings.url);
  const originals = directory === undefined ? undefined : new Directories([originalRoot(directory)]);
  const transfer = {
    workers,
    disk,
    journal: parts,
    young,
    changed,
    inaccessible,
    concurrency,
    source,
    received: proofs,
    delta: settings.delta,
  };
  return {
    transfer: { ...transfer, ...(originals && { originals: new Versions(originals) }), emit, signal, abort },
    ...{ fidelity, syncPoints, backups },
    async close() {
      await workers.close();
      await syncPoints.stop();
      disk.forgetDirectories();
      originals?.close();
    },
  };
}

/** A source directory has one root. */
const originalRoot = (directory: string): Root => ({
  ...({ key: 'data/0', type: 'data', index: 0 } as const),
  path: directory,
});
