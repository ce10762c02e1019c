// Gives the suite its seed, and counts at its end what was done to lm: every case writes down a line for each fault it made.

import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A jest reporter. It is made before the workers, which inherit the environment it sets. */
export default class Tally {
  #dir = mkdtempSync(join(tmpdir(), 'lm-faults-'));
  #ledger = join(this.#dir, 'ledger');

  constructor() {
    // The short form is the same for every change, unless told otherwise; the long one looks where nobody has looked yet.
    process.env.LM_SEED ||= form() === 'long' ? String(Math.floor(Math.random() * 2 ** 31)) : '1';
    process.env.LM_FAULTS_LEDGER = this.#ledger;
    appendFileSync(this.#ledger, '');
    process.stdout.write(`faults: ${form()} form, LM_SEED=${process.env.LM_SEED}\n`);
  }

  onRunComplete(_, { numFailedTests, numRuntimeErrorTestSuites }) {
    const lines = readFileSync(this.#ledger, 'utf8').split('\n').slice(0, -1);
    rmSync(this.#dir, { recursive: true });
    const violations = numFailedTests + numRuntimeErrorTestSuites;
    const faults = lines.filter((line) => !line.startsWith('not run\t'));
    const groups = new Set(faults.map((line) => line.split('\t')[0]));
    const counts = [...groups].sort().map((group) => `  ${countsOf(group, faults)}\n`);
    const left = lines.filter((line) => line.startsWith('not run\t')).map((line) => `  ${line.replace('\t', ': ')}\n`);
    const again = violations === 0 ? '' : `, again with LM_SEED=${process.env.LM_SEED}`;
    process.stdout.write(
      `\nfaults: ${form()} form, ${faults.length} faults, ${violations} violations${again}\n${counts.join('')}${left.join('')}`,
    );
  }
}

const form = () => (process.env.LM_FAULTS === 'long' ? 'long' : 'short');

/** `kills 41: agent while DOWNLOADING 9, …` */
function countsOf(group, lines) {
  const counts = new Map();
  for (const [of, detail] of lines.map((line) => line.split('\t')))
    if (of === group) counts.set(detail, (counts.get(detail) ?? 0) + 1);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const told = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([detail, count]) => `${detail} ${count}`);
  return `${group} ${total}: ${told.join(', ')}`;
}
