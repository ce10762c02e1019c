// `npm run bench`: options in, table out. Measures nothing itself.

import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { BIN } from '../support/lm.js';
import { type Bench, openBench } from './bench.js';
import { describeMachine, type Machine, QUIET_LOAD } from './machine.js';
import { makeRows, type Row } from './rows.js';
import { formatTable, type Judged, judge, type Line } from './table.js';

const HELP = `npm run bench -- [options]

  --only NAME   measure this row; repeatable
  --rounds N    turns of each that count, after one that does not (default: 5; quick: 1)
  --dir DIR     where the data goes (default: /dev/shm)
  --quick       small sizes: shows that everything runs, says nothing about speed
  --json        one JSON object instead of the table

Ends with 1 when a target was missed or something could not be measured.
`;

interface Options {
  only: string[];
  rounds: number;
  dir: string;
  quick: boolean;
  json: boolean;
}

async function main(argv: string[]): Promise<number> {
  const options = readOptions(argv);
  if (typeof options === 'string') {
    (argv.includes('--help') ? process.stdout : process.stderr).write(options);
    return argv.includes('--help') ? 0 : 2;
  }
  const machine = describeMachine();
  const notes = remarks(machine, options);
  for (const note of notes) tell(note);
  const rows = makeRows(options.quick).filter(({ name }) => options.only.length === 0 || options.only.includes(name));
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort(new Error(signal)));
  const bench = openBench({ ...options, signal: stop.signal, tell });
  try {
    const took: Record<string, number> = {};
    const lines = (await measureAll(rows, bench, took)).map(judge);
    notes.push(durations(took));
    process.stdout.write(
      options.json ? `${JSON.stringify({ machine, options, notes, lines })}\n` : report(machine, lines),
    );
    for (const note of notes) tell(note);
    return exitCode(lines, options);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    tell(`stopped by ${stop.signal.reason.message}; removing what was made`);
    return stop.signal.reason.message === 'SIGINT' ? 130 : 143;
  } finally {
    await bench.close();
  }
}

/** One row that cannot be measured does not keep the others from it. `took` gets the seconds of each. */
async function measureAll(rows: readonly Row[], bench: Bench, took: Record<string, number>): Promise<Line[]> {
  const lines: Line[] = [];
  for (const row of rows) {
    const named = { ...bench, tell: (text: string) => bench.tell(`${row.name}: ${text}`) };
    const began = performance.now();
    try {
      lines.push(...(await row.measure(named)));
    } catch (error) {
      bench.signal.throwIfAborted();
      const problem = error instanceof Error ? error.message : String(error);
      named.tell(`not measured: ${problem}`);
      lines.push(...row.lines.map((line) => ({ ...line, problem: line.problem ?? problem })));
    }
    took[row.name] = (performance.now() - began) / 1000;
  }
  return lines;
}

/** The slowest row first: who wants a quicker run knows what to leave out. */
function durations(took: Record<string, number>): string {
  const rows = Object.entries(took).sort(([, a], [, b]) => b - a);
  const all = rows.reduce((sum, [, seconds]) => sum + seconds, 0);
  return `took ${(all / 60).toFixed(1)} minutes: ${rows.map(([name, s]) => `${name} ${s.toFixed(0)} s`).join(', ')}`;
}

/** Numbers of a quick run are no ground for a verdict, so only what did not run counts there. */
function exitCode(lines: readonly Judged[], { quick }: Options): number {
  const bad = lines.filter(({ verdict }) => verdict === 'not measured' || (verdict === 'missed' && !quick));
  return bad.length === 0 ? 0 : 1;
}

function remarks({ load, processors }: Machine, { quick }: Options): string[] {
  const notes = [`${processors}, load ${load.toFixed(2)}`];
  if (load >= QUIET_LOAD)
    notes.push(`warning: the machine is not quiet (load ${load.toFixed(2)}): figures will not be reproducible`);
  if (quick) notes.push('quick: sizes are too small for the ratios to mean anything');
  return notes;
}

const report = (machine: Machine, lines: readonly Judged[]): string =>
  [
    `node ${machine.node}, kernel ${machine.kernel}, ${machine.processors}`,
    ...Object.values(machine.versions),
    '',
    formatTable(lines),
    '',
  ].join('\n');

const tell = (text: string) => void process.stderr.write(`${text}\n`);

/** The options, or what to say instead. */
function readOptions(argv: string[]): Options | string {
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        only: { type: 'string', multiple: true, default: [] },
        rounds: { type: 'string' },
        dir: { type: 'string', default: existsSync('/dev/shm') ? '/dev/shm' : tmpdir() },
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) return HELP;
    const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
    if (!Number.isInteger(rounds) || rounds < 1) return `--rounds takes a number from 1 on\n`;
    const names = makeRows(true).map(({ name }) => name);
    const unknown = values.only.find((name) => !names.includes(name));
    if (unknown !== undefined) return `no row is called ${unknown}; there are ${names.join(', ')}\n`;
    if (!existsSync(new URL('../../dist/main.js', import.meta.url))) return `${BIN} is not built: npm run build\n`;
    return { ...values, rounds };
  } catch (error) {
    return `${error instanceof Error ? error.message : error}\n\n${HELP}`;
  }
}

process.exitCode = await main(process.argv.slice(2));
