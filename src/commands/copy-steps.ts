// The steps of a pass, each with the settings and records it needs. Says nothing of their order: that is pull/copy.ts's.

import { geteuid } from 'node:process';
import { LmError } from '../errors.js';
import type { Emit } from '../events.js';
import type { Roots } from '../files/roots.js';
import { allowRemovals, refuseEmptiedRoots } from '../pull/clean.js';
import type { ClosedDirectories } from '../pull/closed-directories.js';
import type { CopySteps } from '../pull/copy.js';
import type { Disk } from '../pull/disk.js';
import { fidelityOf } from '../pull/guard-fidelity.js';
import { createSourceGuard } from '../pull/guard-source.js';
import { checkSpace, type SpaceNeed } from '../pull/guard-space.js';
import type { Lanes } from '../pull/lanes.js';
import type { PartJournal } from '../pull/parts.js';
import type { Plan } from '../pull/plan.js';
import type { Source } from '../pull/source.js';
import { toRemember } from '../settings/remembered.js';
import type { CopySettings } from '../settings.js';
import { remember } from '../state/remembered.js';
import type { Walker } from '../wire/walk-lines.js';
import { createAdmission } from './admission.js';
import type { Backups } from './backups.js';
import type { Destination } from './destination.js';
import type { ServiceWatch } from './service-watch.js';
import { createSurveyor } from './surveyor.js';
import type { Suspects } from './suspects.js';
import type { SyncPoints } from './sync-points.js';

export interface StepContext {
  source: Source;
  /** A directory for the plan. */
  spool: string;
  disk: Disk;
  lanes: Lanes;
  backups: Backups | undefined;
  parts: PartJournal;
  suspects: Suspects;
  walker: Walker;
  closed: ClosedDirectories | undefined;
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
  const { dryRun, maxDelete, only, adopt, newSource, allowLiveSource, stateDir } = settings;
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
    backupDir: context.backups?.path,
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
  const sourceGuard = isFinal(settings)
    ? createSourceGuard({ source, allowLiveSource, emit, signal, object })
    : undefined;
  const surveyor = createSurveyor(destination, context, sourceGuard);
  let isFirst = true;
  let toldLosses = false;
  return {
    async check(iteration) {
      if (!isFirst) await watch.check(iteration); // the first was asked just before the source was connected
      const { state } = isFirst ? source.firstStatus : await source.status(signal);
      isFirst = false;
      if (state === 'COMPLETED')
        throw new LmError('refused', `${source.url} says that this migration is complete`, {
          hint: 'nothing more is copied from it; see lm status',
        });
    },
    survey: () => surveyor.survey(),
    admit: createAdmission({ ...admission, home: context.home, object, remember: keep }),
    backUp: async (iteration) => context.backups?.begin(iteration, context),
    allowRemovals(plan) {
      if (source.kind === 'sidecar') refuseEmptiedRoots(plan, object);
      allowRemovals(plan, maxDelete, object);
    },
    async reserveSpace(plan) {
      if (!toldLosses) for (const text of await fidelityOf(roots)) emit({ type: 'warning', text });
      toldLosses = true;
      await sourceGuard?.warn();
      await checkSpace(needsOf(plan, roots, context));
    },
    prove: async () => sourceGuard?.prove(),
    syncPoint: async () => context.syncPoints?.now(surveyor.rechecked()),
  };
}

/** A part of the keys proves nothing of the rest, so it need not be proved itself. */
const isFinal = ({ threshold, only }: CopySettings): boolean => threshold === 1 && only === undefined;

/** The cleaned tree as it will be, and beside it the largest replacements that could be under way at once. */
function needsOf({ counts, bytesResumed }: Plan, roots: Roots, { concurrency }: StepContext): SpaceNeed[] {
  return roots.map(({ key, path }) => {
    const { bytes, inodes, replaced } = counts.room.get(key) ?? { bytes: 0, inodes: 0, replaced: [] };
    const beside = replaced.slice(0, concurrency).reduce((sum, one) => sum + one, 0);
    const needed = Math.max(0, bytes + beside - (bytesResumed.get(key) ?? 0));
    return { name: key, path, bytes: BigInt(needed), inodes: BigInt(inodes + Math.min(concurrency, replaced.length)) };
  });
}
