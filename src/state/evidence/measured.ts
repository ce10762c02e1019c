// Takes from the evidence of earlier runs what a forecast learns from: how fast they fetched and read. Pure.

import type { Measured } from '../../forecast/inputs.js';
import type { Iteration } from '../../report/copy-report.js';
import type { Forecast } from '../../report/forecast.js';
import type { Share } from '../../report/parts.js';
import type { PassEvidence, RunEvidence, VerificationEvidence } from './runs.js';

export interface EarlierRuns extends Measured {
  /** What has come since the last verification; undefined where there was none, so that none of what is here was read. */
  unread: Share | undefined;
}

/** The last ones tell most. */
const MAX_SAMPLES = 8;

export function earlierRuns(runs: readonly RunEvidence[]): EarlierRuns {
  const verified = runs.findLastIndex(hasRead);
  const copies = runs.filter(({ command }) => command === 'copy');
  const last = copies.findLast(({ endedAtMs, passes }) => endedAtMs !== undefined && passes.length > 0);
  return {
    fetches: copies
      .flatMap(({ passes }) => passes)
      .flatMap(({ pass, times }) => fetchSample(pass, (times.fetchMs ?? 0) + (times.syncMs ?? 0)))
      .slice(-MAX_SAMPLES),
    reads: runs.flatMap(({ verification }) => (verification ? readSample(verification) : [])).slice(-MAX_SAMPLES),
    overheadMs: last && Math.max(0, last.endedAtMs! - last.beganAtMs - inSurveysAndDownloads(last)),
    unread: verified < 0 ? undefined : arrivedIn(runs.slice(verified + 1)),
  };
}

/** Of a pass that has downloaded all that it was to. */
export function fetchSample({ state, ...pass }: Iteration, ms: number): Measured['fetches'] {
  if (state !== 'DOWNLOAD_COMPLETE' || pass.filesToDownload <= 0) return [];
  return [{ ms, entries: pass.filesToDownload, bytes: Math.max(0, pass.bytesToDownload - pass.bytesReused) }];
}

/** Nothing is known of where an offline one left off, and it asks no source. */
const hasRead = ({ verification }: RunEvidence): boolean =>
  verification !== undefined && verification.report.by !== 'offline';

/** Both ends read at the same time: the one that reads more takes the time. */
function readSample({ report, beganAtMs, endedAtMs, bytesCompared }: VerificationEvidence): Measured['reads'] {
  if (report.by === 'offline' || report.repairs) return [];
  const { readHere, readAtSource } = report.proofs ?? {};
  const read =
    readHere && readAtSource
      ? {
          entries: Math.max(readHere.entries, readAtSource.entries),
          bytes: Math.max(readHere.bytes, readAtSource.bytes),
        }
      : { entries: report.filesMatched, bytes: bytesCompared };
  return [{ ms: endedAtMs - beganAtMs, ...read }];
}

const MEASURED_APART = ['waitMs', 'listMs', 'compareMs', 'fetchMs', 'syncMs'] as const;

/** The operator's own check of a result is not counted either: it runs when there is one. */
function inSurveysAndDownloads({ passes, checks }: RunEvidence): number {
  const inPasses = passes.flatMap(({ times }) => MEASURED_APART.map((part) => times[part] ?? 0));
  const own = checks.filter(({ which }) => which === 'post-check').map(({ check }) => check.elapsedMs);
  return [...inPasses, ...own].reduce((sum, ms) => sum + ms, 0);
}

function arrivedIn(runs: readonly RunEvidence[]): Share {
  const passes = runs.flatMap((run) => run.passes).map(({ pass }: PassEvidence) => pass);
  return {
    entries: passes.reduce((sum, { filesDownloaded }) => sum + filesDownloaded, 0),
    bytes: passes.reduce((sum, { bytesDownloaded }) => sum + bytesDownloaded, 0),
  };
}

/** The last one before the run `at` of these. */
export const forecastBefore = (runs: readonly RunEvidence[], at: number): Forecast | undefined =>
  runs
    .slice(0, at)
    .flatMap(({ passes }) => passes)
    .findLast(({ pass }) => pass.forecast)?.pass.forecast;
