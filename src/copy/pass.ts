// Counts and reports one pass. Its numbers are those of the report itself, so that a reader of the report sees them change.

import type { Emit } from '../events.js';
import { FIRST_FEW } from '../files/listing.js';
import { matchRatio } from '../plan/counts.js';
import type { Plan } from '../plan/plan.js';
import type { CopyReport, Iteration, State } from '../report/copy-report.js';

export function beginPass(iteration: number, report: CopyReport): Iteration {
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
    filesLeft: 0,
    bytesLeft: 0,
    matchRatio: 0,
  };
  report.status.push(pass);
  return pass;
}

export function enterState(pass: Iteration, state: State, emit: Emit): void {
  pass.state = state;
  emit({ type: 'phase', iteration: pass.iteration, state });
}

export function setTotals(pass: Iteration, { counts }: Plan): void {
  pass.totalSize = counts.total.bytes;
  pass.totalFiles = counts.total.entries;
  pass.bytesToDownload = counts.download.bytes;
  pass.filesToDownload = counts.download.entries;
  pass.filesLeft = counts.left.entries;
  pass.bytesLeft = counts.left.bytes;
  pass.matchRatio = matchRatio(counts);
  pass.roots = [...counts.shares].map(([key, share]) => ({ key, ...share }));
  if (pass.filesLeft > 0) pass.firstLeft = pass.roots.flatMap(({ firstLeft }) => firstLeft).slice(0, FIRST_FEW);
}

export function wouldDo({ counts }: Plan): NonNullable<CopyReport['wouldDo']> {
  const { download, remove, fix } = counts;
  return { download: { ...download }, remove: { ...remove }, fix, refuses: [] };
}

export function reportPlan(pass: Iteration, { counts }: Plan, dryRun: boolean, emit: Emit): void {
  const { download, remove, matching, left } = counts;
  const { iteration, totalSize, totalFiles } = pass;
  const ratio = pass.matchRatio;
  emit({
    type: 'planned',
    iteration,
    download,
    remove,
    unchanged: matching,
    left,
    roots: pass.roots ?? [],
    totalSize,
    totalFiles,
    matchRatio: ratio,
    dryRun,
  });
}

export function endPass(pass: Iteration, state: State, emit: Emit): void {
  pass.state = state;
  emit({ type: 'iteration-ended', iteration: pass });
}
