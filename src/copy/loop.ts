// Runs the passes of a copy until its goal is met: the threshold, or a final pass that would be short enough. A pass lists, admits and
// cleans; then it proves the result and ends, or downloads, and the next pass lists again. The order of these steps keeps the destination
// safe.

import type { Emit } from '../events.js';
import { isStop } from '../exit-codes.js';
import { MAY_CHANGE } from '../files/dirfd.js';
import { outsideError } from '../guards/guard-outside.js';
import type { ServiceWatch } from '../migration/guards/service-watch.js';
import { sourceCompleteError } from '../migration/known-sides.js';
import { isAllLeft, meets } from '../plan/counts.js';
import type { Plan } from '../plan/plan.js';
import type { CopyReport } from '../report/copy-report.js';
import type { Source } from '../source/source.js';
import { readSlice, type Spool } from '../spool/spool.js';
import { discardStaleParts } from '../transfer/parts/stale-parts.js';
import { download, operate } from '../transfer/transfer.js';
import type { TransferContext } from '../transfer/transfer-context.js';
import type { OpenFilesReport } from '../wire/messages.js';
import type { CopyMigration } from './copy-migration.js';
import type { Proofs } from './files/proofs.js';
import type { SnapshotFiles } from './files/snapshot-files.js';
import type { YoungRecord } from './files/young-files.js';
import { type Forecasts, isWithin } from './forecasts.js';
import { recordMarks } from './guards/admission.js';
import { type Guards, isFinal } from './guards/guards.js';
import { refuseMovedMounts } from './guards/mount-guard.js';
import { checkRoom } from './guards/space.js';
import { beginPass, endPass, enterState, reportPlan, setTotals, wouldDo } from './pass.js';
import type { Surveys } from './survey.js';
import type { Survey } from './survey-types.js';
import type { CopyEnd } from './verdict.js';
import type { Writers } from './writers.js';

interface CopyRun {
  migration: CopyMigration;
  source: Source;
  watch: ServiceWatch;
  guards: Guards;
  surveys: Surveys;
  young: YoungRecord;
  fromSnapshot: Pick<SnapshotFiles, 'accept'>;
  proofs: Pick<Proofs, 'admit' | 'drop'>;
  forecasts: Forecasts | undefined;
  /** Undefined for a dry run, which takes one survey and changes nothing. */
  writers: Writers | undefined;
  emit: Emit;
  signal: AbortSignal;
}

/**
 * Runs up to `maxIterations` passes that download; one more may list, clean and compare. Fills in `report` as it goes. Throws what a guard
 * threw, and the reason of the signal; what was copied until then is kept.
 */
export async function copyInPasses(run: CopyRun, report: CopyReport): Promise<CopyEnd> {
  const { migration, guards, surveys, young, fromSnapshot, proofs, forecasts, writers, emit, signal } = run;
  const { threshold, maxDowntimeMs, maxIterations, only, adopt } = migration.settings;
  let survey: Survey | undefined;
  for (let iteration = 0; ; iteration++) {
    const pass = beginPass(iteration, report);
    try {
      const openFiles = await checkHosts(run, iteration, survey);
      survey = await surveys.take(iteration, openFiles);
      await guards.selection.check(survey);
      setTotals(pass, survey.plan); // now, so that a pass that is refused below reports them too
      if (writers && needsFidelityTest(survey, writers)) {
        await guards.admit(survey); // first: the test writes a file for a moment
        if (await testFidelity(survey, run, writers)) survey = await surveys.take(iteration);
      }
      const { plan } = survey;
      const allListed = survey.totals.errors === 0;
      report.leftOut = survey.leftOut;
      if (survey.notKept) report.notKept = survey.notKept;
      else delete report.notKept;
      enterState(pass, 'CLEANING', emit);
      setTotals(pass, plan);
      if (!writers) report.wouldDo = wouldDo(plan);
      reportPlan(pass, plan, !writers, emit);
      const forecast = forecasts?.make(survey, pass);
      const isShort = maxDowntimeMs === undefined || isWithin(forecast, maxDowntimeMs);

      const changes = await guards.admit(survey);
      proofs.admit(survey.header.agentId);
      const owners = guards.owners.report();
      if (owners) report.owners = owners;
      await checkSSTables(plan, pass, run, report);
      young.accept(allListed && only === undefined);
      fromSnapshot.accept();
      const outside = { ...changes, adopted: adopt && changes.entries > 0 };
      const allowed = allListed && guards.removals.allow(survey, outside);
      const removesLater = allowed === 'later'; // a later pass judges again
      let notRemoved = 0;
      if (writers) {
        // What is known goes into the records before the first entry changes: a run that is killed then has its guards at the next start.
        guards.owners.record(survey);
        guards.removals.begin(survey);
        await guards.outside.begin(survey);
        await writers.backups?.begin(iteration, writers.transfer);
        if (allListed && removesSomething(plan, removesLater)) await checkHosts(run, iteration, survey);
        if (allListed) notRemoved = await clean(plan, pass, removesLater, writers.transfer, proofs);
      }
      enterState(pass, 'PREPARING', emit);

      if (allListed && !removesLater && notRemoved === 0 && meets(plan.counts, threshold) && isShort) {
        if (writers) await finishDirectories([plan.spools.finish], writers.transfer);
        await prove(survey, run, report);
        if (writers) await recordLastPass(iteration, survey, true, run, writers);
        endPass(pass, 'SUCCESS', emit);
        return 'success';
      }
      const belowThreshold = isAllLeft(plan.counts) ? 'all-left' : 'below-threshold';
      if (!writers) {
        await ensureSpace(survey, removesLater, run, report);
        await prove(survey, run, report);
        endPass(pass, 'PREPARING', emit);
        return allListed ? belowThreshold : 'incomplete-listing';
      }
      const nothingToDo = notRemoved + plan.counts.download.entries + plan.counts.fix === 0;
      const unreadable = isAllUnreadable(plan, report);
      if (iteration >= maxIterations || nothingToDo || unreadable) {
        if (allListed && !nothingToDo && !unreadable) await guards.source?.refuseIfWrittenTo();
        await recordLastPass(iteration, survey, false, run, writers);
        endPass(pass, 'FAILED', emit);
        return !allListed ? 'incomplete-listing' : unreadable ? 'unreadable' : belowThreshold;
      }

      await testFidelity(survey, run, writers); // what it finds, the next pass judges by
      await guards.source?.warn();
      await ensureSpace(survey, removesLater, run, report);
      const downloadMs = performance.now();
      enterState(pass, 'DOWNLOADING', emit);
      await download(plan, pass, writers.transfer);
      await finishDirectories([plan.spools.finishMade, plan.spools.finish], writers.transfer);
      await writers.transfer.workers.endIdle(); // the next listing needs the memory, and usually leaves the workers nothing to do
      await sync(iteration, run, writers);
      endPass(pass, pass.downloadFailures > 0 ? 'FAILED' : 'DOWNLOAD_COMPLETE', emit);
      forecasts?.downloaded(pass, performance.now() - downloadMs);
    } catch (error) {
      endPass(pass, isStop(signal.reason) ? 'CANCELLED' : 'FAILED', emit);
      throw error;
    }
  }
}

/**
 * Throws `refused` when the service runs here, when the mounts here are not those of the survey `before`, when the source is complete, or
 * when a process there has files open outside its roots. Called before every pass and before removals. The first call has no survey: the
 * service was looked for before the source was connected, and the source gave its status then. Returns what is open at the source;
 * undefined of a Sidecar.
 */
async function checkHosts(
  run: CopyRun,
  iteration: number,
  before: Survey | undefined,
): Promise<OpenFilesReport | undefined> {
  const { source, watch, guards, signal } = run;
  if (before) {
    await watch.check(iteration);
    refuseMovedMounts(before);
  }
  const { state } = before ? await source.status(signal) : source.firstStatus;
  if (state === 'COMPLETED') throw sourceCompleteError(source);
  const openFiles = await source.openFiles?.(signal);
  const openOutside = outsideError(openFiles?.outside);
  if (openOutside) guards.object(openOutside);
  return openFiles;
}

/** Has the source check the SSTables that are to be fetched, and objects to those that are damaged there already. */
async function checkSSTables(
  plan: Plan,
  { iteration }: CopyReport['status'][number],
  { guards }: CopyRun,
  report: CopyReport,
): Promise<void> {
  await guards.sstables?.check(plan, iteration);
  const found = guards.sstables?.found();
  if (found) report.sstables = found;
}

/** Whether some entry differs in what this file system may be unable to keep, or was excused because it is known not to keep it. */
const needsFidelityTest = ({ plan: { counts } }: Survey, { fidelity }: Writers): boolean =>
  counts.fix + counts.retimed > 0 || !fidelity.fidelity.isWhole;

/** Tests once in a run what the file systems here keep. Returns whether the survey has to be taken again, because the result is new. */
async function testFidelity({ mountPoints }: Survey, { migration }: CopyRun, writers: Writers): Promise<boolean> {
  writers.transfer.inaccessible?.openRoots(MAY_CHANGE);
  return writers.fidelity.learn([...migration.roots, ...mountPoints.filter(({ isDirectory }) => isDirectory)]);
}

const removesSomething = ({ counts }: Plan, removesLater: boolean): boolean =>
  counts.remove.entries > 0 && !removesLater;

/** Removes what the plan names. Returns how many entries were not removed because they have changed since: the next pass judges those. */
async function clean(
  plan: Plan,
  pass: CopyReport['status'][number],
  removesLater: boolean,
  transfer: TransferContext,
  proofs: Pick<Proofs, 'drop'>,
): Promise<number> {
  discardStaleParts(plan, transfer); // first: a directory that is to be removed may hold some
  const removes = removesSomething(plan, removesLater);
  if (removes) {
    dropProofs(plan.spools.remove, proofs);
    const removed = await operate('remove', plan.spools.remove, transfer);
    pass.filesRemoved = removed.entries;
    pass.bytesRemoved = removed.bytes;
    transfer.emit({ type: 'removed', iteration: pass.iteration, ...removed, first: plan.firstRemovals });
  }
  await transfer.workers.forgetDirectories();
  transfer.disk.forgetDirectories();
  return removes ? plan.counts.remove.entries - pass.filesRemoved : 0;
}

/** Of files that are about to be removed: a verification without the source would miss them. */
function dropProofs({ path, slices }: Spool, proofs: Pick<Proofs, 'drop'>): void {
  for (const slice of slices)
    for (const [dir, entries] of readSlice(path, slice))
      for (const { kind, name } of entries) if (kind === 'file') proofs.drop(dir, name);
}

/**
 * Sets the attributes of directories, deepest first, so that no directory is reached through one that is finished. Directories that were
 * opened for this run get their modes back before, because that changes their attributes.
 */
async function finishDirectories(spools: Spool[], transfer: TransferContext): Promise<void> {
  transfer.inaccessible?.restoreModes(transfer.emit);
  for (const spool of spools) await operate('finish', spool, transfer);
}

/**
 * In a final pass, throws `refused` unless the source stands still, so that what was found equal stays equal, and for a transaction log here
 * that names files elsewhere. In others there is no guard of the source, and such a log is a warning.
 */
async function prove(survey: Survey, { guards }: CopyRun, report: CopyReport): Promise<void> {
  await guards.source?.prove();
  guards.txnLogs.prove(survey);
  const txnLogs = guards.txnLogs.found();
  if (txnLogs) report.txnLogs = txnLogs;
}

/** Throws `local` when there is too little space, and `refused` when entries that are removed later take it up. */
async function ensureSpace(survey: Survey, removesLater: boolean, run: CopyRun, report: CopyReport): Promise<void> {
  const { migration, guards, writers } = run;
  const uncleaned = !writers && !removesLater;
  const { roots } = migration;
  await checkRoom(survey, {
    ...{ roots, removesLater, uncleaned, object: guards.object },
    concurrency: report.maxConcurrency,
  });
}

/** Returns when all that was written so far is on disk, and that is recorded. */
async function sync(iteration: number, { surveys, emit }: CopyRun, { fidelity, syncPoints }: Writers): Promise<void> {
  emit({ type: 'phase', iteration, state: 'SYNCING' });
  fidelity.save();
  await syncPoints.now(surveys.rechecked());
}

/** Syncs, and writes into the records what the last pass has left. */
async function recordLastPass(
  iteration: number,
  survey: Survey,
  succeeded: boolean,
  run: CopyRun,
  writers: Writers,
): Promise<void> {
  await sync(iteration, run, writers);
  recordMarks(run.migration);
  run.guards.removals.end(survey);
  await run.guards.outside.end(survey, succeeded && isFinal(run.migration.settings));
}

/** Whether nothing is to be copied but what the pass before could not read at the source: another pass would fail on the same files. */
function isAllUnreadable({ counts }: Plan, { status }: CopyReport): boolean {
  const { filesUnreadable = 0 } = status.at(-2) ?? {}; // the last is the pass under way
  return filesUnreadable > 0 && counts.fix === 0 && counts.download.entries <= filesUnreadable;
}
