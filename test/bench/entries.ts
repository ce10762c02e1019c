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
  /** How many files, ascending. */
  counts: number[];
  /** The most each side may hold at the last count. */
  residentBytes: number;
  /** How much longer an entry may take at the last count than at the first. */
  growth: number;
}

const FILE_BYTES = 40;

export function entries(row: Entries): Row {
  const [first, final] = [row.counts[0]!, row.counts.at(-1)!];
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
    line(`an entry's time at ${final} against ${first}`, 'times', row.growth),
  ];
  return {
    name: row.name,
    lines,
    async measure(bench) {
      const seen: Seen[] = [];
      for (const count of row.counts) seen.push(await measureCount(bench, count));
      const last = seen.at(-1)!;
      const perEntry = (index: number) => median(seen.at(index)!.seconds) / row.counts.at(index)!;
      const numbers = [
        last.clientBytes,
        last.agentBytes,
        ...seen.map(({ seconds }) => seconds),
        [perEntry(-1) / perEntry(0)],
      ];
      return lines.map((line, index) => ({ ...line, ours: numbers[index]! }));
    },
  };
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
    const first = await side.run(copy, { watchMemory: true });
    bench.tell(`${count} files: first copy ${first.seconds.toFixed(2)} s`);
    await checkCopy(source, copy, 'all');
    const seconds: number[] = [];
    let clientBytes = first.peakBytes;
    for (let round = 0; round <= bench.rounds; round++) {
      const again = await side.run(copy, { watchMemory: true });
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
