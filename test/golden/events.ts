// What a command said: its events, its errors and how it ended.

import type { Downtime } from '../../src/report/downtime.js';
import type { Finished } from '../support/lm.js';
import { folded, type Names } from './names.js';

/** Comes by the clock. */
const PROGRESS = /^\{"schema":\d+,"type":"(?:progress|listing)"/;

/** Which processes cannot be looked into depends on the machine. */
const BLIND = /"type":"warning".*"text":"could not look into /;

/** Lengths are forecast from lengths. */
const FORECAST = /^\{"schema":\d+,"type":"forecast"/;

/** What was how long differs from run to run. */
const withoutLengths = (line: string): string =>
  line.replace(/"downtime":(\{[^[]*\[[^\]]*\]\})/, (_, json: string) => {
    const { totalMs, parts } = JSON.parse(json) as Downtime;
    return `"downtime":${parts.reduce((sum, { ms }) => sum + ms, 0) === totalMs ? 'ADDS-UP' : 'WRONG'}`;
  });

/** `number` tells the run from others of the scenario. */
export function eventLines({ code, signal, stdout, stderr }: Finished, names: Names, number: number): string[] {
  const said = stdout
    .split('\n')
    .filter((line) => line !== '' && !PROGRESS.test(line) && !FORECAST.test(line) && !BLIND.test(line));
  const run = /"run":"([0-9a-f-]{36})"/.exec(stdout)?.[1];
  if (run !== undefined) names.learn(run, `RUN-${number}`);
  const lines = [
    ...said.flatMap((line) => folded(names.plain(withoutLengths(line)))),
    ...stderr
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => `stderr: ${names.plain(line)}`),
    `exit ${code ?? signal}`,
  ];
  const report = /"report":(\{.*\})\}$/.exec(said.at(-1) ?? '')?.[1];
  if (report !== undefined) names.learn(report, `(the report of RUN-${number})`); // which is kept in the state directory too
  return lines;
}
