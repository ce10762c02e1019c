// Reckons from what was measured how long a migration will take, and which part of it is the bottleneck. Pure.

import { formatBytes, formatCount, formatRate, formatSpan } from '../amounts.js';
import type { Share } from '../events.js';
import { totalMs } from '../forecast/forecast.js';
import { forecastLines } from '../render/rows/forecast.js';
import type { Forecast } from '../report/forecast.js';
import { type Finding, ok } from './finding.js';

export interface Measured {
  /** What a copy would fetch now, and all that the source holds. */
  fetch: Share;
  all: Share;
  /** How long it takes to list both sides. */
  listMs: number;
  /** Bytes a second; undefined where it was not measured, or there is no limit. */
  network: number | undefined;
  disk: number | undefined;
  limit: number | undefined;
  /** What the copy itself forecasts, by what earlier ones have taken; undefined before the first. */
  finalPass: Forecast | undefined;
}

export type Bottleneck = 'network' | 'disk' | 'limit' | 'small files' | 'listing';

export interface MigrationForecast {
  /** Undefined where no rate is known. */
  firstCopyMs: number | undefined;
  /** A full verification, each end reading all of its files. */
  verifyMs: number | undefined;
  /** What a final pass takes in which nothing is to be fetched, and so the least downtime. */
  leastDowntimeMs: number;
  /** Of final copy and verification, if the source were stopped now; undefined before a copy has shown how fast it is. */
  downtimeMs: number | undefined;
  bottleneck: Bottleneck | undefined;
}

/** Assumed for small files, beside their bytes: bundles of them, made and renamed one by one. */
const FILES_PER_SECOND = 5_000;

export function forecast({ fetch, all, listMs, network, disk, limit, finalPass }: Measured): MigrationForecast {
  const rates = (
    [
      ['limit', limit],
      ['disk', disk],
      ['network', network],
    ] as const
  ).filter(([, rate]) => rate !== undefined);
  const slowest = rates.toSorted(([, a], [, b]) => a! - b!)[0]; // the limit first, which the probe of the network has kept to
  const reading = [limit, disk].filter((rate) => rate !== undefined);
  const filesMs = (fetch.entries * 1000) / FILES_PER_SECOND;
  const bytesMs = slowest && (fetch.bytes * 1000) / slowest[1]!;
  const parts: [Bottleneck, number][] = slowest
    ? [
        [slowest[0], bytesMs!],
        ['small files', filesMs],
        ['listing', listMs],
      ]
    : [];
  const longest = parts.toSorted(([, a], [, b]) => b - a)[0];
  return {
    firstCopyMs: bytesMs === undefined ? undefined : bytesMs + filesMs + listMs,
    verifyMs: reading.length === 0 ? undefined : listMs + (all.bytes * 1000) / Math.min(...reading),
    leastDowntimeMs: listMs,
    downtimeMs: finalPass && totalMs(finalPass),
    bottleneck: longest?.[0],
  };
}

export function forecastFinding(measured: Measured, reckoned: MigrationForecast): Finding {
  const { fetch, all, listMs, finalPass } = measured;
  const { firstCopyMs, verifyMs, leastDowntimeMs, bottleneck } = reckoned;
  const what = `${formatCount(fetch.entries, 'file')}, ${formatBytes(fetch.bytes)}`;
  const copy = firstCopyMs === undefined ? 'how fast it would come is not known' : `about ${formatSpan(firstCopyMs)}`;
  const verify =
    verifyMs === undefined ? 'not known without --probe-disk 1GiB or a limit' : `about ${formatSpan(verifyMs)}`;
  return ok(
    'forecast',
    `the next copy, ${what}: ${copy}${bottleneck ? `; the bottleneck is ${THE[bottleneck]}` : ''}`,
    [
      `listing both sides: ${formatSpan(listMs)}, in each pass`,
      `a full verification, ${formatBytes(all.bytes)} read at each end: ${verify}`,
      ...(finalPass ? forecastLines(finalPass) : [leastText(leastDowntimeMs)]),
      `reckoned by ${ratesText(measured)}, and ${FILES_PER_SECOND} files a second`,
    ],
  );
}

const leastText = (ms: number): string =>
  `downtime: ${formatSpan(ms)} at least, to list once more; copies show how fast they are, and what changes meanwhile`;

const THE: Record<Bottleneck, string> = {
  network: 'the network',
  disk: "the source's disk",
  limit: 'the limit (--limit-rate)',
  'small files': 'the number of files',
  listing: 'listing both sides',
};

function ratesText({ network, disk, limit }: Measured): string {
  const known = [
    ...(network === undefined ? [] : [`${formatRate(network)} from the source`]),
    ...(disk === undefined ? [] : [`${formatRate(disk)} from its disk`]),
    ...(limit === undefined ? [] : [`a limit of ${formatRate(limit)}`]),
  ];
  return known.length === 0 ? 'no rate' : known.join(', ');
}
