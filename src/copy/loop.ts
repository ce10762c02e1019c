// The threshold loop: list, admit, clean, then prove or download and look again. A pass reads from top to bottom; the order of its steps
// is what keeps the destination safe.

import { LmError } from '../errors.js';
import type { Emit } from '../events.js';
import { isStop } from '../exit-codes.js';
import { MAY_CHANGE } from '../files/dirfd.js';
import { outsideError } from '../guards/guard-outside.js';
import { isAllLeft, meets } from '../plan/counts.js';
import type { Plan } from '../plan/plan.js';
import type { CopyReport } from '../report.js';
import type { Source } from '../source/source.js';
import type { Spool } from '../spool/spool.js';
import { discardStaleParts } from '../transfer/stale-parts.js';
import { carryOut, download } from '../transfer/transfer.js';
import type { TransferContext } from '../transfer/transfer-context.js';
import type { CopyMigration } from './copy-migration.js';
import type { YoungRecord } from './files/young-files.js';
import { recordMarks } from './guards/admission.js';
import { type Guards, isFinal } from './guards/guards.js';
import { refuseMovedMounts } from './guards/mount-guard.js';
import type { ServiceWatch } from './guards/service-watch.js';
import { checkRoom } from './guards/space.js';
import { beginPass, endPass, enter, tellPlan, total, wouldDo } from './pass.js';
import type { Survey } from './survey.js';
import type { Surveyor } from './surveyor.js';
import type { CopyEnd } from './verdict.js';
import type { Writers } from './writers.js';

export interface CopyRun {
  migration: CopyMigration;
  source: Source;
  watch: ServiceWatch;
  guards: Guards;
  surveyor: Surveyor;
  young: YoungRecord;
  /** Undefined for a dry run, which looks once and changes nothing. */
  writers: Writers | undefined;
  emit: Emit;
  signal: AbortSignal;
}

/**
 * Up to `maxIterations` downloading passes; one more may list, clean and compare. Fills in `report` as it goes. Throws what a guard
 * threw and the reason of the signal; what was copied until then is kept.
 */
export async function copyInPasses(run: CopyRun, report: CopyReport): Promise<CopyEnd> {
  const { migration, guards, surveyor, young, writers, emit, signal } = run;
  const { threshold, maxIterations, only, adopt } = migration.settings;
  let survey: Survey | undefined;
  for (let iteration = 0; ; iteration++) {
    const pass = beginPass(iteration, report);
    try {
      await checkSides(run, iteration, survey);
      emit({ type: 'phase', iteration, state: 'LISTING' });
      survey = await surveyor.survey();
      await guards.selection.check(survey);
      total(pass, survey.plan); // whatever refuses this pass from here on
      if (writers && mayBeUnkept(survey, writers)) {
        await guards.admit(survey); // before anything is written, were it for a moment
        if (await tryOut(survey, run, writers)) survey = await surveyor.survey();
      }
      const { plan } = survey;
      const allListed = survey.proof.errors === 0;
      report.leftOut = survey.leftOut;
      if (survey.notKept) report.notKept = survey.notKept;
      else delete report.notKept;
      enter(pass, 'CLEANING', emit);
      total(pass, plan);
      if (!writers) report.wouldDo = wouldDo(plan);
      tellPlan(pass, plan, !writers, emit);

      const changes = await guards.admit(survey);
      const owners = guards.owners.report();
      if (owners) report.owners = owners;
      young.accept(allListed && only === undefined);
      const others = { ...changes, adopted: adopt && changes.entries > 0 };
      const removesLater = allListed && guards.removals.allow(survey, others) === 'later';
      let notRemoved = 0;
      if (writers) {
        guards.owners.record(survey);
        guards.removals.begin(survey);
        await guards.outside.begin(survey);
        await writers.backups?.begin(iteration, writers.transfer);
        if (allListed && removesSomething(plan, removesLater)) await checkSides(run, iteration, survey);
        if (allListed) notRemoved = await clean(plan, pass, removesLater, writers.transfer);
      }
      enter(pass, 'PREPARING', emit);

      if (allListed && !removesLater && notRemoved === 0 && meets(plan.counts, threshold)) {
        if (writers) await settle([plan.spools.settle], writers.transfer);
        await prove(survey, run, report);
        if (writers) await syncLast(survey, true, run, writers);
        endPass(pass, 'SUCCESS', emit);
        return 'success';
      }
      const belowThreshold = isAllLeft(plan.counts) ? 'all-left' : 'below-threshold';
      if (!writers) {
        await reserveSpace(survey, removesLater, run, report);
        await prove(survey, run, report);
        endPass(pass, 'PREPARING', emit);
        return allListed ? belowThreshold : 'incomplete-listing';
      }
      const nothingLeft = notRemoved + plan.counts.download.entries + plan.counts.fix === 0;
      const unreadable = isAllUnreadable(plan, report);
      if (iteration >= maxIterations || nothingLeft || unreadable) {
        if (allListed && !nothingLeft && !unreadable) await guards.source?.explain();
        await syncLast(survey, false, run, writers);
        endPass(pass, 'FAILED', emit);
        return !allListed ? 'incomplete-listing' : unreadable ? 'unreadable' : belowThreshold;
      }

      await reserveSpace(survey, removesLater, run, report);
      enter(pass, 'DOWNLOADING', emit);
      await download(plan, pass, writers.transfer);
      await settle([plan.spools.settleMade, plan.spools.settle], writers.transfer);
      await writers.transfer.lanes.rest(); // the next listing needs the memory, and as a rule finds nothing for them to do
      await sync(run, writers);
      endPass(pass, pass.downloadFailures > 0 ? 'FAILED' : 'DOWNLOAD_COMPLETE', emit);
    } catch (error) {
      endPass(pass, isStop(signal.reason) ? 'CANCELLED' : 'FAILED', emit);
      throw error;
    }
  }
}

/**
 * Before every pass, and before what is removed: the service does not run here, what is mounted here is what was surveyed `before`, the source is not
 * complete, and nobody works outside of what it serves. Throws `refused`. The first time there is no survey, and what was asked when the
 * source was connected is fresh enough.
 */
async function checkSides(run: CopyRun, iteration: number, before: Survey | undefined): Promise<void> {
  const { source, watch, guards, signal } = run;
  if (before) {
    await watch.check(iteration);
    refuseMovedMounts(before);
  }
  const { state } = before ? await source.status(signal) : source.firstStatus;
  if (state === 'COMPLETED')
    throw new LmError('refused', `${source.url} says that this migration is complete`, {
      hint: 'nothing more is copied from it; see lm status',
    });
  const outside = outsideError((await source.openFiles?.(signal))?.outside);
  if (outside) guards.object(outside);
}

/** Whether an entry is here that differs in what this file system may not keep, or was taken for one that does not. */
const mayBeUnkept = ({ plan: { counts } }: Survey, { fidelity }: Writers): boolean =>
  counts.fix + counts.retimed > 0 || !fidelity.fidelity.isWhole;

/** What the file systems here keep, tried out in them once a run. Whether what was surveyed would be judged otherwise by what was learned. */
async function tryOut({ mountPoints }: Survey, { migration }: CopyRun, writers: Writers): Promise<boolean> {
  writers.transfer.closed?.openRoots(MAY_CHANGE);
  return writers.fidelity.learn([...migration.roots, ...mountPoints.filter(({ isDirectory }) => isDirectory)]);
}

const removesSomething = ({ counts }: Plan, removesLater: boolean): boolean =>
  counts.remove.entries > 0 && !removesLater;

/** Removes what the plan names. Returns how much of it is left, because something else stands there by now: the next pass judges that. */
async function clean(
  plan: Plan,
  pass: CopyReport['status'][number],
  removesLater: boolean,
  transfer: TransferContext,
): Promise<number> {
  discardStaleParts(plan, transfer); // first: a directory that is to go may hold some
  const removes = removesSomething(plan, removesLater);
  if (removes) {
    const removed = await carryOut('remove', plan.spools.remove, transfer);
    pass.filesRemoved = removed.entries;
    pass.bytesRemoved = removed.bytes;
    transfer.emit({ type: 'removed', iteration: pass.iteration, ...removed });
  }
  await transfer.lanes.forgetDirectories();
  transfer.disk.forgetDirectories();
  return removes ? plan.counts.remove.entries - pass.filesRemoved : 0;
}

/** Deepest first: none is reached through one that is done. So what had been opened is closed before, and not under them. */
async function settle(spools: Spool[], transfer: TransferContext): Promise<void> {
  transfer.closed?.closeAgain(transfer.emit);
  for (const spool of spools) await carryOut('settle', spool, transfer);
}

/** At 1.0: that what was found equal is what the source holds, and will go on holding. Throws `refused`. */
async function prove(survey: Survey, { guards }: CopyRun, report: CopyReport): Promise<void> {
  await guards.source?.prove();
  guards.txnLogs.prove(survey);
  const txnLogs = guards.txnLogs.found();
  if (txnLogs) report.txnLogs = txnLogs;
}

/** Throws `local` when there is no room, or `refused` where what is to go keeps it. A dry run tries nothing out for it. */
async function reserveSpace(survey: Survey, removesLater: boolean, run: CopyRun, report: CopyReport): Promise<void> {
  const { migration, guards, writers } = run;
  if (writers) {
    await tryOut(survey, run, writers);
    await guards.source?.warn();
  }
  const uncleaned = !writers && !removesLater;
  const { roots } = migration;
  await checkRoom(survey, {
    ...{ roots, removesLater, uncleaned, object: guards.object },
    concurrency: report.maxConcurrency,
  });
}

/** All that was written so far is on disk. */
async function sync({ surveyor }: CopyRun, { fidelity, syncPoints }: Writers): Promise<void> {
  fidelity.save();
  await syncPoints.now(surveyor.rechecked());
}

/** And what the last pass has left is written down. */
async function syncLast(survey: Survey, succeeded: boolean, run: CopyRun, writers: Writers): Promise<void> {
  await sync(run, writers);
  recordMarks(run.migration);
  run.guards.removals.end(survey);
  await run.guards.outside.end(survey, succeeded && isFinal(run.migration.settings));
}

/** What the pass before could not read at the source is all that is left: another pass would meet the same. */
function isAllUnreadable({ counts }: Plan, { status }: CopyReport): boolean {
  const { filesUnreadable = 0 } = status.at(-2) ?? {};
  return filesUnreadable > 0 && counts.fix === 0 && counts.download.entries <= filesUnreadable;
}
