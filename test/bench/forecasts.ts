// The row of forecasts: how long the final pass and its verification are forecast to take while the source is written to, beside how long
// they took once that had stopped.

import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Downtime } from '../../src/report/downtime.js';
import type { Forecast } from '../../src/report/forecast.js';
import { jsonLines } from '../support/lm.js';
import type { Bench } from './bench.js';
import type { Shape } from './data.js';
import { lm, type OpenedLm } from './peers/lm.js';
import type { Row } from './rows.js';
import type { Line } from './table.js';

export interface Forecasts {
  name: string;
  shape: Shape;
  /** How long a load goes on before the last live pass, and once more before the source stops. */
  forMs: number;
  /** What it writes, on the average. */
  bytesPerSecond: number;
  /** How far the one may be from the other, as a factor. */
  target: number;
}

/** Writes below `dir` until the signal ends it. */
type Load = (dir: string, row: Forecasts, signal: AbortSignal) => Promise<void>;

const LOADS: [name: string, load: Load][] = [
  ['steady', (dir, row, signal) => write(dir, row, { everyMs: 100, signal })],
  ['bursts', (dir, row, signal) => write(dir, row, { everyMs: 3000, signal })],
  ['a compaction just before the stop', steadyThenCompaction],
];

export function forecasts(row: Forecasts): Row {
  const lines = LOADS.map(([name]): Line => {
    const work = `forecast and outcome of a final pass: ${name}`;
    return { row: row.name, work, unit: 'times', ours: [], target: row.target };
  });
  return {
    name: row.name,
    lines,
    async measure(bench) {
      const measured: Line[] = [];
      for (const [i, [name, load]] of LOADS.entries()) {
        const ours: number[] = [];
        for (let round = 1; round <= bench.rounds; round++) ours.push(await turn(bench, row, name, load));
        measured.push({ ...lines[i]!, ours });
      }
      return measured;
    },
  };
}

/** A whole migration, beside a load until it is stopped. Returns how far the forecast was from what came. */
async function turn(bench: Bench, row: Forecasts, name: string, load: Load): Promise<number> {
  const source = await bench.source(row.shape);
  bench.needRoom(row.shape, 2);
  const destination = bench.path('copies', 'forecast', 'data');
  const written = join(source, 'written');
  await mkdir(written);
  const side = await lm.open(bench, source);
  const stop = new AbortController();
  const signal = AbortSignal.any([bench.signal, stop.signal]);
  const writing = load(written, row, signal);
  writing.catch(() => {}); // awaited below
  try {
    await summary(side, destination, ['copy', '--max-downtime', '1h']);
    await summary(side, destination, ['verify', '--incremental', '--live']);
    await pause(row.forMs, undefined, { signal: bench.signal });
    const said = forecastsIn(await lines(side, destination, ['copy', '--max-downtime', '1h'])).at(-1);
    await pause(row.forMs, undefined, { signal: bench.signal });
    stop.abort();
    await writing;
    const looked = forecastsIn(await lines(side, destination, ['copy', '--threshold', '0.5', '--dry-run'])).at(-1);
    await summary(side, destination, ['copy', '--threshold', '1.0']);
    const { forecast } = (await summary(side, destination, ['verify', '--incremental']))['downtime'] as Downtime;
    if (!looked || !forecast?.tookVerifyMs) throw new Error('nothing was forecast, or nothing came of it');
    const tookMs = forecast.tookCopyMs + forecast.tookVerifyMs;
    const forecastMs = looked.copyMs + looked.verifyMs;
    const earlier = said ? `${seconds(said.copyMs + said.verifyMs)} by the last pass, ` : '';
    bench.tell(
      `${name}: forecast ${earlier}${seconds(looked.copyMs)} + ${seconds(looked.verifyMs)} by a dry run, ` +
        `took ${seconds(forecast.tookCopyMs)} + ${seconds(forecast.tookVerifyMs)}`,
    );
    return Math.max(forecastMs / tookMs, tookMs / forecastMs);
  } finally {
    stop.abort();
    await writing.catch(() => {});
    await side.stop();
    await rm(written, { recursive: true });
    await bench.remove(dirname(destination));
  }
}

const lines = async (side: OpenedLm, destination: string, command: string[]) =>
  jsonLines((await side.command([...command, '--json'], destination, { codes: [0, 3] })).stdout);

const summary = async (side: OpenedLm, destination: string, command: string[]) =>
  (await lines(side, destination, command)).at(-1)!;

const forecastsIn = (all: Record<string, unknown>[]): Forecast[] =>
  all.filter(({ type }) => type === 'forecast').map(({ forecast }) => forecast as Forecast);

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

/** A new file every so often, as large as the rate asks for, until the signal ends it. */
async function write(
  dir: string,
  { bytesPerSecond }: Forecasts,
  { everyMs, signal }: { everyMs: number; signal: AbortSignal },
): Promise<void> {
  const bytes = Buffer.alloc(Math.ceil((bytesPerSecond * everyMs) / 1000));
  for (let file = 0; !signal.aborted; file++) {
    bytes.writeUInt32LE(file);
    await writeFile(join(dir, `${file}.db`), bytes);
    await pause(everyMs, undefined, { signal }).catch(() => {}); // it ends the loop
  }
}

/** Then every second file is written again under another name, and goes. */
async function steadyThenCompaction(dir: string, row: Forecasts, signal: AbortSignal): Promise<void> {
  await write(dir, row, { everyMs: 100, signal });
  const names = (await readdir(dir)).filter((_, i) => i % 2 === 0);
  for (const name of names) await copyFile(join(dir, name), join(dir, `compacted-${name}`));
  for (const name of names) await rm(join(dir, name));
}
