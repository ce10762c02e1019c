// The rows of the table: what is done, with which data, beside whom, and what is aimed at. How it is measured is elsewhere.

import type { Bench } from './bench.js';
import { copies } from './copies.js';
import { bigFiles, cassandraTree, GIB, KIB, MIB, manyFiles, unlikeFiles } from './data.js';
import { entries } from './entries.js';
import { forecasts } from './forecasts.js';
import { inPlace } from './in-place.js';
import { interrupted } from './interrupted.js';
import { neighbour } from './neighbour.js';
import { lm, lmAlone, lmBesideStrangers, lmMapping, lmOverTls } from './peers/lm.js';
import { nginxAndCurl } from './peers/nginx.js';
import { rcloneWebdav } from './peers/rclone.js';
import { rsyncDaemon, rsyncDelta, rsyncOverSsh, rsyncPartial } from './peers/rsync.js';
import { md5sum, xxh32sum, xxh64sum } from './peers/sums.js';
import { startUps } from './start-ups.js';
import type { Line } from './table.js';
import { checksummingRsync, lmIncremental, lmUnchanged, lmVerify, sums, verifications } from './verifications.js';

export interface Row {
  /** For `--only`. */
  name: string;
  /** Each line as far as it can be told before: what stands in the table when the row cannot be measured. */
  lines: Line[];
  /** Returns the same lines with their numbers. */
  measure(bench: Bench): Promise<Line[]>;
}

/** An owner without a name, at the source and here. */
const [THEIRS, OURS] = [3_456_789, 3_456_790];
const rsyncMap = [`--usermap=${THEIRS}:${OURS}`, `--groupmap=${THEIRS}:${OURS}`];

/** Ordered so that rows with the same tree are neighbours: it is made once for them. */
export function makeRows(isQuick: boolean): Row[] {
  const size = <T>(full: T, quick: T): T => (isQuick ? quick : full);
  const big = bigFiles(4, size(GIB, 16 * MIB));
  const small = manyFiles(size(200_000, 2000), 2 * KIB);
  const tree = cassandraTree({ tables: size(24, 3), generations: size(40, 6), biggest: size(48 * MIB, MIB) });
  const one = bigFiles(1, size(GIB, 16 * MIB));
  const interruptible = unlikeFiles(2, size(32 * MIB, 2 * MIB));
  const work = (text: string) => (isQuick ? `${text} (quick: less)` : text);
  return [
    copies({
      name: 'plain',
      work: work('4 × 1 GiB, plain HTTP'),
      shape: big,
      ours: lm,
      peers: [
        { peer: rsyncDaemon(), target: 0.6 },
        { peer: rcloneWebdav, target: 0.85 },
        { peer: nginxAndCurl, target: 1.1 },
      ],
    }),
    copies({
      name: 'tls',
      work: work('4 × 1 GiB, TLS'),
      shape: big,
      ours: lmOverTls,
      peers: [{ peer: rsyncOverSsh, target: 0.6 }],
    }),
    copies({
      name: 'strangers',
      work: work('4 × 1 GiB, plain HTTP, beside 10,000 strangers'),
      shape: big,
      ours: lmBesideStrangers(size(10_000, 1000)),
      peers: [{ peer: lmAlone }],
    }),
    verifications({
      name: 'verify-xxhash32',
      work: work('verify 4 GiB, xxhash32'),
      shape: big,
      ours: lmVerify('xxhash32'),
      peers: [{ peer: checksummingRsync, target: 0.9 }, { peer: sums(xxh32sum) }],
    }),
    verifications({
      name: 'verify-md5',
      work: work('verify 4 GiB, md5'),
      shape: big,
      ours: lmVerify('md5'),
      peers: [{ peer: sums(md5sum), target: 0.45 }],
    }),
    verifications({
      name: 'verify-xxhash64',
      work: work('verify 4 GiB, xxhash64'),
      shape: big,
      ours: lmVerify('xxhash64'),
      peers: [{ peer: sums(xxh64sum) }],
    }),
    verifications({
      name: 'verify-crc32c',
      work: work('verify 4 GiB, crc32c'),
      shape: big,
      ours: lmVerify('crc32c'),
      peers: [],
    }),
    copies({
      name: 'small',
      work: work('200,000 × 2 KiB, first copy'),
      shape: small,
      ours: lm,
      peers: [{ peer: rsyncDaemon(), target: 1 }],
    }),
    copies({
      name: 'unchanged',
      work: work('200,000 × 2 KiB, nothing changed'),
      shape: small,
      ours: lm,
      isRepeat: true,
      peers: [{ peer: rsyncDaemon(['--delete']), target: 0.9 }],
    }),
    verifications({
      name: 'verify-small',
      work: work('verify 200,000 × 2 KiB, xxhash32'),
      shape: small,
      ours: lmVerify('xxhash32'),
      peers: [{ peer: checksummingRsync, target: 1.5 }],
    }),
    verifications({
      name: 'verify-incremental',
      work: work('verify 200,000 × 2 KiB, all of it proved before'),
      shape: small,
      ours: lmIncremental,
      peers: [{ peer: lmUnchanged, target: 1.3 }],
    }),
    copies({
      name: 'unchanged-mapped',
      work: work('200,000 × 2 KiB, nothing changed, owners mapped'),
      shape: { ...small, owner: THEIRS },
      ours: lmMapping(`${THEIRS}=${OURS}`),
      isRepeat: true,
      peers: [{ peer: rsyncDaemon(['--delete', ...rsyncMap]), target: 0.9 }],
    }),
    copies({
      name: 'cassandra',
      work: work('24 tables × 40 SSTables, 1.7 GiB'),
      shape: tree,
      ours: lm,
      peers: [{ peer: rsyncDaemon() }],
    }),
    copies({
      name: 'far',
      work: work('1 GiB over a 40 ms round trip'),
      shape: one,
      ours: lm,
      distance: { delayMs: 20 },
      peers: [{ peer: rsyncDaemon(), target: 0.25 }],
    }),
    interrupted({
      name: 'slow',
      work: work('64 MiB at 5 MiB/s, ended three times'),
      shape: interruptible,
      bytesPerSecond: 5 * MIB,
      interruptions: 3,
      everyMs: size(3_000, 500),
      ours: lm,
      peers: [rsyncPartial],
    }),
    inPlace({
      name: 'in-place',
      work: work('800 MB written in place: 12,000 pages and 64 MiB of log'),
      tableBytes: size(800_000_000 - (800_000_000 % (8 * KIB)), 8 * MIB),
      pages: size(12_000, 100),
      segmentBytes: size(16 * MIB, 64 * KIB),
      segments: 4,
      ways: [
        ['near', 'counted'],
        ['over a 40 ms round trip', { delayMs: 20 }],
      ],
      ours: lm,
      peers: [rsyncDelta],
    }),
    neighbour({
      name: 'neighbour',
      work: work('reads of 8 KiB at the source'),
      shape: big,
      limit: size('50MiB/s', '4MiB/s'),
      watchMs: size(5_000, 500),
      neighbourBytes: size(256 * MIB, 4 * MIB),
    }),
    forecasts({
      name: 'forecast',
      shape: bigFiles(4, size(256 * MIB, 4 * MIB)),
      forMs: size(6_000, 500),
      bytesPerSecond: size(64 * MIB, MIB),
      target: 1.5,
    }),
    entries({
      name: 'entries',
      counts: size<[number, number, number]>([100_000, 300_000, 1_000_000], [1000, 3000, 10_000]),
      residentBytes: 300e6,
      growth: 1.3, // what caches that have become too small may cost; n log n would pass, n² would be 3
    }),
    startUps({ name: 'startup', target: 2 }),
  ];
}
