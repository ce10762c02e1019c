// Breaks down the time from the final copy to the completion: what lm did in it, and how long nothing of lm ran. Pure.

import type { Downtime, DowntimePart, ForecastOutcome } from '../../report/downtime.js';
import { forecastBefore } from './measured.js';
import type { PassTimes } from './records.js';
import type { RunEvidence } from './runs.js';

/** The parts of a pass in the order in which they come, and their names. */
export const PASS_PARTS = [
  ['guardMs', 'guards'],
  ['waitMs', 'wait'],
  ['listMs', 'list'],
  ['compareMs', 'compare'],
  ['cleanMs', 'clean'],
  ['fetchMs', 'fetch'],
  ['proveMs', 'prove'],
  ['syncMs', 'sync'],
] as const satisfies readonly [keyof PassTimes, DowntimePart][];

/** Undefined before a final pass has succeeded. */
export function downtimeOf(runs: readonly RunEvidence[]): Downtime | undefined {
  const at = runs.findLastIndex(isFinal);
  const final = runs[at];
  if (!final) return undefined;
  const after = runs.slice(at + 1).filter(({ endedAtMs }) => endedAtMs !== undefined);
  const completed = after.find(({ command, exitCode }) => command === 'complete' && exitCode === 0);
  const chain = [final, ...(completed ? after.slice(0, after.indexOf(completed) + 1) : after)];
  const endedAtMs = chain.at(-1)!.endedAtMs!;
  const sums = new Map<DowntimePart, number>();
  const add = (name: DowntimePart, ms: number): void => void sums.set(name, (sums.get(name) ?? 0) + ms);
  for (const run of chain) for (const [name, ms] of partsOf(run)) add(name, ms);
  const known = [...sums.values()].reduce((sum, ms) => sum + ms, 0);
  const totalMs = Math.max(known, endedAtMs - final.beganAtMs); // a clock that was set back between two commands takes nothing off
  add('between commands', totalMs - known);
  const parts = ORDER.flatMap((name) => (sums.get(name) ? [{ name, ms: sums.get(name)! }] : []));
  const forecast = outcomeOf(runs, at, chain);
  return { beganAtMs: final.beganAtMs, endedAtMs, totalMs, ...(forecast && { forecast }), parts };
}

/** `chain` begins with the final copy, `runs[at]`. A final copy that did not succeed at once counts for itself alone. */
function outcomeOf(
  runs: readonly RunEvidence[],
  at: number,
  [final, ...after]: readonly RunEvidence[],
): ForecastOutcome | undefined {
  const forecast = forecastBefore(runs, at);
  if (!forecast) return undefined;
  const { atMs, copyMs, verifyMs } = forecast;
  const verified = after.find(isForecast);
  return {
    ...{ atMs, copyMs, verifyMs, tookCopyMs: lengthOf(final!) },
    ...(verified && { tookVerifyMs: lengthOf(verified) }),
  };
}

/** What a full one takes is no forecast's affair. */
const isForecast = ({ verification }: RunEvidence): boolean => verification?.report.by === 'incremental';

const lengthOf = (run: RunEvidence): number => run.endedAtMs! - run.beganAtMs - postCheckMsOf(run);

const postCheckMsOf = ({ checks }: RunEvidence): number =>
  checks.filter(({ which }) => which === 'post-check').reduce((sum, { check }) => sum + check.elapsedMs, 0);

/** Its threshold was met, whatever its post-check said. */
const isFinal = ({ command, copy, passes, endedAtMs }: RunEvidence): boolean =>
  command === 'copy' &&
  endedAtMs !== undefined &&
  copy?.successThreshold === 1 &&
  copy.only === undefined &&
  passes.at(-1)?.pass.state === 'SUCCESS';

const ORDER: readonly DowntimePart[] = [
  ...PASS_PARTS.map(([, name]) => name),
  ...(['start and end', 'verify', 'post-check', 'complete', 'between commands'] as const),
];

/** They add up to the length of the run. */
function partsOf(run: RunEvidence): [DowntimePart, number][] {
  const lengthMs = run.endedAtMs! - run.beganAtMs;
  const postCheckMs = postCheckMsOf(run);
  const own: [DowntimePart, number][] = postCheckMs > 0 ? [['post-check', postCheckMs]] : [];
  if (run.command !== 'copy') return [...own, [run.command, lengthMs - postCheckMs]];
  const parts = run.passes.flatMap(({ times }) =>
    PASS_PARTS.map(([field, name]): [DowntimePart, number] => [name, times[field] ?? 0]),
  );
  const inPasses = parts.reduce((sum, [, ms]) => sum + ms, 0);
  return [...parts, ...own, ['start and end', Math.max(0, lengthMs - inPasses - postCheckMs)]];
}
