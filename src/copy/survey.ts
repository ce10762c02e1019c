// Lists both sides and compares them into a plan; repeats that while the source changes. Writes its spool and nothing else.

import { availableParallelism } from 'node:os';
import { BLOCK_DIGEST, type FileAlgorithm } from '../digest/digest.js';
import type { DirType, Entry, EntryKey } from '../files/entry.js';
import type { ListingHeader } from '../files/listing.js';
import { isRoot } from '../migration/user.js';
import { startLocalPace } from '../pace/local-pace.js';
import { meets } from '../plan/counts.js';
import type { DiffPolicy } from '../plan/differences.js';
import { type CheckedFiles, type CheckProgress, checkDigests } from '../plan/digests/check-digests.js';
import { createPairedDigests, type PairedDigests } from '../plan/digests/paired-digests.js';
import { createProvedDigests } from '../plan/digests/proved-digests.js';
import { notKeptIn } from '../plan/left-out.js';
import { type Plan, stalePartsOf } from '../plan/plan.js';
import type { LeftOut } from '../report/parts.js';
import { exclusionsSum } from '../sides/exclude.js';
import type { Source } from '../source/source.js';
import type { OpenFilesReport } from '../wire/messages.js';
import { abandon, type Compared, compareSides } from './compare-sides.js';
import { findLeftFiles } from './files/left-files.js';
import { createProvedFiles } from './files/proved-files.js';
import { reportUnsynced } from './files/unsynced-files.js';
import type { Survey, SurveyOptions } from './survey-types.js';

export interface Surveys {
  /** For the pass `iteration`. `openFiles`: what the source has just told of them, which it is then not asked for again. */
  take(iteration: number, openFiles?: OpenFilesReport): Promise<Survey>;
  /** Whether the last survey has found every file whole that was perhaps not on disk when this machine crashed. */
  rechecked(): boolean;
  /** The exclusions of both sides in the last survey, as `exclusionsSum` returns them. */
  exclusions(): string | undefined;
}

/** A source that changes during each of so many surveys is not going to stand still. */
const MAX_SURVEYS = 3;

export function createSurveys(options: SurveyOptions): Surveys {
  const { migration, sourceGuard, known, emit } = options;
  const { threshold, dryRun, only } = migration.settings;
  const { unsynced } = known;
  let rechecked = false;
  let exclusions: string | undefined;

  async function takeOnce(iteration: number): Promise<Survey> {
    emit({ type: 'phase', iteration, state: 'LISTING' });
    const beganMs = performance.now();
    const policy = await policyNow(options);
    known.young.begin();
    const { found, differing } = await withDigests(await compareSides(policy, options), policy, options, iteration);
    const survey = { ...found, beganMs, tookMs: performance.now() - beganMs };
    reportUnsynced(unsynced.takeCount(), differing, emit);
    exclusions = exclusionsSum(migration.settings.exclusions, survey.header);
    const isWhole = only === undefined && survey.totals.errors === 0 && differing === 0;
    rechecked = unsynced.possible && isWhole;
    known.fromSnapshot.surveyed(isWhole && survey.plan.counts.left.entries === 0); // what is left was not compared
    return survey;
  }

  return {
    async take(iteration, openFiles) {
      if (!sourceGuard || dryRun) return takeOnce(iteration);
      for (let surveys = 1; ; surveys++) {
        emit({ type: 'phase', iteration, state: 'WAITING' });
        await sourceGuard.expectNoActivity(surveys === 1 ? openFiles : undefined);
        await sourceGuard.waitUntilSettled();
        const survey = await takeOnce(iteration);
        const isSettled = sourceGuard.noteListing(survey.totals, survey.plan);
        if (!meets(survey.plan.counts, threshold)) return survey;
        emit({ type: 'phase', iteration, state: 'WAITING' });
        const stoodStill = await sourceGuard.waitForWriters();
        if ((isSettled && stoodStill) || surveys === MAX_SURVEYS) return survey;
      }
    },
    rechecked: () => rechecked,
    exclusions: () => exclusions,
  };
}

/** A memory-mapped write need not move a file's time (mmap(2)), so at 1.0 times are no proof for these. */
const WRITTEN_IN_PLACE: readonly DirType[] = ['commitlog', 'cdc_raw'];

async function policyNow(options: SurveyOptions): Promise<DiffPolicy> {
  const { migration, source, known, signal } = options;
  const { threshold, backupDir, diff: compare } = migration.settings;
  const { fidelity, young, changed } = known;
  const isExact = threshold === 1; // also with --only, which is no final pass
  return {
    compare,
    digested: isExact ? WRITTEN_IN_PLACE : [],
    digestsEmpty: source.transport.servesEmpty && (isExact || compare === 'checksum'),
    timeUnit: source.capabilities.timeUnit,
    canChown: options.owners.areSet,
    opensInaccessible: !isRoot(migration.user),
    keepsReplaced: backupDir !== undefined,
    fidelity,
    checksTimes: isExact,
    ...digestPolicy(options),
    ...(young.hasAny && { young }),
    ...(!isExact && { hot: await findLeftFiles(source, migration.roots, changed, signal) }),
  };
}

/** Leaves `needsDigest` out when no file needs one: calling it for each file would cost more than comparing the file. */
function digestPolicy({
  known: { unsynced, fromSnapshot },
  sourceGuard,
}: SurveyOptions): Pick<DiffPolicy, 'needsDigest'> {
  const byGuard = sourceGuard?.needsDigests() ? sourceGuard.needsDigest : undefined;
  const all = fromSnapshot.needsDigests;
  if (!unsynced.possible && !all) return byGuard ? { needsDigest: byGuard } : {};
  return { needsDigest: (key) => unsynced.needsDigest(key) || all || byGuard?.(key) === true };
}

type Found = Omit<Survey, 'beganMs' | 'tookMs'>;

/** Throws what digests throw; the plan is then abandoned. */
async function withDigests(
  compared: Compared,
  policy: DiffPolicy,
  options: SurveyOptions,
  iteration: number,
): Promise<{ found: Found; differing: number }> {
  try {
    const differing = await compareDigests(compared, policy, options, iteration);
    return { found: finish(compared, policy), differing };
  } catch (error) {
    abandon(compared);
    throw error;
  }
}

/** Compares files of equal size whose times prove nothing by their digests, and puts those that differ into the plan. Returns how many. */
async function compareDigests(
  { writer, counts, mountOf, header }: Compared,
  policy: DiffPolicy,
  options: SurveyOptions,
  iteration: number,
): Promise<number> {
  const { migration, source, limit, known, emit, signal } = options;
  emit({ type: 'phase', iteration, state: 'COMPARING' });
  const algorithm = algorithmFor(source, header);
  const pace = startLocalPace({ limit });
  const digests = createPairedDigests(source, migration.roots, algorithm, availableParallelism(), { pace });
  const progress = (now: CheckProgress): void => emit({ type: 'progress', iteration, doing: 'compare', ...now });
  const files = algorithm === BLOCK_DIGEST ? provedFiles(digests, header, policy, options) : unproved(digests);
  try {
    return await checkDigests(writer, counts, files, { ...policy, mountOf, young: known.young, progress, signal });
  } finally {
    pace.close();
    await digests.close();
  }
}

/** An lm agent's digests of blocks can be compared with stored ones, and become such. */
function algorithmFor({ algorithms }: Source, { features }: ListingHeader): FileAlgorithm {
  if (features.includes('blocks')) return BLOCK_DIGEST;
  return algorithms.includes('xxhash64') ? 'xxhash64' : 'md5';
}

function provedFiles(
  digests: PairedDigests,
  { agentId }: ListingHeader,
  { digested, young }: DiffPolicy,
  { migration, sourceGuard, known }: SurveyOptions,
): CheckedFiles {
  const { proofs, unsynced } = known;
  const changesUnseen = (key: EntryKey, entry: Entry): boolean =>
    digested.some((type) => key.startsWith(`${type}/`)) ||
    young?.has(key, entry) === true ||
    sourceGuard?.needsDigest(key) === true;
  return createProvedFiles({
    ...{ digests: createProvedDigests(digests), proofs, agentId, roots: migration.roots },
    rereads: (key, entry) => {
      if (changesUnseen(key, entry)) return 'both';
      return unsynced.includes(key) ? 'local' : undefined;
    },
  });
}

const unproved = (digests: PairedDigests): CheckedFiles => ({
  begin: async () => ({ compare: digests.compare, close: () => {} }),
  bytesRead: digests.bytesRead,
});

function finish(
  { writer, walk, counts, leftOut, selected, mountOf: _, ...found }: Compared,
  policy: DiffPolicy,
): Found {
  const plan = writer.finish(counts);
  return {
    plan,
    ...found,
    walk: walk.finish(),
    leftOut: { ...leftOut(), ...leftOutOf(plan) },
    notKept: notKeptIn(counts.notKept, policy.fidelity),
    ...(selected && { selected }),
  };
}

const leftOutOf = (plan: Plan): Pick<LeftOut, 'special' | 'shielded' | 'stale'> => ({
  special: { entries: plan.counts.special, first: plan.counts.firstSpecial },
  shielded: { entries: plan.counts.shielded, first: plan.counts.firstShielded },
  stale: stalePartsOf(plan),
});
