// Rows that compare the contents of both sides of a finished copy. The copy is lm's and is made once, untimed.

import { basename, dirname, join } from 'node:path';
import type { Bench } from './bench.js';
import { checkCopy, type Shape } from './data.js';
import { alternate, type Contender } from './measure.js';
import { lm } from './peers/lm.js';
import { missing } from './peers/peer.js';
import { rsyncDaemon } from './peers/rsync.js';
import type { SumPeer } from './peers/sums.js';
import type { Row } from './rows.js';
import { fillIn, type Line } from './table.js';

export interface Verifications {
  name: string;
  work: string;
  shape: Shape;
  /** Makes the copy when it is opened. */
  ours: Digester;
  peers: { peer: Digester; target?: number }[];
}

/** Somebody who finds out whether both sides hold the same. */
export interface Digester {
  name: string;
  needs: readonly string[];
  open(bench: Bench, source: string, copy: string): Promise<{ digest(): Promise<number>; stop(): Promise<void> }>;
}

/** Finds nothing to copy, by comparing checksums alone. */
export const checksummingRsync: Digester = {
  ...rsyncDaemon(['--checksum']),
  async open(bench, source, copy) {
    const opened = await rsyncDaemon(['--checksum']).open(bench, source);
    return { digest: () => opened.copy(copy), stop: () => opened.stop() };
  },
};

export const sums = (peer: SumPeer): Digester => ({
  ...peer,
  open: async (bench, source, copy) => ({ digest: () => peer.run(bench, source, copy), stop: async () => {} }),
});

/** Makes the copy. `once`: flags of a verification that is made once, untimed. */
const verifying = (flags: readonly string[], once?: readonly string[]): Digester => ({
  ...lm,
  async open(bench, source, copy) {
    const opened = await lm.open(bench, source);
    await opened.copy(copy);
    await checkCopy(source, copy, 'all', bench.signal);
    if (once) await opened.verify(copy, once);
    return { digest: () => opened.verify(copy, flags), stop: () => opened.stop() };
  },
});

/** Reads all of both sides. */
export const lmVerify = (algorithm: string): Digester => verifying(['--algo', algorithm]);

/** Reads nothing, because everything has been read before. */
export const lmIncremental: Digester = verifying(['--incremental'], ['--incremental']);

/** A copy that finds nothing to do, by an agent and with records of its own. */
export const lmUnchanged: Digester = {
  ...lm,
  name: 'lm copy, nothing changed',
  async open(bench, source, copy) {
    const opened = await lm.open(bench, source);
    const beside = join(dirname(dirname(copy)), 'unchanged', basename(copy));
    await opened.copy(beside);
    return { digest: () => opened.copy(beside), stop: () => opened.stop() };
  },
};

export function verifications(row: Verifications): Row {
  const line = { row: row.name, work: row.work, unit: 'seconds', ours: [] } as const;
  const lines: Line[] = row.peers.map(({ peer, target }) => ({
    ...line,
    ours: [],
    peer: peer.name,
    target,
    problem: missing(peer.needs),
  }));
  if (lines.length === 0) lines.push({ ...line, ours: [] });
  return { name: row.name, lines, measure: async (bench) => fillIn(lines, lm.name, await race(bench, row)) };
}

async function race(bench: Bench, row: Verifications) {
  const source = await bench.source(row.shape);
  bench.needRoom(row.shape, 2);
  const copy = bench.path('copies', 'lm', 'data');
  const stops: (() => Promise<void>)[] = [];
  try {
    const contenders: Contender[] = [];
    for (const digester of [row.ours, ...row.peers.map(({ peer }) => peer)]) {
      if (missing(digester.needs)) continue;
      const { digest, stop } = await digester.open(bench, source, copy);
      stops.push(stop);
      contenders.push({ name: digester.name, run: digest });
    }
    return await alternate(contenders, bench);
  } finally {
    for (const stop of stops) await stop();
    await bench.remove(dirname(dirname(copy)));
  }
}
