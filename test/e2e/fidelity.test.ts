// Destinations that cannot keep a time, a mode or an owner: the final pass ends, says so, and verify and complete agree.

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { LmOptions } from '../support/lm.js';
import { sandbox } from '../support/sandbox.js';
import { dir } from '../support/tree.js';

const isRoot = process.getuid?.() === 0;
const has = (command: string) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
const OLD = 1_600_000_000.123456;

async function pair(under: string[], prepare: (to: string) => void = () => {}) {
  const box = sandbox();
  const from = box.source.write('data', { d: dir({ a: 'a', b: 'b', c: 'c' }) });
  for (const name of ['a', 'b', 'c']) utimesSync(join(from, 'd', name), OLD, OLD);
  const to = box.destination.path('mine');
  mkdirSync(to);
  mkdirSync(box.destination.stateDir);
  for (const path of [box.dir, box.destination.dir, box.destination.home]) chmodSync(path, 0o755);
  prepare(to);
  const { url } = await box.source.serve([from]);
  const options: LmOptions = { under };
  const lm = (...args: string[]) => box.destination.lm(args, options);
  return { box, from, to, url, lm };
}

/** Whether `what` is counted in the end, and nothing is tried twice. */
async function isToldAndKept({ lm, url, to }: Awaited<ReturnType<typeof pair>>, what: RegExp) {
  const first = await lm('copy', url, to);
  expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(what) });
  expect(first.stdout).toMatch(/SUCCESS at iteration 1/);
  const again = await lm('copy');
  expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(what) });
  expect(again.stdout).toMatch(/plan: 0 to copy \(0 B\), 0 to remove \(0 B\), 4 unchanged\n/);
  expect(again.stdout).not.toMatch(/stop whatever/);
  expect(await lm('verify')).toMatchObject({ code: 0, stdout: expect.stringMatching(what) });
  return first;
}

(isRoot && has('mkfs.ext4') ? test : test.skip)('times to the second: told by digest in the final pass', async () => {
  const ends = await pair([], (to) => {
    const image = join(to, '../image');
    execFileSync('truncate', ['-s', '8M', image]);
    execFileSync('mkfs.ext4', ['-q', '-I', '128', image], { stdio: 'ignore' });
    execFileSync('mount', ['-o', 'loop', image, to]);
  });
  ends.box.defer(() => spawnSync('umount', [ends.to]));
  const { lm, from, to } = ends;
  const { stderr } = await isToldAndKept(ends, /not kept +3 times that cannot be kept here: data\/0\/d\/a, /);
  expect(stderr).toMatch(/the file system of data\/0 .* keeps times to the second only/);
  writeFileSync(join(from, 'd/b'), 'B');
  utimesSync(join(from, 'd/b'), OLD + 0.5, OLD + 0.5);
  expect(await lm('copy', '--threshold', '0.9', '--json')).toMatchObject({ code: 0 });
  const { stdout } = await lm('copy');
  expect(stdout).toMatch(/plan: 1 to copy \(1 B\)/);
  const json = await lm('verify', '--json');
  expect(json.code).toBe(0);
  expect(JSON.parse(json.stdout.trim().split('\n').at(-1)!).report.notKept).toMatchObject({
    times: { entries: 3 },
    modes: { entries: 0 },
  });
  expect(await lm('complete')).toMatchObject({ code: 0, stderr: expect.stringMatching(/not kept: 3 times/) });
  expect(statSync(join(to, 'd/b')).mtimeMs % 1000).toBe(0);
});

describe('as root and as an ordinary user', () => {
  (isRoot ? test : test.skip)('a set-group-id bit of a group that the user is not in', async () => {
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const ends = await pair(nobody, (to) => {
      chownSync(join(to, '../state'), 65534, 65534);
      chownSync(to, 65534, 65534);
      mkdirSync(join(to, 'd'));
      chownSync(join(to, 'd'), 65534, 4321);
      chmodSync(join(to, 'd'), 0o2755); // what is made in it belongs to a group of others
    });
    const { from, to, lm, url } = ends;
    chmodSync(join(from, 'd'), 0o2755);
    chownSync(join(from, 'd/a'), 65534, 4321);
    chmodSync(join(from, 'd/a'), 0o2755);
    expect(await lm('copy', url, to, '--adopt', '--threshold', '0.1', '--keep-setuid')).toMatchObject({ code: 0 });
    expect(await lm('copy', '--keep-setuid')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/not kept +1 mode that cannot be kept here: data\/0\/d\/a\n/),
    });
    expect((await lm('copy', '--keep-setuid')).stdout).toMatch(/SUCCESS at iteration 0/);
    expect(statSync(join(to, 'd')).mode & 0o7777).toBe(0o2755);
    expect(await lm('verify', '--keep-setuid')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/to have the mode 2755 and has 0755/),
    });
    chmodSync(join(from, 'd/a'), 0o700);
    expect(await lm('verify', '--keep-setuid')).toMatchObject({ code: 4 });
    expect(await lm('copy', '--keep-setuid')).toMatchObject({ code: 0, stdout: expect.not.stringMatching(/not kept/) });
    expect(await lm('verify', '--keep-setuid')).toMatchObject({ code: 0 });
  });

  (isRoot ? test : test.skip)(
    'owners, where root may give nothing away, are neither set nor compared, which is said',
    async () => {
      const { lm, url, from, to } = await pair(['setpriv', '--bounding-set=-chown', '--inh-caps=-chown']);
      chownSync(join(from, 'd/b'), 1234, 4321);
      const said = { code: 0, stdout: expect.stringMatching(/^ {2}owners +neither set nor compared/m) };
      expect(await lm('copy', url, to)).toMatchObject(said);
      expect(await lm('verify')).toMatchObject(said);
    },
  );
});
