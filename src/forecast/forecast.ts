// Reckons how long the final pass and its verification would take if the source were stopped now. Pure.

import { SETTLE_MS } from '../files/recent-changes.js';
import type { Change, Forecast } from '../report/forecast.js';
import type { Share } from '../report/parts.js';
import { type Cost, costOf, learnCost } from './cost.js';
import type { Measured, Surveyed } from './inputs.js';
import { changeBetween } from './trend.js';

/** On a machine of which nothing is known. */
const FETCHING: Cost = { baseMs: 150, msPerByte: 1000 / (200 * 2 ** 20), msPerEntry: 0.04 };
const READING: Cost = { baseMs: 100, msPerByte: 1000 / (200 * 2 ** 20), msPerEntry: 0.02 };
const OVERHEAD_MS = 300;

/** A final pass lists until all is found equal: before it fetches something, and after it. */
const LISTINGS = 2;

/** Times of files that were written just before the source stopped prove nothing for so long; half of it has passed, on the average. */
const WAIT_MS = SETTLE_MS / 2;

/** `before`: the survey of the pass before, in the same run. */
export function forecastOf(now: Surveyed, measured: Measured, before?: Surveyed): Forecast {
  const costs = costsOf(measured, now);
  const fetch = toFetch(now);
  const read = toRead(now, fetch);
  const { parts, copyMs, verifyMs } = reckon(now, fetch, read, costs);
  const { fetching } = costs;
  const change =
    before &&
    changeBetween(before, now, { fetching, beforeMs: reckon(now, toFetch(before), read, costs).copyMs, nowMs: copyMs });
  return {
    ...{ atMs: now.atMs, copyMs, verifyMs, parts, fetch, read },
    ...(now.commitLogs && { drainBytes: now.commitLogs.writtenBytes, hintWindow: now.hintWindow }),
    ...(change && { growth: growthOf(change, now, costs), change }),
  };
}

interface Costs {
  fetching: Cost;
  reading: Cost;
  overheadMs: number;
}

function costsOf({ fetches, reads, overheadMs = OVERHEAD_MS }: Measured, { tookMs }: Surveyed): Costs {
  const fetching = learnCost(fetches, FETCHING);
  const msPerByte = Math.min(READING.msPerByte, fetches.length > 0 ? fetching.msPerByte : Number.POSITIVE_INFINITY); // a disk that has taken it so fast gives it no slower
  return {
    fetching,
    reading: learnCost(reads, { ...READING, msPerByte, baseMs: READING.baseMs + tookMs }),
    overheadMs,
  };
}

function reckon({ tookMs, digestedBytes }: Surveyed, fetch: Share, read: Share, costs: Costs) {
  const { fetching, reading, overheadMs } = costs;
  const listings = fetch.entries > 0 ? LISTINGS : 1;
  const all: Forecast['parts'] = [
    { name: 'guards', ms: overheadMs },
    { name: 'wait', ms: fetch.entries > 0 ? WAIT_MS : 0 },
    { name: 'list', ms: listings * tookMs },
    { name: 'compare', ms: listings * digestedBytes * reading.msPerByte },
    { name: 'fetch', ms: costOf(fetching, fetch) },
    { name: 'verify', ms: Math.max(costOf(reading, read), READING.baseMs + tookMs) }, // it lists, whatever it reads
  ];
  const parts = all.map(({ name, ms }) => ({ name, ms: Math.round(ms) })).filter(({ ms }) => ms > 0);
  const sum = (isCounted: (name: string) => boolean): number =>
    parts.reduce((total, { name, ms }) => (isCounted(name) ? total + ms : total), 0);
  return { parts, copyMs: sum((name) => name !== 'verify'), verifyMs: sum((name) => name === 'verify') };
}

const plus = (one: Share, other: Share): Share => ({
  entries: one.entries + other.entries,
  bytes: one.bytes + other.bytes,
});

/** A drain leaves no commit log: in place of all of them, also of those that are here already, come SSTables of at most as many bytes. */
function toFetch({ open, commitLogs }: Surveyed): Share {
  if (!commitLogs) return open;
  const { writtenBytes, open: logs, entries } = commitLogs;
  return { entries: open.entries - logs.entries + entries, bytes: open.bytes - logs.bytes + writtenBytes };
}

function toRead({ total, unread, keepsProofs }: Surveyed, fetch: Share): Share {
  if (!keepsProofs) return total;
  const sum = plus(unread, fetch);
  return { entries: Math.min(sum.entries, total.entries), bytes: Math.min(sum.bytes, total.bytes) };
}

/** What changes has to be fetched and read. */
function growthOf({ changed, overMs }: Change, { total }: Surveyed, { fetching, reading }: Costs) {
  const each = ({ msPerByte, msPerEntry }: Cost): number => msPerByte * changed.bytes + msPerEntry * changed.entries;
  const msPerSecond = ((each(fetching) + each(reading)) * 1000) / overMs;
  return { msPerSecond, upToMs: Math.round(costOf(fetching, total) + costOf(reading, total)) };
}

export const totalMs = ({ copyMs, verifyMs }: Pick<Forecast, 'copyMs' | 'verifyMs'>): number => copyMs + verifyMs;

/** What it has become by `nowMs`, if the source has gone on changing as it did between its last two listings. */
export function grownMs(forecast: Forecast, nowMs: number): number {
  const { growth, atMs } = forecast;
  const madeMs = totalMs(forecast);
  if (!growth) return madeMs;
  const grown = madeMs + (Math.max(0, nowMs - atMs) / 1000) * growth.msPerSecond;
  return Math.max(madeMs, Math.min(grown, growth.upToMs));
}
