// What a verification with --repair does beside comparing: it asks for leave to write, gathers what is wrong, and then has it repaired and
// compares those files again.

import type { InaccessibleDirectories } from '../../disk/inaccessible-directories.js';
import type { Emit } from '../../events.js';
import { compareKeys, type EntryKey, joinKey, parentOf } from '../../files/entry.js';
import { refusing } from '../../migration/guards/objections.js';
import { createServiceWatch } from '../../migration/guards/service-watch.js';
import type { Owners } from '../../migration/owners.js';
import type { LiveLimit } from '../../pace/live-limit.js';
import type { LocalPace } from '../../pace/local-pace.js';
import type { DigestedPair, PairOfFiles } from '../../plan/digests/paired-digests.js';
import type { VerifyReport } from '../../report/verify-report.js';
import type { LocalMounts } from '../../sides/listings.js';
import type { Source } from '../../source/source.js';
import { type Journal, readJournal } from '../../state/journal/journal.js';
import type { FileComparison } from '../contents.js';
import type { Proofs } from '../proofs.js';
import type { Sweep } from '../sweep.js';
import { type RepairedMigration, refuseNotAdopted, refuseOtherMounts } from './admit.js';
import { repair } from './repair.js';
import { createSecondLooks } from './second-look.js';
import { createWrongFiles, type WrongFile, type WrongFiles } from './wrong-files.js';

/** What the verification has found, and by what. */
interface Found {
  sweep: Sweep;
  digests: FileComparison;
  report: VerifyReport;
  emit: Emit;
}

export interface Repairing {
  wrong: WrongFiles;
  /** Repairs what is wrong, and sets right what `report` says of it. */
  run(found: Found): Promise<void>;
}

interface RepairingOptions {
  source: Source;
  algorithm: Parameters<typeof createSecondLooks>[0]['algorithm'];
  threads: number;
  pace: LocalPace;
  limit: LiveLimit;
  journal: Journal;
  owners: Pick<Owners, 'areSet'>;
  inaccessible: InaccessibleDirectories | undefined;
  proofs: Proofs | undefined;
  /** As in `admit` of the sweep; called once that has happened. */
  mounts(): LocalMounts;
  /** As in ContentsOptions. */
  digested?: ((batch: number, pairs: readonly DigestedPair[]) => void) | undefined;
  signal: AbortSignal;
}

/** Throws `refused` where a copy would: the destination is not lm's, or its service runs. */
export async function admitRepair(
  migration: RepairedMigration,
  emit: Emit,
  signal: AbortSignal,
): Promise<ReturnType<typeof createServiceWatch>> {
  refuseNotAdopted(migration);
  const { settings, roots, user } = migration;
  const watch = createServiceWatch({ ...settings, threshold: 1 }, roots, {
    ...{ env: user.env, emit, signal },
    object: refusing,
  });
  await watch.check(0);
  return watch;
}

export function createRepairing(
  migration: RepairedMigration,
  watch: Awaited<ReturnType<typeof admitRepair>>,
  options: RepairingOptions,
): Repairing {
  const { source, algorithm, threads, pace, proofs, mounts, digested } = options;
  const { roots, instance } = migration;
  const history = readJournal(instance.dir);
  const wrong = createWrongFiles(source.capabilities.timeUnit, history.parts);
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const abort = (error: Error): void => stop.abort(error);

  async function repairAll({ sweep, digests, report, emit }: Found): Promise<void> {
    const data = dataFilesOf(wrong, sweep, proofs);
    const looks = createSecondLooks({
      ...{ source, roots, algorithm, threads, pace, hasBlocks: sweep.hasBlocks },
      dataOf: (key) => data.get(dataOf(key) ?? ''),
    });
    const differs = (file: WrongFile) =>
      sweep.findings(joinKey(file.dir, file.source.name), file.source, file.local).map(({ reason }) => reason);
    try {
      await repair(wrong, looks, report, {
        ...{ ...options, migration, history, emit, signal, abort, differs },
        bytesComparedAgain: digests.bytesRead,
        async differsAgain({ dir, source: entry }, local) {
          const [finding] = sweep.findings(joinKey(dir, entry.name), entry, local);
          if (finding)
            return `its ${finding.reason} is ${finding.destination} here, and cannot be made ${finding.source}`;
          const pair = { dir, source: entry, local };
          const [compared] = await digests.compare([{ ...pair, rereads: 'both' }], signal);
          proofs?.learn(pair, compared!);
          if (!compared!.equal)
            return 'it differs again after it was repaired: the disk here, or the source, is failing';
          digested?.(LAST, [compared!]);
          return undefined;
        },
      });
    } finally {
      await looks.close();
    }
  }

  return {
    wrong,
    async run(found) {
      if (wrong.files.length > 0) {
        await watch.check(0);
        refuseOtherMounts(migration, mounts());
        found.emit({ type: 'phase', iteration: 0, state: 'REPAIRING' });
        watch.start(abort);
      }
      try {
        await repairAll(found);
      } catch (error) {
        throw signal.aborted ? signal.reason : error; // a worker that was stopped does not know why
      } finally {
        watch.stop();
      }
    },
  };
}

/** The digests of files that were repaired come after those of all others. */
const LAST = Number.MAX_SAFE_INTEGER;

/** `data/0/ks/t/nb-1-big-Data.db` of any other component of the SSTable; undefined for a file that is none. */
function dataOf(key: EntryKey): EntryKey | undefined {
  const [slash, dash] = [key.lastIndexOf('/'), key.lastIndexOf('-')];
  const data = `${key.slice(0, dash + 1)}Data.db`;
  return dash > slash && data !== key ? data : undefined;
}

/** Of the SSTables of which other components are wrong here. What is proved already, and so was not set aside, `proofs` knows. */
function dataFilesOf(
  { files }: WrongFiles,
  sweep: Sweep,
  proofs: Proofs | undefined,
): ReadonlyMap<EntryKey, PairOfFiles> {
  const wanted = new Set(files.map(({ dir, source }) => dataOf(joinKey(dir, source.name))));
  wanted.delete(undefined);
  const found = new Map<EntryKey, PairOfFiles>();
  if (wanted.size === 0) return found;
  for (const pair of sweep.toDigest.pairs()) {
    const key = joinKey(pair.dir, pair.source.name);
    if (wanted.delete(key)) found.set(key, pair);
  }
  for (const key of ([...wanted] as EntryKey[]).sort(inListing)) {
    const dir = parentOf(key);
    const pair = proofs?.unread(dir, key.slice(dir.length + 1));
    if (pair) found.set(key, pair);
  }
  return found;
}

/** The order of listings: the files of a directory come before those of the directories in it. */
const inListing = (a: EntryKey, b: EntryKey): number => compareKeys(parentOf(a), parentOf(b)) || compareKeys(a, b);
