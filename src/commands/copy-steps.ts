// The steps of a pass, each with the settings and records it needs. Says nothing of their order: that is pull/copy.ts's.

import { cpus } from 'node:os';
import { geteuid } from 'node:process';
import { LmError } from '../errors.js';
import type { Emit } from '../events.js';
import { type DirType, type Listing, parentOf } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import { checkDigests } from '../pull/check.js';
import { allowRemovals, refuseEmptiedRoots } from '../pull/clean.js';
import type { CopySteps } from '../pull/copy.js';
import { createDigestBoth } from '../pull/digest-both.js';
import type { Disk } from '../pull/disk.js';
import { fidelityOf } from '../pull/guard-fidelity.js';
import { checkSpace, type SpaceNeed } from '../pull/guard-space.js';
import { type PartJournal, resumable } from '../pull/parts.js';
import type { Plan } from '../pull/plan.js';
import { createRetrier } from '../pull/retry.js';
import type { Source } from '../pull/source.js';
import { type Survey, type SurveyOptions, survey } from '../pull/survey.js';
import { toRemember } from '../settings/remembered.js';
import { remember } from '../state/remembered.js';
import { createAdmission } from './admission.js';
import type { Destination } from './destination.js';
import type { ServiceWatch } from './service-watch.js';
import { type Suspects, tellSuspects } from './suspects.js';
import type { SyncPoints } from './sync-points.js';

export interface StepContext {
  source: Source;
  /** A directory for the plan. */
  spool: string;
  disk: Disk;
  parts: PartJournal;
  suspects: Suspects;
  watch: ServiceWatch;
  /** Undefined for a dry run. */
  syncPoints: SyncPoints | undefined;
  /** Called once everything is admitted, before the first write. */
  begin(): void;
  emit: Emit;
  signal: AbortSignal;
  concurrency: number;
  home: string | undefined;
}

export function createSteps(destination: Destination<'copy'>, context: StepContext): CopySteps {
  const { settings, roots, absent, instance } = destination;
  const { source, watch, emit, signal } = context;
  const { dryRun, maxDelete, only, adopt, newSource, stateDir } = settings;
  /** A dry run tells what a real one would refuse, and goes on. */
  const object = (error: LmError): void => {
    if (!dryRun) throw error;
    emit({
      type: 'warning',
      text: `a real run would refuse: ${error.message}`,
      ...(error.hint && { hint: error.hint }),
    });
  };
  const admission = {
    instance,
    stateDir,
    roots,
    created: absent,
    url: source.url,
    only,
    adopt,
    newSource,
    dryRun,
    owners: geteuid!() === 0,
  };
  const keep = (): void => {
    context.begin();
    remember(instance.dir, toRemember(settings));
  };
  const listed = surveyOptions(destination, context);
  let rechecked = false;
  return {
    async check(iteration) {
      await watch.check(iteration);
      const { state } = await source.status(signal);
      if (state === 'COMPLETED')
        throw new LmError('refused', `${source.url} says that this migration is complete`, {
          hint: 'nothing more is copied from it; see lm status',
        });
    },
    async survey() {
      let differing = 0;
      const compareDigests: SurveyOptions['compareDigests'] = async (writer, counts) => {
        differing = await listed.compareDigests(writer, counts);
      };
      const surveyed = await surveyAgain({ ...listed, compareDigests }, context);
      tellSuspects(context.suspects.found(), differing, emit);
      rechecked = context.suspects.possible && only === undefined && surveyed.proof.errors === 0 && differing === 0;
      return surveyed;
    },
    admit: createAdmission({ ...admission, home: context.home, object, remember: keep }),
    allowRemovals(plan) {
      if (source.kind === 'sidecar') refuseEmptiedRoots(plan, object);
      allowRemovals(plan, maxDelete, object);
    },
    async reserveSpace(plan) {
      for (const text of await fidelityOf(roots)) emit({ type: 'warning', text });
      await checkSpace(needsOf(plan, roots, context));
    },
    syncPoint: async () => context.syncPoints?.now(rechecked),
  };
}

/** A memory-mapped write need not move a file's time (mmap(2)), so at 1.0 times are no proof for these. */
const WRITTEN_IN_PLACE: readonly DirType[] = ['commitlog', 'cdc_raw'];

/** A listing that breaks off costs little to begin again. */
async function surveyAgain(options: SurveyOptions, { source, emit, signal }: StepContext): Promise<Survey> {
  const retrier = createRetrier({ what: 'the listing', where: source.url, signal, emit });
  for (;;) {
    let begun = false;
    const list = async (): Promise<Listing> => {
      const listing = await source.list({ only: options.only }, signal);
      begun = true;
      return listing;
    };
    try {
      return await survey(list, options);
    } catch (error) {
      if (!begun || !(error instanceof LmError) || error.code !== 'source') throw error;
      await retrier.failed({ kind: 'transient', reason: error.message, cause: error });
    }
  }
}

type Listed = Omit<SurveyOptions, 'compareDigests'> & {
  /** Returns how many differ. */
  compareDigests(...checked: Parameters<SurveyOptions['compareDigests']>): Promise<number>;
};

function surveyOptions({ settings, roots, absent }: Destination<'copy'>, context: StepContext): Listed {
  const { source, spool, disk, parts, suspects, emit, signal } = context;
  const { dryRun, verbose, exclusions, only, threshold, diff: compare } = settings;
  return {
    roots,
    absent: dryRun ? absent.map(({ key }) => key) : [],
    exclusions,
    only,
    policy: {
      compare,
      digested: threshold === 1 ? WRITTEN_IN_PLACE : [],
      unit: source.kind === 'lm' ? 'us' : 'ms',
      owners: geteuid!() === 0,
      ...(suspects.possible && { isSuspect: suspects.isSuspect }),
    },
    spool,
    emit,
    signal,
    ...((dryRun || verbose) && { itemize: emit }),
    dryRun,
    bytesLeft: (key, row) => (resumable(parts.known(key), row) ? disk.bytesOfPart(parentOf(key), row[0]) : undefined),
    async compareDigests(writer, counts) {
      const algorithm = source.algorithms.includes('xxhash64') ? 'xxhash64' : 'md5';
      const digests = createDigestBoth(source, roots, algorithm, cpus().length);
      try {
        return await checkDigests(writer, counts, digests, signal);
      } finally {
        await digests.close();
      }
    },
  };
}

/** The cleaned tree as it will be, and beside it the largest replacements that could be under way at once. */
function needsOf({ counts, bytesResumed }: Plan, roots: Roots, { concurrency }: StepContext): SpaceNeed[] {
  return roots.map(({ key, path }) => {
    const { bytes, inodes, replaced } = counts.room.get(key) ?? { bytes: 0, inodes: 0, replaced: [] };
    const beside = replaced.slice(0, concurrency).reduce((sum, one) => sum + one, 0);
    const needed = Math.max(0, bytes + beside - (bytesResumed.get(key) ?? 0));
    return { name: key, path, bytes: BigInt(needed), inodes: BigInt(inodes + Math.min(concurrency, replaced.length)) };
  });
}
