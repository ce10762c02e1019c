// A completed source that somebody with the token reopens from afar: said at its agent, and by `lm status` on both hosts.

import { expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';

test('DELETE /status is no secret of whoever sent it', async () => {
  const { source, destination } = sandbox();
  const agent = await source.serve([source.write('data', { a: 'a' })]);
  expect(await destination.lm(['copy', agent.url, destination.path('to')])).toMatchObject({ code: 0 });
  const status = `${agent.url}/api/v1/live-migration/status`;
  for (const method of ['POST', 'DELETE']) expect((await fetch(status, { method })).status).toBe(200);

  const there = await source.lm(['status']);
  expect(there.stdout).toMatch(/ completion +NOT_COMPLETED\n +reopened +2\d{3}-.*Z by 127\.0\.0\.1, over HTTP\n/);
  const asked = () => destination.lm(['status']);
  let here = await asked();
  while (here.stdout.includes('cannot be asked')) here = await asked(); // it waits for three seconds alone
  expect(here.stdout).toMatch(/ source .*: an lm agent, NOT_COMPLETED, reopened 2\d{3}-.*Z by 127\.0\.0\.1\n/);
  const { stderr } = await agent.stop();
  expect(stderr).toMatch(/^warning: 127\.0\.0\.1 reopened this source over HTTP at 2\d{3}-/m);
});
