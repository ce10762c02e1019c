// Tells what the last live pass had forecast of the downtime, beside what came of it: for whoever watches, as how long it takes is no test's
// affair.

import type { Finished } from '../support/lm.js';

/** Of `lm copy` or `lm verify` in the downtime. Returns the line; undefined where there is none. */
export function tellForecast({ stdout }: Pick<Finished, 'stdout'>): string | undefined {
  const line = /^ +forecast +(final copy .*; took .*)$/m.exec(stdout)?.[1];
  if (line !== undefined) process.stderr.write(`forecast: ${line}\n`);
  return line;
}
