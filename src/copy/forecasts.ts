// Forecasts the final pass from what passes find and take, those of earlier runs included. Decides nothing: loop.ts does, for --max-downtime.

import { LmError } from '../errors.js';
import type { Emit } from '../events.js';
import { forecastOf, totalMs } from '../forecast/forecast.js';
import type { Surveyed } from '../forecast/inputs.js';
import type { CopyReport, Iteration, RootShare } from '../report/copy-report.js';
import type { Forecast } from '../report/forecast.js';
import type { Share } from '../report/parts.js';
import type { Source } from '../source/source.js';
import { readEvidence } from '../state/evidence/evidence-file.js';
import { foldEvidence } from '../state/evidence/fold.js';
import { type EarlierRuns, earlierRuns, fetchSample } from '../state/evidence/measured.js';
import type { CopyMigration } from './copy-migration.js';
import { isFinal } from './guards/guards.js';
import type { Survey } from './survey-types.js';

export interface Forecasts {
  /** Call it once the plan of a pass was told. Keeps the forecast in the pass and tells it; undefined where too little is known. */
  make(survey: Survey, pass: Iteration): Forecast | undefined;
  /** A pass that has ended has taken so long for its download, syncing included. */
  downloaded(pass: Iteration, tookMs: number): void;
}

/** Named of those that change. */
const SUBTREES = 3;

/** Undefined for a final pass, after which there is nothing to forecast, and for a part of the tree. A dry run of one looks ahead to it. */
export function createForecasts(
  { settings, instance }: CopyMigration,
  { source, report, emit }: { source: Source; report: CopyReport; emit: Emit },
): Forecasts | undefined {
  if (settings.only !== undefined || (isFinal(settings) && !settings.dryRun)) return undefined;
  const earlier = readEarlier(instance.dir);
  const { maxHintWindowMs } = settings.cassandra ?? {};
  const hintWindow =
    maxHintWindowMs === undefined ? { ms: HINT_WINDOW_MS, stated: false } : { ms: maxHintWindowMs, stated: true };
  let before: Surveyed | undefined;
  return {
    make(survey, pass) {
      const { matching } = survey.plan.counts;
      const unread = earlier.unread ? plus(earlier.unread, arrived(report.status)) : matching;
      const now = surveyed(survey, { unread, hintWindow, keepsProofs: source.kind === 'lm' });
      const forecast = forecastOf(now, earlier, before);
      before = now;
      if (earlier.fetches.length === 0 && forecast.fetch.entries > 0) return undefined; // how fast the line is has yet to be seen
      pass.forecast = forecast;
      emit({ type: 'forecast', iteration: pass.iteration, forecast });
      return forecast;
    },
    downloaded(pass, tookMs) {
      earlier.fetches.push(...fetchSample(pass, tookMs));
    },
  };
}

/** The default of every Cassandra. */
const HINT_WINDOW_MS = 3 * 3_600_000;

/** Evidence that cannot be read costs what it has measured: its recorder warns of it. */
function readEarlier(dir: string): EarlierRuns {
  try {
    return earlierRuns(foldEvidence(readEvidence(dir) ?? { records: [], damaged: 0 }).runs);
  } catch (error) {
    if (!(error instanceof LmError)) throw error;
    return earlierRuns([]);
  }
}

function surveyed(
  { plan, beganMs, tookMs }: Survey,
  known: Pick<Surveyed, 'unread' | 'hintWindow' | 'keepsProofs'>,
): Surveyed {
  const { total, download, left, shares, subtrees, commitLogBytes } = plan.counts;
  const of = (type: string) => [...shares].filter(([key]) => key.startsWith(`${type}/`)).map(([, share]) => share);
  const logs = of('commitlog');
  return {
    ...{ atMs: Date.now(), listedMs: beganMs, tookMs, total, ...known },
    open: plus(download, left),
    subtrees: subtrees.largest(SUBTREES),
    commitLogs: logs.length === 0 ? undefined : logsIn(logs, commitLogBytes),
    digestedBytes: plus(...of('cdc_raw').map((one) => one.total)).bytes,
  };
}

function logsIn(logs: readonly Pick<RootShare, 'total' | 'matching'>[], writtenBytes: number): Surveyed['commitLogs'] {
  const [total, matching] = [plus(...logs.map((one) => one.total)), plus(...logs.map((one) => one.matching))];
  const open = { entries: total.entries - matching.entries, bytes: total.bytes - matching.bytes };
  return { entries: total.entries, writtenBytes, open };
}

const plus = (...shares: readonly Share[]): Share => ({
  entries: shares.reduce((sum, { entries }) => sum + entries, 0),
  bytes: shares.reduce((sum, { bytes }) => sum + bytes, 0),
});

const arrived = (passes: readonly Iteration[]): Share =>
  plus(...passes.map(({ filesDownloaded, bytesDownloaded }) => ({ entries: filesDownloaded, bytes: bytesDownloaded })));

/** Whether the final pass would be short enough; not where nothing is known of it. */
export const isWithin = (forecast: Forecast | undefined, maxDowntimeMs: number): boolean =>
  forecast !== undefined && totalMs(forecast) <= maxDowntimeMs;
