// Cassandra's transaction logs name files by whole paths: where the directories differ, a node that is started on one deletes what
// they name.

import { rmSync, writeFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';
import { dir } from '../support/tree.js';

test('a final pass refuses a log that names files elsewhere, and says whether the source was stopped cleanly', async () => {
  const { source, destination } = sandbox();
  const table = 'ks/t-0a1b2c3d4e5f60718293a4b5c6d7e8f9';
  const log = `${table}/nb_txn_compaction_5c8e1e00-9d4f-11ee-8c90-0242ac120002.log`;
  const from = source.write('data', { ks: dir({ [table.slice(3)]: dir({ 'nb-2-big-Data.db': 'x'.repeat(4096) }) }) });
  const to = destination.path('data');
  const naming = (root: string): void =>
    writeFileSync(
      `${from}/${log}`,
      `ADD:[${root}/${table}/nb-2-big,0,8][1]\nREMOVE:[${root}/${table}/nb-1-big,17,8][2]\n`,
    );
  naming(from);
  const agent = await source.serve([from]);

  const warm = await destination.lm(['copy', agent.url, to, '--threshold', '0.5']);
  expect(warm.code).toBe(0);
  const final = await destination.lm(['copy']);
  expect(final).toMatchObject({ code: 6 });
  expect(final.stderr).toContain(
    'lm copy: 1 transaction log of Cassandra names files elsewhere, which a node started here may delete\n',
  );
  expect(final.stderr).toContain(`${to}/${log}, which names ${from}/${table}/nb-2-big\n`);
  expect(final.stderr).toContain('\nerror transaction-logs (6): ');
  expect(final.stderr).toMatch(/^hint: on the stopped source: sstableutil --cleanup ks t .*--allow-txn-logs/m);
  const warmAgain = await destination.lm(['copy', '--threshold', '0.5']);
  expect(warmAgain).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^warning: 1 transaction log .* names files elsewhere/),
  });

  const allowed = await destination.lm(['copy', '--allow-txn-logs']);
  expect(allowed).toMatchObject({ code: 0, stderr: expect.stringMatching(/^warning: 1 transaction log /) });
  expect(allowed.stdout).toMatch(
    /source stop +not a clean one: 1 transaction log left, 1 of which name files elsewhere/,
  );
  expect(await destination.lm(['copy'])).toMatchObject({ code: 6 }); // it is not remembered

  naming(to);
  const right = await destination.lm(['copy']);
  expect(right).toMatchObject({ code: 0, stderr: '' });
  expect(right.stdout).toMatch(/source stop +not a clean one: 1 transaction log left$/m);

  rmSync(`${from}/${log}`); // as sstableutil --cleanup does it
  const cleaned = await destination.lm(['copy']);
  expect(cleaned).toMatchObject({ code: 0, stderr: '' });
  expect(cleaned.stdout).not.toMatch(/transaction log left/);
});
