// `lm doctor` by the built program: on either host, with and without a source, and what it leaves untouched.

import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { selfSigned } from '../../src/agent/access/self-signed.js';
import type { Finding } from '../../src/doctor/finding.js';
import { type Finished, jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file, readTree } from '../support/tree.js';

const MIB = 2 ** 20;
const IS_ROOT = process.getuid?.() === 0;
const asRoot = IS_ROOT && spawnSync('sh', ['-c', 'command -v mkfs.ext4']).status === 0 ? longTest : test.skip;

/** The one document of `--json`. */
function documentOf({ stdout }: Finished): { exitCode: number; findings: Finding[] } & Record<string, unknown> {
  const lines = jsonLines(stdout);
  expect(lines.map(({ type }) => type)).toEqual(['summary']);
  return lines[0] as never;
}

/** The findings of a severity or of a code. */
const of = (what: string, { findings }: { findings: Finding[] }): Finding[] =>
  findings.filter(({ code, severity }) => code === what || severity === what);

const codesOf = (findings: readonly Finding[]): string[] => findings.map(({ code }) => code);

test('two hosts that are ready: every check says so, the network is measured, and nothing is changed', async () => {
  const { dir: box, source, destination } = sandbox();
  const TMPDIR = join(box, 'tmp');
  mkdirSync(TMPDIR);
  const from = source.write('data', { big: file({ size: 9 * MIB }), d: dir({ small: 's' }) });
  linkSync(join(from, 'd', 'small'), join(from, 'd', 'linked'));
  const agent = await source.serve([from]);
  const to = destination.write('data', {});
  utimesSync(to, 1_600_000_000, 1_600_000_000);
  const before = await readTree(destination.dir);

  const finished = await destination.lm(['doctor', agent.url, to, '--json', '--probe-disk', '4MiB'], {
    env: { TMPDIR },
  });
  const document = documentOf(finished);
  expect(of('error', document)).toEqual([]);
  expect(finished.code).toBe(0);
  expect(document).toMatchObject({ command: 'doctor', exitCode: 0, result: 'ok', role: 'destination' });
  const right = codesOf(of('ok', document));
  for (const code of [
    ...['settings', 'versions', 'address-space', 'records', 'completed', 'directories', 'service', 'writable', 'space'],
    ...['file-systems', 'encryption', 'credentials', 'source', 'source-version', 'clock', 'listing', 'network'],
    ...['cold-reads', 'guards', 'forecast'],
  ])
    expect(right).toContain(code);
  expect(of('left-out', document)).toMatchObject([
    { severity: 'note', says: expect.stringMatching(/^hard links: 2 /) },
  ]);
  expect(document['forecast']).toMatchObject({ bottleneck: expect.any(String), firstCopyMs: expect.any(Number) });
  expect(await readTree(destination.dir)).toEqual(before);
  expect(statSync(to).mtimeMs).toBe(1_600_000_000_000);
  expect(existsSync(destination.stateDir)).toBe(false);
  expect(readdirSync(TMPDIR)).toEqual([]);
});

test('no source: one error, what to do about it, and what is here is looked at all the same', async () => {
  const { destination } = sandbox();
  const { code, stdout, stderr } = await destination.lm(['doctor', 'http://127.0.0.1:1', destination.path('data')]);
  expect([code, stderr]).toEqual([5, '']);
  expect(stdout).toMatch(/^note {4}directories: data\/0: .* does not exist yet: a copy makes it$/m);
  expect(stdout.match(/^error .*$/gm)).toEqual([expect.stringMatching(/^error {3}source: .*127\.0\.0\.1:1/)]);
  expect(stdout).toMatch(/^ {2}to do: is lm serve running there/m);
  expect(stdout).toMatch(/^1 error, .*: exit code 5, source unreachable/m);
  expect(existsSync(destination.stateDir)).toBe(false);
});

test('without a URL or a directory there is this host alone; a slip in a flag is a usage error', async () => {
  const { destination } = sandbox();
  const alone = await destination.lm(['doctor', '--quiet']);
  expect(alone).toMatchObject({ code: 0, stdout: expect.not.stringMatching(/^ok /m) });
  expect(alone.stdout).not.toMatch(/directories|source:/);
  expect(await destination.lm(['doctor', '--prob-disk', '1GiB'])).toMatchObject({
    ...{ code: 2, stdout: '' },
    stderr: expect.stringContaining('did you mean --probe-disk?'),
  });
  expect(await destination.lm(['doctor', '--probe-disk', '1'])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(
      /^lm doctor: --probe-disk: got '1', takes an amount with its unit.*\nhint: did you mean 1MiB\?\nerror usage \(2\): nothing was begun\n$/,
    ),
  });
});

longTest('a certificate that nobody vouches for is an error of TLS; with its pin, all is right', async () => {
  const { source, destination } = sandbox();
  const agent = await source.serve([source.write('data', { a: 'a' }), '--tls-auto']);
  const [, pin] = await agent.process.says(/--pin (\S+)$/m);
  const authority = join(destination.dir, 'ca.pem');
  writeFileSync(
    authority,
    selfSigned(['somebody.else'], Date.now()).replace(/^[\s\S]*?-----END PRIVATE KEY-----\n/, ''),
  );
  const to = destination.write('data', {});

  const wrong = await destination.lm(['doctor', agent.url, to, '--ca-cert', authority, '--json']);
  expect(wrong.code).toBe(7);
  expect(of('error', documentOf(wrong))).toMatchObject([{ code: 'source', exit: 'protocol' }]);
  const right = await destination.lm(['doctor', agent.url, to, '--pin', pin!, '--json']);
  expect(right.code).toBe(0);
  expect(of('certificate', documentOf(right))).toMatchObject([{ severity: 'ok' }]);
  expect(of('encryption', documentOf(right))).toMatchObject([{ severity: 'ok', says: 'TLS' }]);
});

longTest('what a copy would refuse is found, each with its code', async () => {
  const { source, destination, defer } = sandbox();
  const from = source.write('data', { a: 'a' });
  const agent = await source.serve([from]);
  const to = destination.write('data', { mine: 'm' });
  const service = createServer().listen(0, '127.0.0.1');
  await once(service, 'listening');
  defer(() => service.close());
  const { port } = service.address() as AddressInfo;

  const busy = documentOf(await destination.lm(['doctor', agent.url, to, '--guard-port', `${port}`, '--json']));
  expect(busy.exitCode).toBe(6);
  expect(codesOf(of('error', busy))).toEqual(['service', 'guards', 'guards']); // not empty, and more than --max-delete would go
  const adopted = await destination.lm(['doctor', agent.url, to, '--adopt', '--max-delete', '100%', '--json']);
  expect(of('error', documentOf(adopted))).toEqual([]);

  const failing = documentOf(
    await destination.lm([
      'doctor',
      agent.url,
      to,
      '--adopt',
      '--max-delete',
      '100%',
      '--pre-check',
      'false',
      '--json',
    ]),
  );
  expect(of('error', failing)).toMatchObject([{ code: 'guards', says: expect.stringContaining('pre-check') }]);

  expect(await destination.lm(['copy', agent.url, to, '--adopt', '--max-delete', '100%'])).toMatchObject({ code: 0 });
  expect(await destination.lm(['complete', '--unverified', '--allow-running'])).toMatchObject({ code: 0 });
  const over = documentOf(await destination.lm(['doctor', '--json']));
  expect(of('error', over)).toMatchObject([{ code: 'completed', exit: 'refused' }]);
});

longTest('a copy that is at work here, a source that caps requests, and a token that others can read', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', { big: file({ size: 66 * MIB }) });
  const agent = await source.serve([from, '--max-concurrent-file-requests', '4']);
  const between = await proxy(agent.url, { stallAfter: 40 * MIB });
  const to = destination.write('data', {});
  const copy = destination.start(['copy', between.url, to, '--concurrency', '1']);
  await between.stalled;
  const locked = await destination.lm(['doctor', agent.url, to, '--concurrency', '10', '--json']); // 1 is remembered
  expect(locked.code).toBe(9);
  expect(of('error', documentOf(locked))).toMatchObject([{ code: 'lock', exit: 'locked' }]);
  expect(of('copy', documentOf(locked))).toMatchObject([
    { severity: 'note', says: expect.stringMatching(/^concurrency 4, not 10/) },
  ]);
  copy.kill('SIGTERM');
  await copy.done;

  const token = join(destination.dir, 'token');
  writeFileSync(token, 'sixteen-characters-and-more\n', { mode: 0o644 });
  const open = await destination.lm(['doctor', agent.url, to, '--token-file', token, '--json']);
  expect(open.code).toBe(2);
  expect(of('error', documentOf(open))).toMatchObject([
    { code: 'credentials', todo: expect.stringMatching(/^chmod 600/) },
  ]);
});

longTest('a Sidecar is measured as well; after a copy the forecast goes by what it has taken', async () => {
  const { source, destination, proxy } = sandbox();
  const agent = await source.serve([source.write('data', { big: file({ size: 12 * MIB }), empty: dir({}) })]);
  const between = await proxy(agent.url, { asSidecar: true });
  const to = destination.write('data', {});
  const doctor = async (url: string) =>
    documentOf(await destination.lm(['doctor', url, to, '--probe-disk', '1MiB', '--json']));
  const first = await doctor(between.url);
  expect(of('error', first)).toEqual([]);
  expect(of('source-version', first)).toMatchObject([{ says: expect.stringContaining('Sidecar') }]);
  expect(of('network', first)).toMatchObject([{ severity: 'ok' }]);
  expect(of('cold-reads', first)).toMatchObject([{ severity: 'note' }]);
  expect(first['forecast']).not.toHaveProperty('downtimeMs');

  expect(await destination.lm(['copy', agent.url, to, '--threshold', '0.9'])).toMatchObject({ code: 0 });
  expect((await doctor(agent.url))['forecast']).toMatchObject({ downtimeMs: expect.any(Number) });
  const ownHost = documentOf(
    await destination.lm(['doctor', source.path('data'), destination.path('other'), '--json']),
  );
  expect(of('source', ownHost)).toMatchObject([{ severity: 'note', says: expect.stringContaining('of this host') }]);
});

longTest('at a source: directories, address, credentials and what a walk finds', async () => {
  const { source } = sandbox();
  const data = source.write('data', { a: 'a', system: dir({ 'local-1': dir({}) }) });
  linkSync(join(data, 'a'), join(data, 'b'));
  const ready = await source.lm(['doctor', '--root', `data=${data}`, '--listen', '127.0.0.1:0', '--json']);
  const document = documentOf(ready);
  expect([ready.code, document['role']]).toEqual([0, 'source']);
  for (const code of ['directories', 'credentials', 'encryption', 'port', 'listing'])
    expect(codesOf(of('ok', document))).toContain(code);
  expect(of('node', document)).toMatchObject([
    { severity: 'warning', says: expect.stringContaining('--root commitlog=') },
  ]);
  expect(of('left-out', document)).toMatchObject([{ says: expect.stringMatching(/^hard links: 2 names/) }]);
  expect(existsSync(source.stateDir)).toBe(false);

  execFileSync('sh', ['-c', 'touch "$1/$(printf "\\377")"', 'sh', data]);
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const where = `127.0.0.1:${(taken.address() as AddressInfo).port}`;
  const bad = await source.lm(['doctor', '--root', `data=${data}`, '--listen', where, '--json']);
  taken.close();
  expect(bad.code).toBe(2);
  expect(of('error', documentOf(bad)).map(({ code, exit }) => `${code} ${exit}`)).toEqual([
    'port usage',
    'listing refused',
  ]);
  const missing = await source.lm(['doctor', '--root', `data=${source.path('nowhere')}`, '--json']);
  expect(of('error', documentOf(missing))).toMatchObject([{ code: 'directories', exit: 'usage' }]);
});

longTest('an agent of the same source on the address is no trouble, and a damaged SSTable is', async () => {
  const { source, destination } = sandbox();
  const table = {
    'nb-1-big-Data.db': 'data',
    'nb-1-big-Digest.crc32': '1',
    'nb-1-big-TOC.txt': 'Data.db\nDigest.crc32\n',
  };
  const data = source.write('data', { ks: dir({ t: dir(table) }) });
  const agent = await source.serve([data]);
  const listen = new URL(agent.url).host;
  const here = documentOf(await source.lm(['doctor', '--root', `data=${data}`, '--listen', listen, '--json']));
  expect(of('port', here)).toMatchObject([{ severity: 'note' }]);
  const damaged = await destination.lm(['doctor', agent.url, destination.path('data'), '--sstables', '--json']);
  expect(damaged.code).toBe(6);
  expect(of('error', documentOf(damaged))).toMatchObject([{ code: 'sstables', exit: 'refused' }]);
});

asRoot(
  'a full, a read-only and a coarse file system, owners that nobody is, and records that others can write',
  async () => {
    const { source, destination, defer } = sandbox();
    const from = source.write('data', { log: 'x'.repeat(8 * MIB) });
    const agent = await source.serve([from]);
    const disk = destination.path('disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]);
    defer(() => execFileSync('umount', [disk]));
    const small = await destination.lm(['doctor', agent.url, `${disk}/data`, '--json']);
    expect(small.code).toBe(8);
    expect(of('error', documentOf(small))).toMatchObject([{ code: 'space', exit: 'local' }]);

    const mine = destination.write('mine', {});
    execFileSync('mount', ['--bind', mine, mine]);
    execFileSync('mount', ['-o', 'remount,bind,ro', mine]);
    defer(() => execFileSync('umount', [mine]));
    const readOnly = documentOf(await destination.lm(['doctor', agent.url, mine, '--json']));
    expect(codesOf(of('error', readOnly))).toContain('writable');

    const image = destination.path('image');
    execFileSync('truncate', ['-s', '8M', image]);
    const coarse = destination.path('coarse');
    mkdirSync(coarse);
    execFileSync('mkfs.ext4', ['-q', '-I', '128', image], { stdio: 'ignore' });
    execFileSync('mount', ['-o', 'loop', image, coarse]);
    defer(() => spawnSync('umount', [coarse]));
    const seconds = documentOf(await destination.lm(['doctor', agent.url, coarse, '--json']));
    expect(of('file-systems', seconds)[0]).toMatchObject({
      severity: 'warning',
      says: expect.stringMatching(/to the second only$/),
    });

    chownSync(join(from, 'log'), 65_534, 65_534);
    const nobody = await destination.lm(['doctor', agent.url, destination.path('data'), '--json']);
    expect(nobody.code).toBe(6);
    expect(of('error', documentOf(nobody))).toMatchObject([{ code: 'owners', exit: 'refused' }]);

    mkdirSync(destination.stateDir);
    chownSync(destination.stateDir, 12_345, 12_345);
    chmodSync(destination.stateDir, 0o700);
    const strange = documentOf(await destination.lm(['doctor', '--json']));
    expect(of('error', strange)).toMatchObject([{ code: 'records', exit: 'usage' }]);
  },
);

longTest('too few addresses: a finding, and nothing that needs a thread is begun', async () => {
  const { destination } = sandbox();
  const under = ['sh', '-c', 'ulimit -v 4000000; exec "$@"', 'sh'];
  const { code, stdout } = await destination.lm(['doctor', 'http://127.0.0.1:1', destination.path('to')], { under });
  expect(code).toBe(8);
  expect(stdout).toMatch(/^error {3}address-space: not enough memory/m);
  expect(stdout).not.toMatch(/source:/);
});
