import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { holdOpen, release } from '../support/holders.js';
import { sandbox } from '../support/sandbox.js';
import { dir } from '../support/tree.js';

afterEach(release);

/** In seconds: any time that can be set again exactly. */
const LONG_AGO = 1_600_000_000;

test('a destination becomes complete only while both sides are as they were verified, and at rest', async () => {
  const { source, destination, defer } = sandbox();
  const from = source.write('data', { a: 'a', ks: dir({ b: 'b', c: 'c' }) });
  utimesSync(`${from}/a`, LONG_AGO, LONG_AGO);
  const agent = await source.serve([from]);
  const to = destination.write('data', {});
  const complete = async (...flags: string[]) => {
    const { code, stdout, stderr } = await destination.lm(['complete', ...flags]);
    return { code, said: stdout + stderr };
  };
  const refusedBecause = (text: string) => ({ code: 6, said: expect.stringContaining(text) });
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });

  writeFileSync(`${to}/own`, 'o');
  rmSync(`${to}/a`);
  chmodSync(`${to}/ks/c`, 0o600);
  const here = await complete();
  expect(here).toMatchObject(refusedBecause('changed since they were verified: 3 entries differ\n'));
  expect(here.said).toMatch(/^ {2}differs {2}not-found-at-source {2}data\/0\/own$/m);
  rmSync(`${to}/own`);
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
  const early = await holdOpen(`${from}/a`);
  expect(await destination.lm(['verify'])).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(new RegExp(`of a live source: .*\\(pid ${early}\\) has`)),
    stdout: expect.stringMatching(/^next: stop the service on the source/m),
  });
  await release();
  expect(await complete()).toMatchObject(refusedBecause('somebody was at work on the source during the last'));
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });

  const writer = await holdOpen(`${from}/a`);
  expect(await complete()).toMatchObject(refusedBecause(`(pid ${writer}) has ${from}/a open for writing`));
  await release();
  const reader = await holdOpen(`${to}/a`, '<');
  expect(await complete()).toMatchObject(refusedBecause(`(pid ${reader}) has ${to}/a open`));
  await release();
  const service = createServer().listen(0, '127.0.0.1');
  defer(() => service.close());
  await once(service, 'listening');
  const { port } = service.address() as AddressInfo;
  expect(await complete('--guard-port', `${port}`)).toMatchObject(refusedBecause(`listens on 127.0.0.1:${port}`));
  renameSync(to, `${to}-away`);
  destination.write('data', {});
  expect(await complete()).toMatchObject(refusedBecause('copy once with --new-source --adopt\n'));
  rmSync(to, { recursive: true });
  renameSync(`${to}-away`, to);

  appendFileSync(`${from}/a`, 'more');
  const there = await complete();
  expect(there).toMatchObject(refusedBecause('1 entry differs\n'));
  expect(there.said).toMatch(/^ {2}differs {2}size {2}source 5, destination 1: data\/0\/a$/m);
  truncateSync(`${from}/a`, 1);
  utimesSync(`${from}/a`, LONG_AGO, LONG_AGO);
  const done = await complete();
  expect(done).toMatchObject({
    code: 0,
    said: expect.stringMatching(
      /^next: lm complete on the source, .*, then start the service here, then lm reset on both hosts/m,
    ),
  });

  const fence = await source.lm(['complete', '--json']);
  expect(fence).toMatchObject({ code: 0, stdout: expect.stringContaining('"already":false') });
  expect(await complete()).toMatchObject({
    code: 0,
    said: expect.stringMatching(/^next: start the service here, then lm reset on both hosts/m),
  });
});

test('a source that cannot be reached, or is already complete, is no proof, and the hint names the way out', async () => {
  const { source, destination, proxy } = sandbox();
  const agent = await source.serve([source.write('data', { a: 'a' })]);
  const between = await proxy(agent.url, { asSidecar: true });
  expect(await destination.lm(['copy', between.url, destination.write('data', {})])).toMatchObject({ code: 0 });
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
  const env = { LM_URL: 'http://nowhere.invalid:9043' };
  expect(await destination.lm(['complete'], { env })).toMatchObject({
    code: 5,
    stderr: expect.stringMatching(/cannot be asked .*nowhere\.invalid.*\nhint: .*start it.*--unverified/),
  });
  expect(await source.lm(['complete'])).toMatchObject({ code: 0 });
  expect(await destination.lm(['complete'])).toMatchObject({
    code: 6,
    stderr: expect.stringContaining('cannot be listed any more: lm reset there'),
  });
  expect(await source.lm(['reset'])).toMatchObject({ code: 0 });
  expect(await destination.lm(['complete'])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('is a Sidecar, which cannot tell whether its files are still written to'),
  });
});

test('entries that the verification or the last check leaves out, and the final pass did not, are not proved', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { a: 'a', ks: dir({ b: 'b' }) });
  const agent = await source.serve([from]);
  const to = destination.write('data', {});
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  const fewer = destination.path('fewer.yaml');
  writeFileSync(fewer, `live_migration: { dirs_to_exclude: ["glob:${to}/ks"] }`);
  writeFileSync(`${to}/ks/b`, 'x');
  utimesSync(`${to}/ks/b`, LONG_AGO, LONG_AGO);
  utimesSync(`${from}/ks/b`, LONG_AGO, LONG_AGO);
  expect(await destination.lm(['verify', '--config', fewer])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('lm complete will not take this verification'),
    stdout: expect.stringMatching(/^next: lm copy --threshold 1.0, then lm verify again, both with the same/m),
  });
  expect(await destination.lm(['complete'])).toMatchObject({
    code: 6,
    stderr: expect.stringContaining('the last verification went by other exclusions'),
  });
  writeFileSync(`${to}/ks/b`, 'b');
  utimesSync(`${to}/ks/b`, LONG_AGO, LONG_AGO);
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^next: lm comp/m) });
  expect(await destination.lm(['complete', '--config', fewer])).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(/are not those of the last copy\n(.*\n)*error changed-since-verified \(6\): /),
  });
  execFileSync('mkfifo', [`${from}/pipe`]);
  expect(await destination.lm(['complete'])).toMatchObject({
    code: 0,
    stderr: 'warning: not copied: 1 socket, pipe or device at the source: data/0/pipe\n',
  });
});

test('a source is checked by the settings of its agent: ports, and the command that must succeed', async () => {
  const { source, defer } = sandbox();
  const from = source.write('data', { a: 'a' });
  const service = createServer().listen(0, '127.0.0.1');
  defer(() => service.close());
  await once(service, 'listening');
  const { port } = service.address() as AddressInfo;
  const running = source.path('running');
  writeFileSync(running, '');
  const flags = ['--guard-port', `${port}`, '--at-rest-check', `echo "of $LM_ROOTS"; test ! -e ${running}`];
  await (await source.serve([from, ...flags])).stop();
  expect(await source.lm(['complete'])).toMatchObject({
    code: 6,
    stderr: expect.stringContaining(`listens on 127.0.0.1:${port}`),
  });
  service.close();
  await once(service, 'close');
  expect(await source.lm(['complete'])).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(new RegExp(`ended with exit code 1: .*\n  of ${from}\n`)),
  });
  await (await source.serve([from])).stop();
  expect(await source.lm(['complete', '--pre-check', 'false'])).toMatchObject({ code: 6 });
  expect(await source.lm(['complete'])).toMatchObject({ code: 0 });
});

const inNamespaces = process.getuid?.() === 0 ? test : test.skip;

inNamespaces('a Cassandra at the source that cannot be looked into takes a port or a command', async () => {
  const { source } = sandbox();
  const from = source.write('data', { system_schema: dir({ a: 'a' }) });
  await (await source.serve([from])).stop();
  const under = ['unshare', '--pid', '--fork', '--mount-proc'];
  expect(await source.lm(['complete'], { under })).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(/cannot tell whether the service of this source has stopped: .* PID namespace/),
  });
  expect(await source.lm(['complete', '--guard-port', '1'], { under })).toMatchObject({ code: 0 });
});
