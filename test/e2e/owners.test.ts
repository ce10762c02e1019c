import { chmodSync, chownSync, statSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';

const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot('a root that lm makes belongs to whom it belongs at the source', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { a: 'a' });
  chownSync(from, 1234, 4321);
  chmodSync(from, 0o750);
  const agent = await source.serve([from]);
  const to = destination.path('made');
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  const { uid, gid, mode } = statSync(to);
  expect({ uid, gid, mode: mode & 0o7777 }).toEqual({ uid: 1234, gid: 4321, mode: 0o750 });
});
