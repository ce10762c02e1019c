// What becomes of a copy whose records are damaged, foreign or fought over. That a journal may be cut or changed at any byte, and
// that clocks, boots and hosts may change, is shown one by one in test/state, test/e2e/crash.test.ts and test/e2e/guards.test.ts;
// here the damage is done to the journal of a copy that was killed, and the next copy has to be right all the same.

import { copyFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';
import { file, readTree } from '../support/tree.js';
import { type Chance, chance, inForm, roomyDirectory, tally } from './form.js';

const MIB = 1024 * 1024;

/** A copy that was killed in the middle of big files; its journal, and the copy that follows. */
async function killed() {
  const { source, destination, proxy } = sandbox(roomyDirectory(1 << 30));
  const from = source.write('data', { a: file({ size: 70 * MIB }), b: file({ size: 70 * MIB, seed: 2 }), small: 's' });
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  const between = await proxy(agent.url, { stallAfter: 100 * MIB });
  const dying = destination.start(['copy', between.url, to, '--concurrency', '1']);
  await between.stalled;
  dying.kill('SIGKILL');
  await dying.done;
  const journal = join(destination.stateDir, readdirSync(destination.stateDir)[0]!, 'journal.jsonl');
  const next = () => destination.lm(['copy', agent.url, to, '--new-source']);
  return { from, to, journal, next };
}

const DAMAGE: Record<string, (journal: string, draw: Chance) => void> = {
  'cut off': (journal, draw) => truncateSync(journal, draw.below(readFileSync(journal).length)),
  'with a bit flipped': (journal, draw) => {
    const bytes = readFileSync(journal);
    bytes[draw.below(bytes.length)]! ^= 1 << draw.below(8);
    writeFileSync(journal, bytes);
  },
  'with a page of zeros, as after a crash': (journal, draw) => {
    const bytes = readFileSync(journal);
    bytes.fill(0, draw.below(bytes.length));
    writeFileSync(journal, bytes);
  },
};

test.each(Object.keys(DAMAGE))(
  'a journal %s costs work at the most',
  async (damage) => {
    const draw = chance(damage);
    for (let round = 0; round < inForm(10, 1); round++) {
      const { from, to, journal, next } = await killed();
      DAMAGE[damage]!(journal, draw);
      const { code, stderr } = await next();
      // Not one record left: it is no journal of ours, and to say so is better than to guess.
      if (code === 8) expect(stderr).toMatch(/is not a journal\nhint: .*remove it/);
      else expect({ round, code }).toEqual({ round, code: 0 });
      if (code === 0) expect(await readTree(to)).toEqual(await readTree(from));
      tally('other faults', `journal ${damage}`);
    }
  },
  600_000,
);

test('a journal of a later version is left to whoever wrote it: 8', async () => {
  const { from, to, journal, next } = await killed();
  copyFileSync(journal, `${journal}.kept`);
  const later = JSON.stringify({ v: 2, at: Date.now(), type: 'run-started' });
  writeFileSync(journal, `${later.slice(0, -1)},"sum":"${crc32(later).toString(16).padStart(8, '0')}"}\n`, {
    flag: 'a',
  });
  expect(await next()).toMatchObject({
    code: 8,
    stderr: expect.stringMatching(/version 2, this is version 1\nhint: use the lm/),
  });
  copyFileSync(`${journal}.kept`, journal);
  expect(await next()).toMatchObject({ code: 0 });
  expect(await readTree(to)).toEqual(await readTree(from));
  tally('other faults', 'journal of another version');
});

test('of copies begun at once, one gets the destination, and the others say who has it: 9', async () => {
  const { source, destination } = sandbox(roomyDirectory(1 << 30));
  const from = source.write('data', { big: file({ size: 64 * MIB }) });
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  const all = await Promise.all(
    Array.from({ length: 4 }, () => destination.lm(['copy', agent.url, to, '--limit-rate', '40MiB/s'])),
  );
  expect(all.map(({ code }) => code).sort()).toEqual([0, 9, 9, 9]);
  for (const { code, stderr } of all) if (code === 9) expect(stderr).toMatch(/in use by .*\nhint: /);
  expect(await readTree(to)).toEqual(await readTree(from));
  tally('other faults', 'copies begun at once');
});
