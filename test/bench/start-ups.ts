// The row of how long it takes to start: `lm --version` beside a node that does nothing.

import type { Bench } from './bench.js';
import { alternate, type Contender } from './measure.js';
import { startUp, versionArgs } from './peers/lm.js';
import type { Row } from './rows.js';
import { fillIn, type Line } from './table.js';

/** One start is a matter of 40 ms, so a turn is the mean of several. */
const STARTS_A_TURN = 10;

export function startUps({ name, target }: { name: string; target: number }): Row {
  const lines: Line[] = [{ row: name, work: 'lm --version', unit: 'seconds', ours: [], peer: 'node -e 0', target }];
  const contender = (bench: Bench, called: string, args: string[]): Contender => ({
    name: called,
    run: () => startUp(bench, args, STARTS_A_TURN),
  });
  return {
    name,
    lines,
    async measure(bench) {
      const contenders = [contender(bench, 'lm', versionArgs), contender(bench, 'node -e 0', ['-e', '0'])];
      return fillIn(lines, 'lm', await alternate(contenders, bench));
    },
  };
}
