// A source that is lost on the way, and comes back in time or does not: what is said, and how the command ends.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import type { Agent } from '../support/lm.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { file, readTree } from '../support/tree.js';

const MIB = 1 << 20;

/** Killed with no time to say anything to its clients; another one at the same address is not it. */
async function kill({ process }: Agent): Promise<void> {
  process.kill('SIGKILL');
  await process.done;
}

const again = (source: Host, from: string, { url }: Agent): Promise<Agent> =>
  source.serve([from, '--listen', new URL(url).host]);

/** A copy that has got its first bytes. */
async function midway(flags: string[]) {
  const box = sandbox();
  const { source, destination } = box;
  const from = source.write('data', { big: file({ size: 6 * MIB }), small: 's' });
  const to = destination.write('to', {});
  const agent = await source.serve([from], { kept: false });
  const copy = destination.start(['copy', agent.url, to, '--json', '--limit-rate', '3MiB/s', ...flags]);
  await copy.says(/"type":"progress".*"bytesDone":[1-9]/);
  return { ...box, from, to, agent, copy };
}

test('an agent that is started again in time is waited for, and both are said', async () => {
  const { source, destination, from, to, agent, copy } = await midway(['--retry-for', '5m']);
  await kill(agent);
  await copy.says(/"type":"retried".*"waitMs":1000,.*refused/); // so long, at least, has it been lost
  await again(source, from, agent);
  const { code, stdout } = await copy.done;
  expect(code).toBe(0);
  const events = jsonLines(stdout);
  const [first] = events.filter(({ reason }) => /refused/.test(reason));
  expect(first).toMatchObject({ type: 'retried', leftMs: 300_000 });
  const recovered = events.filter(({ type }) => type === 'recovered');
  expect(recovered).toEqual([expect.objectContaining({ forMs: expect.any(Number) })]);
  expect(recovered[0]!['forMs']).toBeGreaterThanOrEqual(1_000);
  expect(await readTree(to)).toEqual(await readTree(from));
  expect((await destination.lm(['verify'])).code).toBe(0);
});

test('one that does not come back ends the copy with 5 when the time is over, and how long that was is said', async () => {
  const { agent, copy, source, destination, from, to } = await midway(['--retry-for', '2s']);
  const killed = performance.now();
  await kill(agent);
  const { code, stderr } = await copy.done;
  expect(performance.now() - killed).toBeGreaterThan(2_000);
  expect([code, stderr]).toEqual([
    5,
    expect.stringMatching(/cannot be reached: .*\(after \d+ tries, waited for 2\.\d s\)/),
  ]);
  await again(source, from, agent);
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
  expect(await readTree(to)).toEqual(await readTree(from));
});

longTest('a verification waits as well, for its listing and for its digests', async () => {
  const { source, destination, proxy } = sandbox();
  const names = Array.from({ length: 2_000 }, (_, i) => [`file-${i}`, `${i}`]);
  const from = source.write('data', Object.fromEntries(names));
  const agent = await source.serve([from], { kept: false });
  expect(await destination.lm(['copy', agent.url, destination.path('to')])).toMatchObject({ code: 0 });
  await kill(agent);
  const verify = destination.start(['verify', '--json']);
  await verify.says(/"type":"retried".*"waitMs":1000,.*refused/);
  await again(source, from, agent);
  expect(await verify.done).toMatchObject({ code: 0, stdout: expect.stringContaining('"type":"recovered"') });
  const whole = await proxy(agent.url);
  expect(await destination.lm(['verify', whole.url])).toMatchObject({ code: 0 });
  for (const cutAfter of [whole.passed() / 2, whole.passed() - 10_000]) {
    const between = await proxy(agent.url, { cutAfter });
    const { code, stdout } = await destination.lm(['verify', between.url, '--json']);
    expect(between.passed()).toBeGreaterThan(cutAfter);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/"type":"retried".*broke off/)]);
  }
});

test('how long is stated like any setting, is remembered, and is said of the busy too', async () => {
  const { source, destination, defer } = sandbox();
  const from = source.write('data', { a: 'a' });
  const agent = await source.serve([from], { kept: false });
  expect(await destination.lm(['copy', agent.url, destination.path('to'), '--retry-for', '0'])).toMatchObject({
    code: 0,
  });
  await kill(agent);
  const stderr = expect.stringMatching(/connection refused \(ECONNREFUSED\) \(after 1 try\)/);
  for (const command of ['copy', 'verify']) expect(await destination.lm([command])).toMatchObject({ code: 5, stderr });
  writeFileSync(destination.path('lm.yaml'), 'retry_for: 1s\n');
  const waited = expect.stringMatching(/waited for 1\.\d s\)/);
  expect(await destination.lm(['copy'])).toMatchObject({ code: 5, stderr: waited });
  expect(await destination.lm(['copy'], { env: { LM_RETRY_FOR: '0s' } })).toMatchObject({ code: 5, stderr });
  expect((await destination.lm(['config', 'show'])).stdout).toMatch(/retry-for +1s .*lm\.yaml:1/);
  expect((await destination.lm(['copy', '--help'])).stdout.replaceAll(/\s+/g, ' ')).toContain(
    '--retry-for <TIME> how long a lost source is waited for (30s), and one that is only busy (5m)',
  );

  const busy = await answering(new URL(agent.url), (socket) =>
    socket.end('HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n'),
  );
  defer(busy);
  const began = performance.now();
  expect(await destination.lm(['copy', '--retry-for', '30m'])).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('asks to come back in 1h00m (waited for 0.0 s of 30m00s)'),
  });
  expect(performance.now() - began).toBeLessThan(30_000);
});

test('a TLS handshake that is cut is waited for like a source that is lost', async () => {
  const { destination, defer } = sandbox();
  for (const cut of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
    let handshakes = 0;
    const stop = await answering({ hostname: '127.0.0.1', port: '0' }, (socket) => {
      handshakes++;
      cut(socket);
    });
    defer(stop);
    const url = `https://127.0.0.1:${stop.port}`;
    const { stderr } = await destination.lm(['copy', url, destination.path('to'), '--retry-for', '1s']);
    expect([handshakes > 2, stderr]).toEqual([true, expect.stringMatching(/\(after \d+ tries, waited for 1\.\d s\)/)]);
  }
});

/** A server that has one answer for whatever it hears. Returned is its end. */
async function answering({ hostname, port }: { hostname: string; port: string }, answer: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => answer(socket));
  });
  server.listen(Number(port), hostname);
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    server.close();
    await once(server, 'close');
  };
  return Object.assign(stop, { port: (server.address() as AddressInfo).port });
}
