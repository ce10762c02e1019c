// Formats forecasts of the final pass for people, and what came of them.

import { formatBytes, formatEntries, formatRate, formatSpan } from '../../amounts.js';
import { printable } from '../../errors.js';
import { totalMs } from '../../forecast/forecast.js';
import type { ForecastOutcome } from '../../report/downtime.js';
import type { Change, Forecast } from '../../report/forecast.js';
import { spansText } from './downtime.js';

/** What follows `if you stop the source now, `. */
export const lengthText = (ms: number): string => `the final pass and its verification take about ${formatSpan(ms)}`;

/** As of the moment when it was made. */
export function forecastLines(forecast: Forecast): string[] {
  const { parts, change } = forecast;
  return [
    `if you stop the source now, ${lengthText(totalMs(forecast))}: ${spansText(parts)}${besideText(forecast)}`,
    ...(change ? [changeText(change)] : []),
  ];
}

/** Of Cassandra: what of it a drain will flush, and how it stands to the hint window; '' of others. */
export function besideText({ drainBytes, hintWindow, ...lengths }: Forecast): string {
  const drain = drainBytes ? `; with at most ${formatBytes(drainBytes)} that a drain flushes` : '';
  if (!hintWindow) return drain;
  const isLonger = totalMs(lengths) >= hintWindow.ms;
  const window = `max_hint_window, ${formatSpan(hintWindow.ms)}${hintWindow.stated ? '' : ' unless cassandra.yaml says otherwise'}`;
  return `${drain}; ${isLonger ? 'LONGER THAN' : 'within'} ${window}`;
}

/** `converging: 1.2 GiB in 40 entries changed in 62s (19.8 MiB/s), copied at 210.0 MiB/s; most below data/0/ks (1.1 GiB)` */
export function changeText({ trend, overMs, changed, changedBytesPerSecond, ...change }: Change): string {
  const { copiedBytesPerSecond, subtrees } = change;
  const what = `${formatBytes(changed.bytes)} in ${formatEntries(changed.entries)}`;
  const copied = copiedBytesPerSecond === undefined ? '' : `, copied at ${formatRate(copiedBytesPerSecond)}`;
  const most = subtrees.map(({ key, bytes }) => `${printable(key)} (${formatBytes(bytes)})`).join(', ');
  return (
    `${trend}: ${what} changed in ${formatSpan(overMs)} (${formatRate(changedBytesPerSecond)})${copied}` +
    (most === '' ? '' : `; most below ${most}`)
  );
}

/** `41s (final copy 30s, verification 11s), made 2026-…; it took 44s (33s, 11s)` */
export const outcomeRows = (outcome: ForecastOutcome | undefined): [string, string][] =>
  outcome === undefined ? [] : [['forecast', outcomeText(outcome)]];

export function outcomeText({ atMs, copyMs, verifyMs, tookCopyMs, tookVerifyMs }: ForecastOutcome): string {
  const made = `final copy ${formatSpan(copyMs)}, verification ${formatSpan(verifyMs)}, said ${timeText(atMs)}`;
  const took = tookVerifyMs === undefined ? '' : ` and ${formatSpan(tookVerifyMs)}`;
  return `${made}; took ${formatSpan(tookCopyMs)}${took}`;
}

const timeText = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
