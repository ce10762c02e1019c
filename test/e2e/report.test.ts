// `lm report`: what a migration did is told, by the records of its evidence alone, also after a reset.

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { EvidenceDocument } from '../../src/evidence/document.js';
import { jsonLines } from '../support/lm.js';
import { reportedMigration } from '../support/reported-migration.js';
import { type Host, sandbox } from '../support/sandbox.js';

async function reportOf(host: Host, ...args: string[]): Promise<EvidenceDocument> {
  const { code, stdout } = await host.lm(['report', '--json', ...args]);
  expect(code).toBe(0);
  return (jsonLines(stdout).at(-1) as unknown as { report: EvidenceDocument }).report;
}

test('a whole migration is told, before and after its reset, on both hosts', async () => {
  const { source, destination, from, to } = await reportedMigration();
  const before = await reportOf(destination);
  expect(before.missing).toEqual({ damagedLines: 0, series: 0, records: 0, runsWithoutEnd: 0 });
  expect(before.runs.map(({ command, exitCode }) => `${command} ${exitCode}`)).toEqual([
    ...['copy 0', 'copy 6', 'copy 0', 'copy 0', 'verify 0', 'complete 0'],
  ]);
  const [first, refused, live, final, verify] = before.runs;
  expect(first!.settings).toContainEqual({ name: 'threshold', value: '0.9', source: 'flag', where: '--threshold' });
  expect(first!.passes.map(({ pass }) => pass.state)).toEqual(['DOWNLOAD_COMPLETE', 'SUCCESS']);
  expect(first!.passes[0]!.series.at(-1)![1]).toBe(first!.passes[0]!.pass.bytesToDownload);
  expect(first!.passes[0]!.times).toMatchObject({ listMs: expect.any(Number), fetchMs: expect.any(Number) });
  expect(first!.checks.map(({ which, check }) => `${which} ${check.exitCode}`)).toEqual([
    'pre-check 0',
    'pre-check 0',
    'post-check 0',
  ]);
  expect(refused).toMatchObject({ code: 'refused', message: 'the source has lost more than --max-delete 50% allows' });
  expect(live!.removals).toMatchObject([
    { iteration: 0, entries: 6, first: expect.arrayContaining(['data/0/ks/big/f1', 'data/0/ks/odd/new\nline']) },
  ]);
  expect(final!.copy).toMatchObject({ successThreshold: 1 });
  expect(verify!.verification).toMatchObject({
    report: { state: 'COMPLETED', digestAlgorithm: 'md5', filesMatched: 44 },
  });
  expect(before.refusals).toHaveLength(1);
  expect(before.waivers.map(({ what }) => what)).toEqual(['--max-delete 100%', '--allow-running']);
  expect(before.completed).toMatchObject({ waived: [] });
  expect(before.downtime!.parts.reduce((sum, { ms }) => sum + ms, 0)).toBe(before.downtime!.totalMs);
  expect(before).toMatchObject({
    instance: 'node7',
    host: { roots: [{ path: to }] },
    source: { agentId: expect.stringMatching(/./) },
  });

  const reset = await destination.lm(['reset']);
  expect(reset).toMatchObject({ code: 0 });
  const [, name] = /^what it did is kept: lm report --instance (\S+)$/m.exec(reset.stdout)!;
  const after = await reportOf(destination);
  expect(after).toEqual({
    ...before,
    instance: name,
    file: expect.any(String),
    ended: { atMs: expect.any(Number), how: 'reset' },
  });
  expect(await reportOf(destination, '--instance', 'node7')).toEqual(after);
  expect(await reportOf(destination, '--instance', name!)).toEqual(after);
  expect(await destination.lm(['instances'])).toMatchObject({
    stdout: expect.stringContaining('no migration is known'),
  });

  const { code, stdout } = await destination.lm(['report']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^node7\.\S+: complete, records reset$/m);
  expect(stdout).toMatch(/^ {2}removed +6 entries, .*data\/0\/ks\/big\/f1/m);
  expect(stdout).toMatch(/^ {2}refused +20\S+Z, lm copy: the source has lost more/m);
  expect(stdout).toMatch(/^ {2}waived +20\S+Z, lm copy: --max-delete 100%$/m);
  expect(stdout).toMatch(/^ {2}pre-check +succeeded \d+ times$/m);

  const sums = destination.path('MD5SUMS');
  const written = await destination.lm(['report', '--manifest', sums]);
  expect(written.stdout).toContain(`next: md5sum -c ${sums}`);
  execFileSync('md5sum', ['--check', '--strict', '--quiet', sums]);
  expect(readFileSync(sums, 'utf8').split('\n')).toHaveLength(44);
  writeFileSync(join(to, 'ks/small/f3'), 'changed');
  expect(spawnSync('md5sum', ['--check', '--quiet', sums], { encoding: 'utf8' }).stdout).toBe(
    `${to}/ks/small/f3: FAILED\n`,
  );

  expect(await source.lm(['complete', '--unverified'])).toMatchObject({ code: 0 });
  expect(await reportOf(source)).toMatchObject({
    role: 'source',
    roots: [{ path: from }],
    completed: { waived: ['whether the service here has stopped'] },
  });
});

describe('a file', () => {
  test('is not written among the data, nor in place of a device; a failed one leaves nothing', async () => {
    const { destination, to } = await reportedMigration();
    for (const option of ['--html', '--manifest']) {
      const inside = await destination.lm(['report', option, join(to, 'report')]);
      expect(inside).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`${option}: ${to}/report lies in data/0`),
      });
      expect(await destination.lm(['report', option, '/dev/null'])).toMatchObject({ code: 2 });
      expect(await destination.lm(['report', option, destination.path('no', 'dir')])).toMatchObject({ code: 8 });
    }
    expect(existsSync(join(to, 'report'))).toBe(false);
    const page = destination.path('report.html');
    writeFileSync(page, 'earlier');
    chmodSync(page, 0o600);
    expect(await destination.lm(['report', '--html', page])).toMatchObject({ code: 0 });
    expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>/);
    const twice = await destination.lm([
      'report',
      '--html',
      page,
      '--manifest',
      destination.path('no', '..', 'report.html'),
    ]);
    expect(twice).toMatchObject({ code: 2, stderr: expect.stringContaining('--html and --manifest both name') });
    expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>/);
  });

  test('of digests is refused (6) without a verification, and once a later copy may have changed something', async () => {
    const { source, destination } = sandbox();
    const from = source.write('srv', { a: 'a' });
    const agent = await source.serve([from]);
    expect(await destination.lm(['copy', agent.url, destination.path('srv')])).toMatchObject({ code: 0 });
    const sums = destination.path('sums');
    const manifest = () => destination.lm(['report', '--manifest', sums]);
    expect(await manifest()).toMatchObject({
      code: 6,
      stderr: expect.stringMatching(
        /hint: lm verify --algo md5 makes one.*\nerror no-manifest \(6\): nothing was written\n/,
      ),
    });
    expect(await destination.lm(['verify', '--algo', 'crc32c'])).toMatchObject({ code: 0 });
    expect(await manifest()).toMatchObject({ code: 6 });
    expect(await destination.lm(['verify', '--algo', 'xxhash64'])).toMatchObject({ code: 0 });
    expect(await manifest()).toMatchObject({ code: 0, stdout: expect.stringContaining('xxhsum -c') });
    expect(readFileSync(sums, 'utf8')).toMatch(/^[0-9a-f]{16} {2}\/.*\/srv\/a\n$/);
    source.write('srv', { b: 'b' });
    expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
    expect(await manifest()).toMatchObject({ code: 6, stderr: expect.stringContaining('before the last copy') });
  });
});

test('with several migrations it asks which; with none it says so', async () => {
  const { source, destination } = sandbox();
  expect(await destination.lm(['report'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('nothing to report'),
  });
  const agent = await source.serve([source.write('srv', { a: 'a' })]);
  for (const name of ['one', 'two'])
    expect(await destination.lm(['copy', agent.url, destination.path(name), '--instance', name])).toMatchObject({
      code: 0,
    });
  const asked = await destination.lm(['report']);
  expect(asked.code).toBe(2);
  expect(asked.stderr).toMatch(/^ {2}one {2}.*\n {2}two {2}/m);
  expect((await reportOf(destination, '--instance', 'two')).instance).toBe('two');
  expect(await destination.lm(['report', '--instance', 'three'])).toMatchObject({ code: 2 });
});

test('evidence that cannot be written is a warning, said again at the end, and stops no copy', async () => {
  const { source, destination } = sandbox();
  const agent = await source.serve([source.write('srv', { a: 'a' })]);
  const copy = ['copy', agent.url, destination.path('srv'), '--instance', 'one'];
  mkdirSync(join(destination.stateDir, 'one', 'evidence.jsonl'), { recursive: true, mode: 0o700 });
  const copied = await destination.lm(copy);
  expect(copied).toMatchObject({ code: 0 });
  expect(copied.stderr).toMatch(/^warning: this run's evidence is not whole: cannot .*evidence\.jsonl/m);
  expect(copied.stderr).toMatch(/^warning: lm report does not tell all of this run: /m);
});

test('a dry run leaves no evidence', async () => {
  const { source, destination } = sandbox();
  const agent = await source.serve([source.write('srv', { a: 'a' })]);
  await destination.lm(['copy', agent.url, destination.path('srv'), '--dry-run']);
  expect(existsSync(destination.stateDir) ? readdirSync(destination.stateDir) : []).toEqual([]);
});
