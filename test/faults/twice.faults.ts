// What a kill costs: no more is fetched twice than the units that were under way, one for each lane.

import { rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { BUNDLE_BYTES } from '../../src/plan/plan.js';
import { RANGE_BYTES } from '../../src/transfer/parts.js';
import { sandbox } from '../support/sandbox.js';
import { file, readTree, type Tree } from '../support/tree.js';
import { chance, inForm, roomyDirectory, tally } from './form.js';

const MIB = 1024 * 1024;
const LANES = 2;

/** Listings, heads and trailers of two copies. */
const BESIDES = 6 * MIB;

const some = (count: number, size: number): Tree =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, file({ size })]));

test.each([
  { what: 'big files', count: 5, size: 90 * MIB, unit: RANGE_BYTES },
  { what: 'small files', count: 5000, size: 20 * 1024, unit: BUNDLE_BYTES },
])(
  '$what',
  async ({ what, count, size, unit }) => {
    const draw = chance(what);
    const bytes = count * size;
    const { source, destination, proxy } = sandbox(roomyDirectory(1 << 30));
    const from = source.write('data', some(count, size));
    const agent = await source.serve([from]);
    for (let round = 0; round < inForm(6, 1); round++) {
      const to = destination.write(`data${round}`, {});
      const between = await proxy(agent.url);
      const args = ['copy', between.url, to, '--concurrency', `${LANES}`, '--allow-running'];
      const dying = destination.start(args);
      const until = Math.floor(bytes * (0.5 + 0.4 * draw.next()));
      while (between.passed() < until) await pause(1);
      dying.kill('SIGKILL');
      expect(await dying.done).toMatchObject({ signal: 'SIGKILL' });
      tally('kills', `client with most of ${what} done`);
      expect(await destination.lm(args)).toMatchObject({ code: 0 });
      expect(await readTree(to)).toEqual(await readTree(from));
      const twice = between.passed() - bytes;
      expect({ round, until, twice, asExpected: twice <= LANES * unit + BESIDES }).toMatchObject({ asExpected: true });
      await between.stop();
      rmSync(to, { recursive: true });
    }
  },
  600_000,
);
