// An lm of another day at the other end, or before this one on the same host: what it says and what it wrote down is still understood.

import { execFileSync } from 'node:child_process';
import {
  chownSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connectSource } from '../../src/source/connect-source.js';
import { IS_ROOT } from '../support/as-user.js';
import { flipBit } from '../support/flip-bit.js';
import { holdOpen, release, until } from '../support/holders.js';
import { jsonLines } from '../support/lm.js';
import { startPageWriter } from '../support/page-writer.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file, link, readTree } from '../support/tree.js';

const MIB = 1024 * 1024;
const FROZEN = fileURLToPath(new URL('../frozen', import.meta.url));
const unpacked = mkdtempSync(join(tmpdir(), 'lm-frozen-'));

/** Both as options of a start; `today` is what is built here. */
const frozen = { bin: join(unpacked, 'package/bin/lm.js') };
const today = {};

beforeAll(() => {
  const [name, ...others] = readdirSync(FROZEN).filter((file) => file.endsWith('.tgz'));
  expect(others).toEqual([]);
  execFileSync('tar', ['-xzf', join(FROZEN, name!), '-C', unpacked]);
});

afterAll(() => rmSync(unpacked, { recursive: true }));

const lastPass = (stdout: string) => jsonLines(stdout).at(-1)!['report'].status.at(-1);

describe.each([
  ['a frozen agent and a client of today', frozen, today],
  ['an agent of today and a frozen client', today, frozen],
])('%s', (_, serving, pulling) => {
  test('migrate, encrypted and with a token; what they leave is told, held to and forgotten by today’s', async () => {
    const { source, destination } = sandbox();
    const from = source.write('data', {
      ks: dir({ t: dir({ 'big.db': file({ size: 9 * MIB }), 'small.db': 's', empty: '', gone: 'g' }) }),
      link: link('ks/t'),
    });
    const to = destination.write('data', {});
    const token = join(source.dir, 'token');
    writeFileSync(token, 'sixteen-characters-and-more\n', { mode: 0o600 });
    const agent = await source.serve([from, '--tls-auto', '--token-file', token], serving);
    const [, pin] = await agent.process.says(/--pin (\S+)$/m);
    const given = [agent.url, to, '--token-file', token, '--pin', pin!, '--threshold', '0.9'];

    expect(await destination.lm(['copy', ...given], pulling)).toMatchObject({ code: 0 });
    const again = await destination.lm(['copy', '--json'], pulling);
    expect(again.code).toBe(0);
    expect(lastPass(again.stdout)).toMatchObject({ state: 'SUCCESS', filesDownloaded: 0, bytesReceived: 0 });
    expect(await destination.lm(['status'], pulling)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('an lm agent, NOT_COMPLETED'),
    });

    source.write('data', { ks: dir({ t: dir({ 'small.db': 'changed', new: 'n' }) }) });
    rmSync(`${from}/ks/t/gone`);
    expect(await destination.lm(['copy'], pulling)).toMatchObject({ code: 0 });
    expect(await destination.lm(['verify'], pulling)).toMatchObject({ code: 0 });
    expect(await readTree(to)).toEqual(await readTree(from));
    expect(await destination.lm(['complete'], pulling)).toMatchObject({ code: 0 });
    expect(await source.lm(['complete'], serving)).toMatchObject({ code: 0 });
    expect(await destination.lm(['copy'])).toMatchObject({ code: 6 });
    for (const host of [source, destination])
      expect((await host.lm(['status'], today)).stdout).toMatch(/completion +COMPLETED since/);
    await agent.stop();
    for (const host of [source, destination]) expect(await host.lm(['reset'], today)).toMatchObject({ code: 0 });
  });
});

test('a frozen agent cannot tell what has been proved: --incremental is refused in a line, and a full verification passes', async () => {
  const { source, destination } = sandbox();
  const { url } = await source.serve([source.write('data', { a: 'a' })], frozen);
  const to = destination.write('data', {});
  expect(await destination.lm(['copy', url, to])).toMatchObject({ code: 0 });
  const refused = await destination.lm(['verify', '--incremental']);
  expect(refused).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(/^lm verify: the lm at the source is too old to tell/m),
  });
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
});

test('a frozen agent that is asked for what came later lists without it, and says so', async () => {
  const { source } = sandbox();
  const agent = await source.serve([source.write('data', { a: 'a' })], frozen);
  const { signal } = new AbortController();
  const connected = await connectSource({ url: agent.url, roots: [], spool: source.dir, emit() {}, signal });
  const listing = await connected.list({ features: ['ctimes', 'links'] }, signal);
  expect(listing.header).toMatchObject({ features: [], roots: [{ key: 'data/0' }] });
  expect(listing.header.roots[0]!.birthNs).toBeUndefined();
  for await (const listed of listing.blocks)
    expect(listed.block()!.entries).toMatchObject([{ name: 'a', ctimeNs: undefined, links: undefined }]);
  await connected.close();
});

(IS_ROOT ? test : test.skip)(
  'from a frozen agent owners go by number, which is said, and refused for none of them',
  async () => {
    const { source, destination } = sandbox();
    const from = source.write('data', { a: 'a', b: 'b', c: 'c' });
    for (const [name, id] of [
      ['a', 1], // somebody's here
      ['b', 65_534],
      ['c', 3_456_789],
    ] as const)
      chownSync(join(from, name), id, id);
    const { url } = await source.serve([from], frozen);
    const to = destination.write('data', {});
    const copied = await destination.lm(['copy', url, to, '--owner', '3456789=4', '--owner', 'somebody=5']);
    expect(copied).toMatchObject({ code: 0 });
    expect(copied.stderr).toBe('warning: --owner somebody=5: the source has nobody of that name\n');
    const said = /^owners: by number: the source is an older lm, which does not send their names$/gm;
    expect(copied.stdout.match(said)).toHaveLength(1);
    expect(['a', 'b', 'c'].map((name) => statSync(join(to, name)).uid)).toEqual([1, 65_534, 4]);
    expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
  },
);

test('a root that was replaced under an agent ends both clients at once, and under a frozen agent as before', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { a: 'a' });
  const to = destination.write('data', {});
  const agent = await source.serve([from], today);
  const old = await source.serve([from], frozen);
  expect(await destination.lm(['copy', agent.url, to], frozen)).toMatchObject({ code: 0 });
  renameSync(from, `${from}-away`);
  source.write('data', {});
  const why = expect.stringContaining('root data/0 is another directory than when lm serve began');
  const refused = await destination.lm(['copy', '--max-delete', '100%'], frozen);
  expect(refused).toMatchObject({ code: 7, stderr: why });
  expect(await destination.lm(['copy', '--max-delete', '100%'])).toMatchObject({ code: 5, stderr: why });
  const before = await destination.lm(['copy', old.url, '--new-source', '--max-delete', '100%']);
  expect(before).toMatchObject({ code: 5, stderr: why });
  expect(before.stderr).toMatch(/^retry 4/m);
  expect(refused.stderr).not.toMatch(/^retry/m);
  expect(readdirSync(to)).toEqual(['a']);
});

test('a copy by the frozen client that was killed is told and gone on with by today’s', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', { big: file({ size: 66 * MIB }), small: 's' });
  const to = destination.write('data', {});
  const agent = await source.serve([from], frozen);
  const between = await proxy(agent.url, { stallAfter: 50 * MIB });
  const dying = destination.start(['copy', between.url, to, '--concurrency', '1'], frozen);
  await between.stalled;
  const [instance] = readdirSync(destination.stateDir).filter((name) => name.startsWith('destination-'));
  const journal = `${destination.stateDir}/${instance}/journal.jsonl`;
  await until(() => readFileSync(journal, 'utf8').includes('range-done'));
  dying.kill('SIGKILL');
  await dying.done;
  between.cut();

  const { stdout } = await destination.lm(['status'], today);
  expect(stdout).toMatch(/last copy +began .*, was cut off\n +unfinished +1 big file/);
  const resumed = await destination.lm(['copy', '--json'], today);
  expect(resumed.code).toBe(0);
  expect(jsonLines(resumed.stdout).at(-1)!['report'].status[0].bytesReused).toBeGreaterThanOrEqual(33 * MIB);
  expect(await readTree(to)).toEqual(await readTree(from));
});

test('of a frozen agent, which proves a range as a whole, what was proved is kept', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', { big: file({ size: 24 * MIB }) });
  const to = destination.write('data', {});
  const agent = await source.serve([from], frozen);
  const line = await proxy(agent.url, { bytesPerSecond: 8 * MIB });
  const given = ['copy', line.url, to, '--concurrency', '2'];
  const dying = destination.start(given, today);
  await line.hasPassed(14 * MIB);
  dying.kill('SIGTERM');
  await dying.done;
  line.cut();
  const { code, stdout } = await destination.lm([...given, '--json'], today);
  expect(code).toBe(0);
  expect(lastPass(stdout).state).toBe('SUCCESS');
  expect(jsonLines(stdout).at(-1)!['report'].status[0].bytesReused).toBeGreaterThanOrEqual(2 * MIB);
  expect(await readTree(to)).toEqual(await readTree(from));
});

test('a frozen agent sends nothing torn: a file that changes is fetched when it stands still, as it was', async () => {
  const { source, destination, proxy, defer } = sandbox();
  const from = source.write('data', { big: file({ size: 24 * MIB }), still: 's' });
  const to = destination.write('data', {});
  const writing = { path: `${from}/big`, firstPage: 0, pages: 1024, everyMs: 2 };
  const writer = await startPageWriter(writing);
  defer(writer.stop);
  const agent = await source.serve([from], frozen);
  const line = await proxy(agent.url);
  const live = await destination.lm(['copy', line.url, to, '--threshold', '0.0001', '--json'], today);
  expect(jsonLines(live.stdout).at(-1)!['report'].status[0]).toMatchObject({ filesChanged: 1 });
  expect(readdirSync(to)).not.toContain('big');
  await writer.stop();
  expect(await destination.lm(['copy'], today)).toMatchObject({ code: 0 });
  expect(await readTree(to)).toEqual(await readTree(from));
});

test('what today’s client has proved and begun is understood by the frozen one', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', { big: file({ size: 24 * MIB }) });
  const to = destination.write('data', {});
  const agent = await source.serve([from], today);
  const line = await proxy(agent.url, { bytesPerSecond: 16 * MIB });
  const dying = destination.start(['copy', line.url, to, '--concurrency', '2'], today);
  await line.hasPassed(12 * MIB);
  dying.kill('SIGTERM');
  await dying.done;
  const { code, stdout } = await destination.lm(['copy', '--json'], frozen);
  expect(code).toBe(0);
  expect(jsonLines(stdout).at(-1)!['report'].status[0].bytesReused).toBeGreaterThanOrEqual(9 * MIB);
  expect(await readTree(to)).toEqual(await readTree(from));
});

test.each([
  ['today’s', today, frozen],
  ['the frozen', frozen, today],
])('a copy under way is told by %s lm status, whichever lm copies', async (_, asking, copying) => {
  const { source, destination, proxy } = sandbox();
  const agent = await source.serve([source.write('data', { big: file({ size: 20 * MIB }) })], copying);
  const between = await proxy(agent.url, { stallAfter: 8 * MIB });
  const copy = destination.start(['copy', between.url, destination.write('data', {})], copying);
  await between.stalled;
  const { code, stdout } = await destination.lm(['status'], asking);
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(`lm copy (pid ${copy.pid}, since 2`) });
});

test('failures that a frozen client has recorded are told, and mended, by today’s', async () => {
  const { source, destination } = sandbox();
  const from = source.write('log', { 'CommitLog-7-1.log': 'log' });
  const to = destination.write('log', {});
  const agent = await source.serve(['--root', `commitlog=${from}`], frozen);
  await holdOpen(`${from}/CommitLog-7-1.log`);
  const given = [agent.url, '--root', `commitlog=${to}`, '--guard-port', '1', '--threshold', '0.5'];
  expect(await destination.lm(['copy', ...given], frozen)).toMatchObject({ code: 3 });
  expect((await destination.lm(['status'])).stdout).toMatch(
    /last copy +ended .* with exit code 3 .*, threshold 50 %$/m,
  );
  await release();
  expect(await destination.lm(['copy'], frozen)).toMatchObject({ code: 0 });

  source.write('log', { 'CommitLog-7-2.log': 'more' });
  expect(await destination.lm(['verify'], frozen)).toMatchObject({ code: 4 });
  expect((await destination.lm(['status'])).stdout).toMatch(
    /last verify +\S+ \S+ with exit code 4,.*\n +verified +no$/m,
  );
  expect(await destination.lm(['complete'])).toMatchObject({ code: 6 });
  for (const command of ['copy', 'verify', 'complete'])
    expect(await destination.lm([command])).toMatchObject({ code: 0 });
  expect(await readTree(to)).toEqual(await readTree(from));
});

test('both ends become today’s in the middle of a migration: same source, same certificate, nothing moves twice', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', { big: file({ size: 9 * MIB }), small: 's' });
  const to = destination.write('data', {});
  const token = join(source.dir, 'token');
  writeFileSync(token, 'sixteen-characters-and-more\n', { mode: 0o600 });
  const words = [from, '--tls-auto', '--token-file', token];
  const before = await source.serve(words, frozen);
  const [, pin] = await before.process.says(/--pin (\S+)$/m);
  const given = [before.url, to, '--token-file', token, '--pin', pin!, '--threshold', '0.9'];
  expect(await destination.lm(['copy', ...given], frozen)).toMatchObject({ code: 0 });
  await before.stop();

  await source.serve([...words, '--listen', new URL(before.url).host], today);
  const after = await destination.lm(['copy', '--json'], today);
  expect(after.code).toBe(0);
  expect(lastPass(after.stdout)).toMatchObject({ state: 'SUCCESS', filesDownloaded: 0, bytesReceived: 0 });
  expect(await destination.lm(['verify'], today)).toMatchObject({ code: 0 });
});

test('SSTables of a frozen agent, which cannot check them, are judged by what came from it', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', {});
  cpSync(fileURLToPath(new URL('../fixtures/sstables', import.meta.url)), join(from, 'ks'), { recursive: true });
  flipBit(join(from, 'ks/da-bti-lz4/da-2-bti-Data.db'), 99);
  const to = destination.write('data', {});
  const { url } = await source.serve([from], frozen);
  const copied = await destination.lm(['copy', url, to, '--sstables']);
  expect(copied).toMatchObject({ code: 0 });
  expect(copied.stderr).toContain(`warning: ${url} cannot check its SSTables: it is a Sidecar or an older lm serve\n`);
  const verified = await destination.lm(['verify', '--sstables', '--json']);
  expect(verified.code).toBe(6);
  expect(jsonLines(verified.stdout).at(-1)!['report'].sstables).toMatchObject({
    ...{ checked: 4, damagedAtSource: 1, damagedHere: 0, askedSource: false },
    firstAtSource: ['data/0/ks/da-bti-lz4/da-2-bti-Data.db'],
  });
});
