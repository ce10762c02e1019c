// The threshold loop: list, clean, decide, download, again. Its branches are here; how each step is done is elsewhere.

import { LmError } from '../errors.js';
import type { Emit } from '../events.js';
import type { EntryKey } from '../files/entry.js';
import type { CopyReport, Iteration, State } from '../report.js';
import { discardStaleParts } from './clean.js';
import { matchRatio, meets } from './counts.js';
import type { Plan } from './plan.js';
import type { Spool } from './spool.js';
import type { Survey } from './survey.js';
import { carryOut, download, type TransferContext } from './transfer.js';

export interface CopyOptions {
  run: string;
  /** The source's origin. */
  source: string;
  maxIterations: number;
  successThreshold: number;
  maxConcurrency: number;
  dryRun: boolean;
  /** A key prefix: such a run says nothing of the rest. */
  only?: EntryKey;
}

/** What a copy needs done around it, each of which may refuse. In the order of a pass. */
export interface CopySteps {
  /** The service is not running here, the source is not complete. Before every pass, every clean, and while downloading. */
  check(iteration: number): Promise<void>;
  survey(iteration: number): Promise<Survey>;
  /** Whether the source and the destination are those of this migration. Throws `refused`; records what it accepts. */
  admit(survey: Survey): Promise<void>;
  /** Whether so much may be removed. Throws `refused`. */
  allowRemovals(plan: Plan): void;
  /** From here on, what this pass removes or replaces is kept, if that was asked for. Throws `refused` when it could not be. */
  backUp(iteration: number): Promise<void>;
  /** Whether there is room. Throws `local`. */
  reserveSpace(plan: Plan): Promise<void>;
  /** At 1.0: that what was found equal is what the source holds, and will go on holding. Throws `refused`. */
  prove(): Promise<void>;
  /** All that was written so far is on disk. */
  syncPoint(iteration: number): Promise<void>;
}

export type CopyEnd = 'success' | 'below-threshold' | 'incomplete-listing';

/**
 * Up to `maxIterations` downloading passes; one more may list, clean and compare. Throws what a step threw and the reason
 * of the signal; what was copied until then is kept.
 */
export async function copy(
  options: CopyOptions,
  steps: CopySteps,
  context: TransferContext,
): Promise<{ report: CopyReport; end: CopyEnd }> {
  const { emit, signal } = context;
  const { maxIterations, successThreshold, dryRun } = options;
  const report: CopyReport = { ...options, status: [] };
  for (let iteration = 0; ; iteration++) {
    const pass = beginPass(iteration, report);
    try {
      await steps.check(iteration);
      emit({ type: 'phase', iteration, state: 'LISTING' });
      const survey = await steps.survey(iteration);
      const { plan } = survey;
      const complete = survey.proof.errors === 0;
      enter(pass, 'CLEANING', emit);
      total(pass, plan);
      tellPlan(pass, plan, dryRun, emit);
      await steps.admit(survey);
      if (complete) steps.allowRemovals(plan);
      if (!dryRun) await steps.backUp(iteration);
      if (!dryRun && complete) await clean(plan, pass, steps, context);
      enter(pass, 'PREPARING', emit);
      if (complete && meets(plan.counts, successThreshold)) {
        if (!dryRun) await settle([plan.spools.settle], context);
        await steps.prove();
        return { report: await endPass(pass, 'SUCCESS', report, steps, emit, dryRun), end: 'success' };
      }
      const nothingLeft = plan.counts.download.entries + plan.counts.fix === 0;
      if (dryRun || iteration >= maxIterations || nothingLeft) {
        await endPass(pass, 'FAILED', report, steps, emit, dryRun);
        return { report, end: complete ? 'below-threshold' : 'incomplete-listing' };
      }
      await steps.reserveSpace(plan);
      enter(pass, 'DOWNLOADING', emit);
      pass.bytesToDownload = plan.counts.download.bytes;
      pass.filesToDownload = plan.counts.download.entries;
      await download(plan, pass, context);
      await settle([plan.spools.settleMade, plan.spools.settle], context);
      await context.lanes.rest(); // the next listing needs the memory, and as a rule finds nothing for them to do
      await endPass(pass, pass.downloadFailures > 0 ? 'FAILED' : 'DOWNLOAD_COMPLETE', report, steps, emit, dryRun);
    } catch (error) {
      pass.state = isInterruption(signal.reason) ? 'CANCELLED' : 'FAILED';
      emit({ type: 'iteration-ended', iteration: pass });
      throw error;
    }
  }
}

/** What stops a run by itself, as a full disk does, aborts the signal as well. */
const isInterruption = (reason: unknown): boolean =>
  reason instanceof LmError && (reason.code === 'interrupted' || reason.code === 'terminated');

/** Removes what the plan names, after a last look for a service that was started meanwhile. */
async function clean(plan: Plan, pass: Iteration, steps: CopySteps, context: TransferContext): Promise<void> {
  if (plan.counts.remove.entries > 0) await steps.check(pass.iteration);
  discardStaleParts(plan, context); // first: a directory that is to go may hold some
  if (plan.counts.remove.entries > 0) {
    const removed = await carryOut('remove', plan.spools.remove, context);
    pass.filesRemoved = removed.entries;
    pass.bytesRemoved = removed.bytes;
    context.emit({ type: 'removed', iteration: pass.iteration, ...removed });
  }
  await context.lanes.forgetDirectories();
  context.disk.forgetDirectories();
}

/** Deepest first: none is reached through one that is done. So what had been opened is closed before, and not under them. */
async function settle(spools: Spool[], context: TransferContext): Promise<void> {
  context.closed?.closeAgain(context.emit);
  for (const spool of spools) await carryOut('settle', spool, context);
}

function beginPass(iteration: number, report: CopyReport): Iteration {
  const pass: Iteration = {
    iteration,
    state: 'STARTING',
    totalSize: -1,
    totalFiles: -1,
    bytesToDownload: -1,
    filesToDownload: -1,
    filesDownloaded: 0,
    downloadFailures: 0,
    bytesDownloaded: 0,
    bytesReceived: 0,
    bytesReused: 0,
    filesVanished: 0,
    filesChanged: 0,
    filesRemoved: 0,
    bytesRemoved: 0,
    matchRatio: 0,
  };
  report.status.push(pass);
  return pass;
}

function enter(pass: Iteration, state: State, emit: Emit): void {
  pass.state = state;
  emit({ type: 'phase', iteration: pass.iteration, state });
}

function total(pass: Iteration, { counts }: Plan): void {
  pass.totalSize = counts.total.bytes;
  pass.totalFiles = counts.total.entries;
  pass.matchRatio = matchRatio(counts);
}

function tellPlan(pass: Iteration, { counts }: Plan, dryRun: boolean, emit: Emit): void {
  const { download, remove, matching } = counts;
  const { iteration, totalSize, totalFiles } = pass;
  const ratio = pass.matchRatio;
  emit({
    type: 'planned',
    iteration,
    download,
    remove,
    unchanged: matching,
    totalSize,
    totalFiles,
    matchRatio: ratio,
    dryRun,
  });
}

async function endPass(
  pass: Iteration,
  state: State,
  report: CopyReport,
  steps: CopySteps,
  emit: Emit,
  dryRun: boolean,
): Promise<CopyReport> {
  if (!dryRun) await steps.syncPoint(pass.iteration);
  pass.state = state;
  emit({ type: 'iteration-ended', iteration: pass });
  return report;
}
