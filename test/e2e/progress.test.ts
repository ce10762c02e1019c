// What the progress of a run counts, as `--json` has it: whole files, and bytes on the way to them.

import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file, link } from '../support/tree.js';

const MIB = 1 << 20;

const progressOf = (stdout: string) => jsonLines(stdout).filter(({ type }) => type === 'progress');

longTest('a copy counts files and links, and no directories', async () => {
  const { source, destination } = sandbox();
  const tree = { a: 'a', empty: '', link: link('a'), one: dir({ two: dir({ b: 'bb' }), none: dir({}) }) };
  const agent = await source.serve([source.write('data', tree)]);
  const { code, stdout } = await destination.lm(['copy', agent.url, destination.path('to'), '--json']);
  expect(code).toBe(0);
  const progress = progressOf(stdout).filter(({ doing }) => doing === 'download'); // a line a second at most, so that the last one need not be the end
  expect(progress.length).toBeGreaterThan(0);
  for (const { filesDone, filesTotal } of progress) expect([filesTotal, filesDone <= 4]).toEqual([4, true]);
});

test('a verification counts a file that was read here for half until the source has answered', async () => {
  const { source, destination, defer } = sandbox();
  const agent = await source.serve([source.write('data', { big: file({ size: 8 * MIB }) })]);
  expect(await destination.lm(['copy', agent.url, destination.path('to')])).toMatchObject({ code: 0 });
  const between = await holdingDigests(agent.url);
  defer(between.stop);
  const verify = destination.start(['verify', between.url, '--json']);
  await verify.says(new RegExp(`"type":"progress".*"bytesDone":${4 * MIB},`));
  between.release();
  const { code, stdout } = await verify.done;
  expect(code).toBe(0);
  const progress = progressOf(stdout).map(({ bytesDone, filesDone }) => ({ bytesDone, filesDone }));
  expect(progress).toContainEqual({ bytesDone: 4 * MIB, filesDone: 0 });
  for (const { bytesDone, filesDone } of progress) if (filesDone === 0) expect(bytesDone).toBeLessThanOrEqual(4 * MIB);
});

/** Passes requests on to an agent, and answers to those for digests not before it is told to. */
async function holdingDigests(target: string) {
  let release!: () => void;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { port } = new URL(target);
  const server = createServer((asked, answer) => {
    const { method, url, headers } = asked;
    const onward = request({ port, method, path: url, headers }, async (from) => {
      if (url!.endsWith('/digests')) await released;
      answer.writeHead(from.statusCode!, from.headers);
      from.pipe(answer);
    });
    asked.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, release, stop };
}
