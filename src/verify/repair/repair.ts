// Repairs the files that a verification has found wrong here, one after another, and verifies them again. At most one of them is without its
// name at a time.

import type { DiskOptions } from '../../disk/attributes.js';
import { Disk } from '../../disk/disk.js';
import type { InaccessibleDirectories } from '../../disk/inaccessible-directories.js';
import { Published } from '../../disk/published.js';
import type { Emit } from '../../events.js';
import { type Entry, joinKey } from '../../files/entry.js';
import { syncFileSystems } from '../../linux/sync-file-systems.js';
import type { Owners } from '../../migration/owners.js';
import { isRoot } from '../../migration/user.js';
import type { LiveLimit } from '../../pace/live-limit.js';
import type { DifferenceReason, VerifyReport } from '../../report/verify-report.js';
import type { Source } from '../../source/source.js';
import { bootId } from '../../state/identity/host.js';
import type { History } from '../../state/journal/history.js';
import type { Journal } from '../../state/journal/journal.js';
import { createPartJournal } from '../../state/journal/part-journal.js';
import { nothingMoved, type RepairContext, repairFile } from '../../transfer/repair.js';
import { createWorkers, type Workers } from '../../transfer/workers.js';
import type { Proofs } from '../proofs.js';
import type { RepairedMigration } from './admit.js';
import { createRepairProgress, type RepairProgress } from './repair-progress.js';
import { createRepairsReport, type RepairsKept } from './repairs-report.js';
import type { SecondLooks } from './second-look.js';
import type { WrongFile, WrongFiles } from './wrong-files.js';

export interface RepairOptions {
  migration: RepairedMigration;
  source: Source;
  /** Of what is received. */
  limit: LiveLimit;
  journal: Journal;
  history: Pick<History, 'parts'>;
  owners: Pick<Owners, 'areSet'>;
  inaccessible: InaccessibleDirectories | undefined;
  proofs: Pick<Proofs, 'received'> | undefined;
  /** How the entry of the file differs, as was reported before. */
  differs(file: WrongFile): readonly DifferenceReason[];
  /** Compares both sides of a file that was repaired anew; `local` is what is here now. Returns what differs, for people. */
  differsAgain(file: WrongFile, local: Entry): Promise<string | undefined>;
  /** Bytes that `differsAgain` has read here so far, and others before it. */
  bytesComparedAgain(): number;
  emit: Emit;
  signal: AbortSignal;
  /** Aborts `signal`. */
  abort(error: Error): void;
}

/** Fills in `report`. Throws what a transfer throws; then each file has its name or is a part that the journal knows. */
export async function repair(
  wrong: WrongFiles,
  looks: SecondLooks,
  report: VerifyReport,
  options: RepairOptions,
): Promise<void> {
  const { migration, journal, emit, signal } = options;
  const published = new Published(migration.roots);
  const kept = createRepairsReport(report, emit, options.differs);
  const { workers, context, close } = openTransfer(options, published);
  const progress = createRepairProgress(
    wrong.files,
    {
      look: looks.bytesRead,
      mend: () => context.counts.bytesReused + workers.progress().bytesDone,
      verify: options.bytesComparedAgain,
    },
    emit,
  );
  const written: WrongFile[] = [];
  try {
    for (const file of wrong.files) {
      signal.throwIfAborted();
      if (await repairOne(file, looks, kept, { workers, context, signal, progress })) {
        written.push(file);
        kept.written(file);
      } else progress.ended(file);
    }
    if (written.length > 0) {
      const beganMs = Date.now();
      await syncFileSystems(migration.roots);
      journal.append({ type: 'sync-point', boot: bootId(), beganMs });
    }
    for (const file of written) {
      await progress.during('verify', file, () => verifyAgain(file, published, kept, options));
      progress.ended(file);
    }
    kept.leaveOut(wrong.more);
  } catch (error) {
    kept.cutShort();
    throw error;
  } finally {
    progress.close();
    published.close();
    await close();
  }
}

/** Returns whether its bytes here were made those of the source. */
async function repairOne(
  file: WrongFile,
  looks: SecondLooks,
  kept: RepairsKept,
  {
    workers,
    context,
    signal,
    progress,
  }: { workers: Workers; context: RepairContext; signal: AbortSignal; progress: RepairProgress },
): Promise<boolean> {
  const { doubt, blocksAt } = await progress.during('look', file, () => looks.at(file, file.digest, signal));
  if (doubt) {
    kept.notRepaired(file, doubt);
    return false;
  }
  const { dir, source: entry } = file;
  const local = file.was === 'unfinished' ? undefined : file.local;
  const before = workers.received();
  const end = await progress.during('mend', file, () => repairFile({ dir, entry, local }, context));
  kept.received(file, workers.received() - before, blocksAt);
  if (end.ended === 'published') return true;
  const why = `${end.message}${end.side ? ` (${end.side})` : ''}`;
  if (end.ended === 'part') kept.unfinished(file, why);
  else kept.notRepaired(file, { why });
  return false;
}

async function verifyAgain(
  file: WrongFile,
  published: Published,
  kept: RepairsKept,
  { differsAgain }: Pick<RepairOptions, 'differsAgain'>,
): Promise<void> {
  const local = published.look(file.dir, file.source.name, file.local);
  const why = local ? await differsAgain(file, local) : 'it is gone again: does something else write here?';
  if (why === undefined) kept.repaired(file);
  else kept.notRepaired(file, { why });
}

/** What moves the bytes, with one worker, because one file is repaired at a time. */
function openTransfer(
  options: RepairOptions,
  published: Published,
): { workers: Workers; context: RepairContext; close(): Promise<void> } {
  const { migration, source, journal, history, owners, inaccessible, proofs, limit, signal, abort } = options;
  const { roots, user } = migration;
  const canChown = owners.areSet;
  const disk: DiskOptions = {
    canChown,
    ...(canChown && !isRoot(user) && { takesAs: user.uid }),
    umask: user.umask,
  };
  const unkept = (): void => {}; // what is not kept differs when the file is verified again
  const workers = createWorkers({ roots, disk, transport: source.transport, limit }, 1, signal, unkept);
  const own = new Disk(roots, disk);
  const context: RepairContext = {
    ...{ workers, disk: own, published, inaccessible, source, signal, abort },
    ...{ concurrency: 1, counts: nothingMoved() },
    journal: createPartJournal(journal, history.parts),
    young: {
      add: (files) => journal.append({ type: 'young', keys: files.map(({ dir, entry }) => joinKey(dir, entry.name)) }),
    },
    received: { rows: () => {}, file: (dir, name, proof) => proofs?.received(dir, name, proof) },
  };
  return {
    workers,
    context,
    async close() {
      await workers.close();
      own.forgetDirectories();
    },
  };
}
