// Both sides listed and compared → a plan and the proofs that came with it; taken again where it cannot be believed yet.
// Changes nothing but its own spool.

import { availableParallelism } from 'node:os';
import type { DirType } from '../files/entry.js';
import { isRoot } from '../migration/user.js';
import { checkDigests } from '../plan/check.js';
import { meets } from '../plan/counts.js';
import type { DiffPolicy } from '../plan/differences.js';
import { createDigestBoth } from '../plan/digest-both.js';
import { notKeptIn, staleIn } from '../plan/left-out.js';
import type { Plan } from '../plan/plan.js';
import type { LeftOut } from '../report.js';
import { exclusionsSum } from '../sides/exclude.js';
import { abandon, type Compared, compareSides } from './compare-sides.js';
import { findLeftFiles } from './files/left-files.js';
import { tellSuspects } from './files/unsynced-files.js';
import type { Survey, SurveyorOptions } from './survey.js';

export interface Surveyor {
  survey(): Promise<Survey>;
  /** Whether the last survey has shown all that was suspect after a crash of this machine to be whole. */
  rechecked(): boolean;
  /** What both sides left out of it, as `exclusionsSum` has it. */
  exclusions(): string | undefined;
}

/** A source that is touched in each of so many looks is not going to stand still. */
const MOST_LOOKS = 3;

export function createSurveyor(options: SurveyorOptions): Surveyor {
  const { migration, sourceGuard, known, emit } = options;
  const { threshold, dryRun, only } = migration.settings;
  const { suspects } = known;
  let rechecked = false;
  let exclusions: string | undefined;

  async function look(): Promise<Survey> {
    const policy = await policyNow(options);
    known.young.begin();
    const { survey, differing } = await withDigests(await compareSides(policy, options), policy, options);
    tellSuspects(suspects.found(), differing, emit);
    exclusions = exclusionsSum(migration.settings.exclusions, survey.header);
    rechecked = suspects.possible && only === undefined && survey.proof.errors === 0 && differing === 0;
    return survey;
  }

  return {
    async survey() {
      if (!sourceGuard || dryRun) return look();
      for (let looks = 1; ; looks++) {
        await sourceGuard.expectNobody();
        await sourceGuard.settle();
        const survey = await look();
        const believed = sourceGuard.believes(survey.proof, survey.plan);
        if (!meets(survey.plan.counts, threshold)) return survey;
        const stoodStill = await sourceGuard.stoodStill();
        if ((believed && stoodStill) || looks === MOST_LOOKS) return survey;
      }
    },
    rechecked: () => rechecked,
    exclusions: () => exclusions,
  };
}

/** A memory-mapped write need not move a file's time (mmap(2)), so at 1.0 times are no proof for these. */
const WRITTEN_IN_PLACE: readonly DirType[] = ['commitlog', 'cdc_raw'];

async function policyNow(options: SurveyorOptions): Promise<DiffPolicy> {
  const { migration, source, known, signal } = options;
  const { threshold, backupDir, diff: compare } = migration.settings;
  const { fidelity, young, changed } = known;
  const isExact = threshold === 1; // of a part as well, which makes no final pass
  return {
    compare,
    digested: isExact ? WRITTEN_IN_PLACE : [],
    asksEmpty: source.transport.servesEmpty && (isExact || compare === 'checksum'),
    unit: source.tells.timeUnit,
    owners: options.owners.areSet,
    opensClosed: !isRoot(migration.user),
    keepsReplaced: backupDir !== undefined,
    fidelity,
    doubtsTimes: isExact,
    ...doubts(options),
    ...(young.some && { young }),
    ...(!isExact && { hot: await findLeftFiles(source, migration.roots, changed, signal) }),
  };
}

/** Nothing at all when nothing is doubted: to ask of each file costs more than to compare it. */
function doubts({ known: { suspects }, sourceGuard }: SurveyorOptions): Pick<DiffPolicy, 'isSuspect'> {
  const byGuard = sourceGuard?.doubts() ? sourceGuard.isDoubted : undefined;
  if (!suspects.possible) return byGuard ? { isSuspect: byGuard } : {};
  return { isSuspect: (key) => suspects.isSuspect(key) || byGuard?.(key) === true };
}

/** Throws what digests throw; the plan is then given up. */
async function withDigests(
  compared: Compared,
  policy: DiffPolicy,
  options: SurveyorOptions,
): Promise<{ survey: Survey; differing: number }> {
  try {
    const differing = await tellApart(compared, policy, options);
    return { survey: finish(compared, policy), differing };
  } catch (error) {
    abandon(compared);
    throw error;
  }
}

/** Files of equal size whose times are no proof, by their digests, into the plan. Returns how many differ. */
async function tellApart(compared: Compared, policy: DiffPolicy, options: SurveyorOptions): Promise<number> {
  const { migration, source, known, signal } = options;
  const { writer, counts, mountOf } = compared;
  const algorithm = source.algorithms.includes('xxhash64') ? 'xxhash64' : 'md5';
  const digests = createDigestBoth(source, migration.roots, algorithm, availableParallelism());
  try {
    return await checkDigests(writer, counts, digests, { ...policy, mountOf }, signal, known.young);
  } finally {
    await digests.close();
  }
}

function finish(
  { writer, walk, counts, leftOut, selected, mountOf: _, ...found }: Compared,
  policy: DiffPolicy,
): Survey {
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
  stale: staleIn(plan),
});
