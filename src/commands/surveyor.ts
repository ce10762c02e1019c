// A look at both sides, taken again where it broke off or cannot be believed yet. What it leads to is pull/copy.ts's to say.

import { cpus } from 'node:os';
import { geteuid } from 'node:process';
import { LmError } from '../errors.js';
import { type DirType, type Listing, parentOf } from '../files/entry.js';
import { checkDigests } from '../pull/check.js';
import { meets } from '../pull/counts.js';
import { createDigestBoth } from '../pull/digest-both.js';
import { failureOfError } from '../pull/failure.js';
import type { SourceGuard } from '../pull/guard-source.js';
import { resumable } from '../pull/parts.js';
import { createRetrier } from '../pull/retry.js';
import { type Survey, type SurveyOptions, survey } from '../pull/survey.js';
import type { StepContext } from './copy-steps.js';
import type { Destination } from './destination.js';
import { tellSuspects } from './suspects.js';

export interface Surveyor {
  survey(): Promise<Survey>;
  /** Whether the last survey has shown all that was suspect after a crash of this machine to be whole. */
  rechecked(): boolean;
}

/** A source that is touched in each of so many looks is not going to stand still. */
const MOST_LOOKS = 3;

/** `sourceGuard` belongs to a final pass. */
export function createSurveyor(
  destination: Destination<'copy'>,
  context: StepContext,
  sourceGuard: SourceGuard | undefined,
): Surveyor {
  const { threshold, dryRun, only } = destination.settings;
  const { suspects, emit } = context;
  const options = surveyOptions(destination, context);
  let rechecked = false;

  async function look(): Promise<Survey> {
    let differing = 0;
    const compareDigests: SurveyOptions['compareDigests'] = async (writer, counts) => {
      differing = await options.compareDigests(writer, counts);
    };
    const policy = { ...options.policy, ...doubts(context, sourceGuard) };
    const surveyed = await surveyAgain({ ...options, policy, compareDigests }, context);
    tellSuspects(suspects.found(), differing, emit);
    rechecked = suspects.possible && only === undefined && surveyed.proof.errors === 0 && differing === 0;
    return surveyed;
  }

  return {
    async survey() {
      if (!sourceGuard || dryRun) return look();
      for (let looks = 1; ; looks++) {
        await sourceGuard.settle();
        const surveyed = await look();
        const believed = sourceGuard.believes(surveyed.proof);
        if (believed || looks === MOST_LOOKS || !meets(surveyed.plan.counts, threshold)) return surveyed;
      }
    },
    rechecked: () => rechecked,
  };
}

/** Nothing at all when nothing is doubted: to ask of each file costs more than to compare it. */
function doubts({ suspects }: StepContext, guard: SourceGuard | undefined): Pick<SurveyOptions['policy'], 'isSuspect'> {
  const byGuard = guard?.doubts() ? guard.isDoubted : undefined;
  if (!suspects.possible) return byGuard ? { isSuspect: byGuard } : {};
  return { isSuspect: (key) => suspects.isSuspect(key) || byGuard?.(key) === true };
}

/** A memory-mapped write need not move a file's time (mmap(2)), so at 1.0 times are no proof for these. */
const WRITTEN_IN_PLACE: readonly DirType[] = ['commitlog', 'cdc_raw'];

/** A listing that breaks off costs little to begin again. Digests have had their own tries. */
async function surveyAgain(options: SurveyOptions, { source, emit, signal }: StepContext): Promise<Survey> {
  const retrier = createRetrier({ what: 'the listing', where: source.url, signal, emit });
  for (;;) {
    let listing = false;
    const list = async (): Promise<Listing> => {
      const begun = await source.list({ only: options.only }, signal);
      listing = true;
      return begun;
    };
    const compareDigests: SurveyOptions['compareDigests'] = (writer, counts) => {
      listing = false;
      return options.compareDigests(writer, counts);
    };
    try {
      return await survey(list, { ...options, compareDigests });
    } catch (error) {
      if (!listing || !(error instanceof LmError) || error.code !== 'source') throw error;
      await retrier.failed(failureOfError(error, source.url));
    }
  }
}

type Options = Omit<SurveyOptions, 'compareDigests'> & {
  /** Returns how many differ. */
  compareDigests(...checked: Parameters<SurveyOptions['compareDigests']>): Promise<number>;
};

function surveyOptions({ settings, roots, absent }: Destination<'copy'>, context: StepContext): Options {
  const { source, spool, disk, parts, walker, closed, emit, signal } = context;
  const { dryRun, verbose, exclusions, only, threshold, backupDir, diff: compare } = settings;
  const policy = {
    compare,
    digested: threshold === 1 ? WRITTEN_IN_PLACE : [],
    unit: source.kind === 'lm' ? 'us' : 'ms',
    owners: geteuid!() === 0,
    keepsReplaced: backupDir !== undefined,
  } as const;
  return {
    roots,
    absent: dryRun ? absent.map(({ key }) => key) : [],
    exclusions,
    only,
    policy,
    spool,
    walker,
    closed,
    emit,
    signal,
    ...((dryRun || verbose) && { itemize: emit }),
    dryRun,
    bytesLeft: (key, row) => (resumable(parts.known(key), row) ? disk.bytesOfPart(parentOf(key), row[0]) : undefined),
    async compareDigests(writer, counts) {
      const algorithm = source.algorithms.includes('xxhash64') ? 'xxhash64' : 'md5';
      const digests = createDigestBoth(source, roots, algorithm, cpus().length);
      try {
        return await checkDigests(writer, counts, digests, policy, signal);
      } finally {
        await digests.close();
      }
    },
  };
}
