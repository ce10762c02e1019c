// What `lm status` says while something is under way, on either host, and how long it waits for a source that does not answer.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { jsonLines } from '../support/lm.js';
import { sandbox } from '../support/sandbox.js';
import { file } from '../support/tree.js';

const MIB = 1024 * 1024;

test('a copy under way and the agent that it pulls from are told of on their hosts', async () => {
  const { source, destination, proxy } = sandbox();
  const agent = await source.serve([source.write('data', { big: file({ size: 66 * MIB }), small: 's' })]);
  expect((await source.lm(['status'])).stdout).toMatch(
    new RegExp(` agent +${agent.url}, lm serve \\(pid ${agent.process.pid}, since .*\n +client +none`),
  );
  const between = await proxy(agent.url, { stallAfter: 40 * MIB });
  const copy = destination.start(['copy', between.url, destination.write('data', {}), '--concurrency', '1']);
  await between.stalled;

  const { code, stdout } = await destination.lm(['status']);
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(` running +lm copy \\(pid ${copy.pid}, since `));
  expect(stdout).toMatch(
    /^ +iteration 0: DOWNLOADING, .* of 66\.0 MiB, .*of 2 files, 0 % of the bytes matched .*, since 20/m,
  );
  const [line] = jsonLines((await destination.lm(['status', '--json'])).stdout);
  expect(line!['progress']).toMatchObject({
    state: 'DOWNLOADING',
    iteration: 0,
    bytesTotal: 66 * MIB + 1,
    filesTotal: 2,
  });
  expect(line!['progress'].bytesDone).toBeGreaterThan(10 * MIB);

  const there = await source.lm(['status']);
  expect(there.stdout).toMatch(/^ +client +127\.0\.0\.1 since 20.*Z: .*\/s, [3-6]\d\.\d MiB in \d+ requests$/m);
  copy.kill('SIGTERM');
  await copy.done;
  await agent.stop();
  expect((await source.lm(['status'])).stdout).toMatch(/^ +agent +none runs/m);
  expect((await destination.lm(['status'])).stdout).toMatch(/^ +running +nothing\n +last copy/m);
});

test('a source that does not answer is tried once, after all that is known here has been said', async () => {
  const { source, destination, defer } = sandbox();
  const agent = await source.serve([source.write('data', { a: 'a' })]);
  expect(await destination.lm(['copy', agent.url, destination.write('data', {})])).toMatchObject({ code: 0 });
  const { port } = new URL(agent.url);
  await agent.stop();
  const asking: Socket[] = [];
  const silent = createServer((socket) => asking.push(socket));
  silent.listen(Number(port), '127.0.0.1');
  await once(silent, 'listening');
  expect((silent.address() as AddressInfo).port).toBe(Number(port));
  defer(() => {
    for (const socket of asking) socket.destroy();
    silent.close();
  });

  const status = destination.start(['status']);
  await status.says(/^ +verified +no$/m);
  expect(status.stdout()).not.toMatch(/cannot be asked/);
  const { code, stdout } = await status.done;
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(
      /cannot be asked: .*no answer in 2 s\nnext: lm verify\nwhy: the last lm copy ended with 0: .*\n$/,
    ),
  });
  expect(asking).toHaveLength(1);
});
