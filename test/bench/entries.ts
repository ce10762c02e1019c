// The rows of many entries: what each side holds in memory, and how the time of listing and comparing grows. lm alone.

import { dirname } from 'node:path';
import type { Bench } from './bench.js';
import { checkCopy, manyFiles } from './data.js';
import { median } from './measure.js';
import { lm } from './peers/lm.js';
import type { Row } from './rows.js';
import type { Line } from './table.js';

export interface Entries {
  name: string;
  counts: Counts;
  /** The most each side may hold at the last count. */
  residentBytes: number;
  /** How much longer a further entry may take in the last step than in the first. */
  growth: number;
}

/** How many files, ascending. */
type Counts = readonly [number, number, number];

const FILE_BYTES = 40;

export function entries(row: Entries): Row {
  const final = row.counts[2];
  const line = (work: string, unit: Line['unit'], target?: number): Line => ({
    row: row.name,
    work,
    unit,
    ours: [],
    target,
  });
  const lines = [
    line(`client's memory, ${final} files`, 'bytes', row.residentBytes),
    line(`agent's memory, ${final} files`, 'bytes', row.residentBytes),
    ...row.counts.map((count) => line(`list and compare ${count} files`, 'seconds')),
    line('a further entry: last step against first', 'times', row.growth),
  ];
  return {
    name: row.name,
    lines,
    async measure(bench) {
      const seen: Seen[] = [];
      for (const count of row.counts) seen.push(await measureCount(bench, count));
      const { clientBytes, agentBytes } = seen[2]!;
      const times = seen.map(({ seconds }) => seconds);
      const numbers = [clientBytes, agentBytes, ...times, [growth(row.counts, times.map(median))]];
      return lines.map((line, index) => ({ ...line, ours: numbers[index]! }));
    },
  };
}

/** How much longer each further entry takes in the last step than in the first. Steps, because what a start costs is in no step. */
export function growth([few, more, most]: Counts, [first = 0, second = 0, third = 0]: readonly number[]): number {
  return (third - second) / (most - more) / ((second - first) / (more - few));
}

interface Seen {
  /** Of copies that find nothing to do: each lists both sides and compares them. */
  seconds: number[];
  /** Peaks: of a first copy and of each that found nothing to do; the agent's of all of them. */
  clientBytes: number[];
  agentBytes: number[];
}

async function measureCount(bench: Bench, count: number): Promise<Seen> {
  const shape = manyFiles(count, FILE_BYTES, 1000);
  const source = await bench.source(shape);
  bench.needRoom(shape, 1);
  const copy = bench.path('copies', 'lm', 'data');
  const side = await lm.open(bench, source);
  try {
    const watched = () => side.run(copy, { watchMemory: true });
    const first = await bench.inReadyMemory(shape.bytes, watched);
    bench.tell(`${count} files: first copy ${first.seconds.toFixed(2)} s`);
    await checkCopy(source, copy, 'all', bench.signal);
    const seconds: number[] = [];
    let clientBytes = first.peakBytes;
    for (let round = 0; round <= bench.rounds; round++) {
      const again = await bench.inReadyMemory(0, watched);
      if (round > 0) seconds.push(again.seconds);
      clientBytes = Math.max(clientBytes, again.peakBytes);
    }
    bench.tell(`${count} files: nothing changed ${median(seconds).toFixed(2)} s`);
    return { seconds, clientBytes: [clientBytes], agentBytes: [side.agentPeakBytes()] };
  } finally {
    await side.stop();
    await bench.remove(dirname(dirname(copy)));
  }
}
