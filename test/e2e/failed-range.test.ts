// A big file of which the source cannot read one range, while the others arrive before and after it says so.

import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { FRAMES_CONTENT_TYPE, readFetchRequest, writeFrameHead } from '../../src/wire/frames.js';
import { ROUTES } from '../../src/wire/routes.js';
import { jsonLines } from '../support/lm.js';
import { sandbox } from '../support/sandbox.js';
import { file, readTree } from '../support/tree.js';

const MIB = 1024 * 1024;

/** In front of the agent: the range at `badOffset` fails as on a bad sector, those behind it are passed on once it has. */
async function failingAt(badOffset: number, target: string): Promise<{ url: string; stop(): void }> {
  let tellFailed = (): void => {};
  const failed = new Promise<void>((resolve) => {
    tellFailed = resolve;
  });
  const pass = async (asked: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> => {
    const { method, url, headers } = asked;
    const passed = request(new URL(url!, target), { method, headers }).end(body);
    const [answer] = (await once(passed, 'response')) as [IncomingMessage];
    answer.pipe(response.writeHead(answer.statusCode!, answer.headers));
  };
  const server = createServer(async (asked, response) => {
    const body = await buffer(asked);
    const unit = asked.url === ROUTES.fetch.path ? readFetchRequest(body) : undefined;
    if (unit?.kind !== 'range' || unit.offset < badOffset) return pass(asked, body, response);
    if (unit.offset > badOffset) return failed.then(() => pass(asked, body, response));
    const frame = writeFrameHead({ result: 'failed', message: 'EIO' });
    response.writeHead(200, { 'content-type': FRAMES_CONTENT_TYPE, 'content-length': frame.length });
    response.end(frame, tellFailed);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const stop = () => server.close().closeAllConnections();
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}

test('a big file with one unreadable range is not published, whatever arrives of it afterwards', async () => {
  const { source, destination, defer } = sandbox();
  const from = source.write('data', { big: file({ size: 64 * MIB }), small: 's' });
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  const bad = await failingAt(8 * MIB, agent.url);
  defer(bad.stop);
  const { code, stdout, stderr } = await destination.lm(['copy', bad.url, to, '--max-iterations', '1', '--json']);
  expect({ code, stderr }).toEqual({ code: 6, stderr: 'failed  data/0/big: cannot be read at the source: EIO\n' });
  expect(jsonLines(stdout).at(-1)!['report'].status[0]).toMatchObject({ downloadFailures: 1, filesDownloaded: 1 });
  expect(readdirSync(to)).toEqual(['small']);

  expect(await destination.lm(['copy', agent.url])).toMatchObject({ code: 0 });
  expect(await readTree(to)).toEqual(await readTree(from));
});
