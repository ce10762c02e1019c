// What stops `lm verify` before a verdict, and what it records.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { LONG, sample } from '../support/form.js';
import { jsonLines } from '../support/lm.js';
import { type Host, type Sandbox, sandbox } from '../support/sandbox.js';
import { dir, file } from '../support/tree.js';

let box: Sandbox;
let destination: Host;
let from: string;
let to: string;
let url: string;

beforeEach(async () => {
  box = sandbox();
  destination = box.destination;
  from = box.source.write('data', { big: file({ size: 3_000_000 }), d: dir({ x: 'x', y: 'y' }) });
  const agent = await box.source.serve([from]);
  url = agent.url;
  to = destination.write('data', {});
  expect(await destination.lm(['copy', url, to])).toMatchObject({ code: 0 });
});

describe('a verification has no verdict', () => {
  test('when the migration is complete here', async () => {
    expect(await destination.lm(['complete', '--unverified'])).toMatchObject({ code: 0 });
    expect(await destination.lm(['verify'])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('already complete'),
    });
  });

  test('when it is complete at the source', async () => {
    expect(await box.source.lm(['complete'])).toMatchObject({ code: 0 });
    const { code, stderr } = await destination.lm(['verify']);
    expect({ code, stderr }).toMatchObject({ code: 6, stderr: expect.stringContaining('complete at the source') });
  });

  test('when the destination is not there', async () => {
    renameSync(to, `${to}-away`);
    expect(await destination.lm(['verify'])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('does not exist'),
    });
  });

  test('when there never was a destination, and leaves no record of one', async () => {
    const elsewhere = { LM_STATE_DIR: destination.path('other-state') };
    const { code } = await destination.lm(['verify', url, destination.path('typo')], { env: elsewhere });
    expect(code).toBe(6);
    expect(readdirSync(elsewhere.LM_STATE_DIR)).toEqual([]);
  });

  test('when the destination is another directory than was copied to', async () => {
    renameSync(to, `${to}-away`);
    mkdirSync(to);
    const { code, stderr } = await destination.lm(['verify']);
    expect({ code, stderr }).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('not the source and the directories'),
    });
  });

  test('when the source is another one', async () => {
    const other = await box.host('other').serve([box.host('other').write('data', { big: 'b' })]);
    expect(await destination.lm(['verify', other.url])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('another agent'),
    });
  });

  test('when no source answers, and the journal has it', async () => {
    const { code, stderr } = await destination.lm(['verify', 'http://127.0.0.1:1', '--retry-for', '0']);
    expect({ code, stderr }).toMatchObject({ code: 5, stderr: expect.stringContaining('connection refused') });
    expect(await destination.lm(['complete'])).toMatchObject({ code: 6, stderr: expect.stringContaining('FAILED') });
  });
});

test('complete needs a verdict, and every later copy revokes it', async () => {
  expect(await destination.lm(['complete'])).toMatchObject({ code: 6 });
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
  expect(await destination.lm(['complete'])).toMatchObject({ code: 6 });
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
  expect(await destination.lm(['complete'])).toMatchObject({ code: 0 });
});

test('differences in a later verification revoke it as well', async () => {
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
  rmSync(join(to, 'd/x'));
  expect(await destination.lm(['verify'])).toMatchObject({ code: 4 });
  expect(await destination.lm(['complete'])).toMatchObject({ code: 6 });
});

test('all counters: entries by metadata, files by digest', async () => {
  const { stdout } = await destination.lm(['verify', '--json']);
  expect(jsonLines(stdout).at(-1)!['report']).toMatchObject({
    state: 'COMPLETED',
    metadataMatched: 4,
    filesMatched: 3,
    digestAlgorithm: 'xxhash32',
  });
});

describe('a source that cannot read all that it serves', () => {
  const asRoot = process.getuid?.() === 0 ? test : test.skip;

  /** The same trees on both sides, without a copy; the agent is nobody, and has its own state. */
  async function servedByNobody(shut: string) {
    execFileSync('cp', ['-aT', from, to]);
    const state = box.source.path('state-of-nobody');
    mkdirSync(state, { mode: 0o777 });
    execFileSync('chown', ['65534:65534', state]);
    for (const path of [box.dir, box.source.dir]) chmodSync(path, 0o755);
    const mode = statSync(join(from, shut)).mode;
    for (const side of [from, to]) chmodSync(join(side, shut), 0);
    const agent = await box.source.serve([from], {
      env: { LM_STATE_DIR: state },
      under: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
    });
    box.defer(() => chmodSync(join(from, shut), mode));
    const fresh = { env: { LM_STATE_DIR: join(box.dir, 'fresh') } };
    const { code, stdout } = await destination.lm(['verify', agent.url, to, '--json'], fresh);
    const lines = jsonLines(stdout);
    return { code, differences: lines.filter((line) => line.type === 'difference'), end: lines.at(-1)! };
  }

  asRoot('a file: its digest has failed, and the others are compared', async () => {
    const { code, differences, end } = await servedByNobody('d/x');
    expect({ code, differences }).toMatchObject({
      code: 4,
      differences: [{ key: 'data/0/d/x', reason: 'unreadable-at-source', source: 'EACCES' }],
    });
    expect(end['report']).toMatchObject({ state: 'FAILED', digestVerificationFailures: 1, filesMatched: 2 });
  });

  asRoot('a directory: what it holds is unknown, so nothing is proved', async () => {
    rmSync(join(from, 'd'), { recursive: true });
    rmSync(join(to, 'd'), { recursive: true });
    for (const side of [from, to]) mkdirSync(join(side, 'shut'));
    const { code, differences, end } = await servedByNobody('shut');
    expect({ code, differences }).toMatchObject({
      code: 6,
      differences: [{ key: 'data/0/shut', reason: 'unreadable-at-source' }],
    });
    expect(end['report']).toMatchObject({ state: 'FAILED', metadataMatched: 2, filesMatched: 1 });
  });
});

test('a signal ends it at once, without a verdict', async () => {
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
  const stalled = createServer((request) => request.socket.on('error', () => {}));
  const heard = new Promise<void>((resolve) => stalled.on('request', () => resolve()));
  await new Promise<void>((resolve) => stalled.listen(0, '127.0.0.1', resolve));
  box.defer(() => stalled.closeAllConnections());
  box.defer(() => stalled.close());
  const running = destination.start(['verify', `http://127.0.0.1:${(stalled.address() as AddressInfo).port}`]);
  await heard;
  running.kill('SIGINT');
  expect(await running.done).toMatchObject({ code: 130 });
  expect(await destination.lm(['complete'])).toMatchObject({ code: 6, stderr: expect.stringContaining('CANCELLED') });
});

(LONG ? test : test.skip)('many requests at once are nothing to warn of', async () => {
  const many = Object.fromEntries(Array.from({ length: 3_500 }, (_, i) => [`f${i}`, `${i}`]));
  box.source.write('data', { many: dir(many) });
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
  expect(await destination.lm(['verify', '--concurrency', '20'])).toMatchObject({ code: 0, stderr: '' });
});

test.each(sample(3, ['md5', 'xxhash64', 'crc32c']))('%s gives the same digests on both sides', async (algo) => {
  expect(await destination.lm(['verify', '--algo', algo])).toMatchObject({ code: 0 });
});

describe('--report', () => {
  const reportAt = (path: string) =>
    readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  test('holds the verification from head to end, each difference between', async () => {
    const path = destination.path('differences.jsonl');
    writeFileSync(path, 'an earlier one');
    writeFileSync(join(to, 'd/x'), 'z!');
    rmSync(join(to, 'd/y'));
    expect(await destination.lm(['verify', '--report', path])).toMatchObject({ code: 4 });
    const [head, ...rest] = reportAt(path);
    expect(head).toMatchObject({ type: 'verification', source: url, digestAlgorithm: 'xxhash32' });
    expect(rest.at(-1)).toMatchObject({ type: 'end', state: 'FAILED', exitCode: 4, filesNotFoundAtDestination: 1 });
    expect(rest.slice(0, -1)).toContainEqual({
      type: 'difference',
      key: 'data/0/d/x',
      reason: 'size',
      source: '1',
      destination: '2',
    });
    expect(rest.slice(0, -1)).toContainEqual({
      type: 'difference',
      key: 'data/0/d/y',
      reason: 'not-found-at-destination',
    });
    expect(readdirSync(destination.dir).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('is not written, not even in part, without a verdict', async () => {
    const path = destination.path('differences.jsonl');
    renameSync(to, `${to}-away`);
    mkdirSync(to);
    expect(await destination.lm(['verify', '--report', path])).toMatchObject({ code: 6 });
    expect(readdirSync(destination.dir).filter((name) => name.startsWith('differences'))).toEqual([]);
  });

  test('that cannot be written ends it before it starts', async () => {
    const { code, stderr } = await destination.lm(['verify', '--report', destination.path('no/such/dir/r.jsonl')]);
    expect({ code, stderr }).toMatchObject({ code: 8, stderr: expect.stringContaining('cannot write') });
  });

  test('cannot be inside a root, not even through a link', async () => {
    symlinkSync(to, destination.path('link'));
    for (const path of [join(to, 'big'), destination.path('link', 'new')]) {
      const { code, stderr } = await destination.lm(['verify', '--report', path]);
      expect([code, stderr]).toEqual([2, expect.stringContaining(`${path} lies in data/0 (${to})`)]);
    }
    expect(existsSync(join(to, 'new'))).toBe(false);
    expect(statSync(join(to, 'big')).size).toBe(3_000_000);
    const log = await box.source.lm(['serve', from, '--access-log', join(from, 'd', 'x')]);
    expect([log.code, log.stderr]).toEqual([2, expect.stringContaining('lies in data/0')]);
    expect(readFileSync(join(from, 'd', 'x'), 'utf8')).toBe('x');
  });

  test('cannot replace a device or a pipe, such as /dev/null', async () => {
    const path = destination.path('pipe');
    execFileSync('mkfifo', [path]);
    const { code, stderr } = await destination.lm(['verify', '--report', path]);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('is not a file') });
    expect(lstatSync(path).isFIFO()).toBe(true);
  });
});

test('a directory that a copy leaves because something excluded lies in it is no difference; one that it would remove is', async () => {
  destination.write('data', { foreign: dir({ deeper: dir({ 'a.keep': '', e: dir({}) }), 'b.keep': '' }) });
  destination.write('', { 'lm.yaml': 'live_migration: { files_to_exclude: ["glob:**/*.keep"] }\n' });
  const found = await destination.lm(['verify', '--json']);
  expect(found).toMatchObject({ code: 4 });
  const differences = jsonLines(found.stdout).filter(({ type }) => type === 'difference');
  expect(differences).toMatchObject([{ key: 'data/0/foreign/deeper/e', reason: 'not-found-at-source' }]);
  expect(await destination.lm(['copy', '--adopt'])).toMatchObject({ code: 0 });
  expect(readdirSync(join(to, 'foreign', 'deeper'))).toEqual(['a.keep']);
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
});
