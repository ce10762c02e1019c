// The row of a neighbour: how long a service at the source waits for the blocks it reads from the same disk, while lm copies at a limit, and
// after `lm limit off` has lifted it from the same copy. For information: what it shows depends on the disk.

import { constants } from 'node:fs';
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createXxh64 } from '../../src/digest/kernels/xxh64.js';
import type { Bench } from './bench.js';
import { MIB, type Shape } from './data.js';
import { lmLimited } from './peers/lm.js';
import type { Row } from './rows.js';
import type { Line } from './table.js';

export interface Neighbour {
  name: string;
  work: string;
  shape: Shape;
  /** As --limit-rate takes it. */
  limit: string;
  /** How long it is watched alone, and beside the limited copy. Beside the other, it is watched until that ends. */
  watchMs: number;
  /** What the neighbour reads from, a block anywhere in it at a time. */
  neighbourBytes: number;
}

const BLOCK_BYTES = 8 * 1024;
/** It reads a hundred blocks a second, or fewer where it waits for them. */
const EVERY_MS = 10;
const PERCENTILE = 0.99;

export function neighbour(row: Neighbour): Row {
  const line = (work: string): Line => ({ row: row.name, work, unit: 'seconds', ours: [] });
  const lines = [
    line(`${row.work}, p99: nobody copies`),
    line(`the same while lm copies at ${row.limit}`),
    line('the same after lm limit off'),
  ];
  return {
    name: row.name,
    lines,
    async measure(bench) {
      const seen: number[][] = lines.map(() => []);
      const source = await bench.source(row.shape);
      bench.needRoom(row.shape, 1);
      const blocks = await openBlocks(bench, row.neighbourBytes);
      try {
        for (let round = 0; round <= bench.rounds; round++) {
          const turn = await takeTurn(bench, row, source, blocks);
          bench.tell(
            `${round === 0 ? 'warm-up' : `round ${round}`}: ${turn.map((s) => `${(s * 1000).toFixed(2)} ms`).join(', ')}`,
          );
          if (round > 0) for (const [i, seconds] of turn.entries()) seen[i]!.push(seconds);
        }
      } finally {
        await blocks.close();
      }
      return lines.map((one, i) => ({ ...one, ours: seen[i]! }));
    },
  };
}

/** The three percentiles of one turn. */
async function takeTurn(bench: Bench, row: Neighbour, source: string, blocks: Blocks): Promise<number[]> {
  const copy = bench.path('copies', 'neighbour', 'data');
  const side = await lmLimited(row.limit).open(bench, source);
  try {
    const alone = await blocks.watch(() => pause(row.watchMs));
    let isOver = false;
    const copied = side.run(copy).finally(() => {
      isOver = true;
    });
    copied.catch(() => {}); // awaited below
    while (!isOver && !(await side.isLimited(copy))) await pause(EVERY_MS);
    const limited = await blocks.watch(() => pause(row.watchMs));
    if (isOver) throw new Error(`the copy at ${row.limit} was over before the neighbour had been watched beside it`);
    const free = await blocks.watch(async () => {
      await side.limit(copy, 'off');
      await copied;
    });
    return [alone, limited, free];
  } finally {
    await side.stop();
    await bench.remove(dirname(copy));
  }
}

interface Blocks {
  /** Reads blocks until `work` is over; returns the percentile of the seconds that each took. */
  watch(work: () => Promise<unknown>): Promise<number>;
  close(): Promise<void>;
}

/** Past the page cache, where the file system allows that: a neighbour whose blocks are in memory waits for no disk. */
async function openBlocks(bench: Bench, bytes: number): Promise<Blocks> {
  const path = bench.path('neighbour', 'blocks');
  await writeFile(path, Buffer.alloc(MIB, 1));
  const file = await open(path, 'r+');
  for (let at = MIB; at < bytes; at += MIB) await file.write(Buffer.alloc(MIB, at / MIB), 0, MIB, at);
  await file.sync();
  await file.close();
  const direct: FileHandle = await open(path, constants.O_RDONLY | constants.O_DIRECT).catch(() => open(path, 'r'));
  const block = createXxh64(BLOCK_BYTES).buffer; // at an address that O_DIRECT takes
  return {
    async watch(work) {
      const seconds: number[] = [];
      let isOver = false;
      const done = work().finally(() => {
        isOver = true;
      });
      done.catch(() => {}); // awaited below
      while (!isOver) {
        const at = Math.floor(Math.random() * (bytes / BLOCK_BYTES)) * BLOCK_BYTES;
        const began = performance.now();
        await direct.read(block, 0, BLOCK_BYTES, at);
        seconds.push((performance.now() - began) / 1000);
        await pause(EVERY_MS);
      }
      await done;
      seconds.sort((a, b) => a - b);
      return seconds[Math.floor(seconds.length * PERCENTILE)]!;
    },
    async close() {
      await direct.close();
      await bench.remove(dirname(path));
    },
  };
}
