// lm as the destination of a Sidecar: its limits, its restarts, and what it gets wrong. `SIDECAR_CMD='…' npm run test:sidecar` runs these
// against that Sidecar instead of the stand-in.

import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { sample } from '../support/form.js';
import { sandbox } from '../support/sandbox.js';
import { asSidecarTells, dir, file, readTree } from '../support/tree.js';
import { startInFront } from './in-front.js';
import { startSidecar } from './start-sidecar.js';

const MIB = 1024 * 1024;

const expectSame = async (from: string, to: string): Promise<void> =>
  expect(asSidecarTells(await readTree(to))).toEqual(asSidecarTells(await readTree(from)));

const table = () =>
  dir({
    't-0a1b': dir({
      'nb-1-big-Data.db': file({ size: 9 * MIB + 1 }),
      'nb-1-big-SAI+aa+GroupComplete.db': 'plus',
      'nb-1-big-Filter.db': '',
      ...Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`nb-${i + 2}-big-TOC.txt`, `content ${i}`])),
      snapshots: dir({ s1: dir({ 'nb-1-big-Data.db': 'excluded' }) }),
    }),
    'u-0c2d': dir({}),
  });

test('a whole migration: warm copy, final pass, both verifications, complete', async () => {
  const box = sandbox();
  const { source, destination } = box;
  const from = source.write('data', { ks: table() });
  const to = destination.write('data', {});
  const { url } = await startSidecar(box, { dataDirs: [from] });
  expect(await destination.lm(['copy', url, to, '--threshold', '0.95'])).toMatchObject({ code: 0 });
  execFileSync('sh', [
    '-ec',
    'cd "$0/ks/t-0a1b"; rm nb-2-big-TOC.txt; echo longer > nb-3-big-TOC.txt; echo new > new',
    from,
  ]);
  expect(await destination.lm(['copy', '--threshold', '1.0'])).toMatchObject({ code: 0 });
  rmSync(join(from, 'ks/t-0a1b/snapshots'), { recursive: true });
  await expectSame(from, to);
  for (const algo of ['xxhash32', 'md5'])
    expect(await destination.lm(['verify', '--algo', algo])).toMatchObject({ code: 0, stderr: '' });
  expect(await destination.lm(['complete'])).toMatchObject({ code: 0 });
});

test('a limit below the concurrency: requests that are refused for it are made again, and none counts as a failure', async () => {
  const box = sandbox();
  const { source, destination, defer } = box;
  // long enough for requests to meet
  const from = source.write('data', {
    ks: table(),
    ...Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, file({ size: 16 * MIB })])),
  });
  const to = destination.write('data', {});
  const sidecar = await startSidecar(box, { dataDirs: [from], maxConcurrentFileRequests: 1 });
  const { url, statuses } = await startInFront(sidecar.url, defer);
  const copied = await destination.lm(['copy', url, to, '--max-iterations', '1', '--concurrency', '8']);
  expect(copied).toMatchObject({ code: 0 });
  expect(statuses.get(503)).toBeGreaterThan(0);
  expect(await destination.lm(['verify', '--concurrency', '8'])).toMatchObject({ code: 0 });
  rmSync(join(from, 'ks/t-0a1b/snapshots'), { recursive: true }); // excluded here
  await expectSame(from, to);
});

test('a Sidecar that is restarted under way: the copy goes on with what it has', async () => {
  const box = sandbox();
  const { source, destination, defer } = box;
  const from = source.write('data', { big: file({ size: 192 * MIB }), small: 'small' });
  const to = destination.write('data', {});
  const sidecar = await startSidecar(box, { dataDirs: [from] });
  const { url, broken, hasPassed } = await startInFront(sidecar.url, defer);
  const running = destination.start(['copy', url, to]);
  await hasPassed(16 * MIB);
  await sidecar.kill();
  await sidecar.start();
  expect(await running.done).toMatchObject({ code: 0 });
  expect(broken()).toBeGreaterThan(0);
  await expectSame(from, to);
});

const STORMS: [string, RegExp][] = [
  ['every request for a file', /\/files\/data/],
  ['the listing', /\/files$/],
  ['the status', /\/status$/],
];

test.each(sample(3, STORMS))('a storm of 503 at %s is outlasted', async (_, target) => {
  const box = sandbox();
  const { source, destination, defer } = box;
  const from = source.write(
    'data',
    Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, `content ${i}`])),
  );
  const to = destination.write('data', {});
  const sidecar = await startSidecar(box, { dataDirs: [from] });
  let left = 12;
  const { url } = await startInFront(sidecar.url, defer, {
    refuse: (asked) => (target.test(asked) && left-- > 0 ? 503 : undefined),
  });
  expect(await destination.lm(['copy', url, to])).toMatchObject({ code: 0 });
  expect(left).toBeLessThan(0);
  await expectSame(from, to);
});

test('a storm that does not end, ends the copy with 5, and what was here stays', async () => {
  const box = sandbox();
  const { source, destination, defer } = box;
  const from = source.write('data', { a: 'a', b: 'b' });
  const to = destination.write('data', {});
  const sidecar = await startSidecar(box, { dataDirs: [from] });
  let storm = false;
  const { url } = await startInFront(sidecar.url, defer, { refuse: () => (storm ? 503 : undefined) });
  expect(await destination.lm(['copy', url, to])).toMatchObject({ code: 0 });
  const before = await readTree(to);
  storm = true;
  writeFileSync(join(from, 'c'), 'c');
  const { code, stderr } = await destination.lm(['copy', '--retry-for', '3s']);
  expect({ code, stderr }).toEqual({ code: 5, stderr: expect.stringMatching(/503/) });
  expect(await readTree(to)).toEqual(before);
});

test('a dangling link fails the listing of a Sidecar: 5 with what it said, and nothing here is touched', async () => {
  const box = sandbox();
  const { source, destination } = box;
  const from = source.write('data', { a: 'a' });
  const to = destination.write('data', { mine: 'mine' });
  symlinkSync('nowhere', join(from, 'dangling'));
  const { url } = await startSidecar(box, { dataDirs: [from] });
  const { code, stderr } = await destination.lm(['copy', url, to, '--retry-for', '1s']);
  expect({ code, stderr }).toEqual({ code: 5, stderr: expect.stringMatching(/500.*dangling/s) });
  expect(Object.keys(await readTree(to))).toContain('mine');
});

test('a dangling link that the Sidecar excludes is no obstacle', async () => {
  const box = sandbox();
  const { source, destination } = box;
  const from = source.write('data', { a: 'a' });
  const to = destination.write('data', {});
  symlinkSync('nowhere', join(from, 'dangling'));
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the Sidecar's own placeholder
  const { url } = await startSidecar(box, { dataDirs: [from], filesToExclude: ['glob:${DATA_FILE_DIR}/dangling'] });
  expect(await destination.lm(['copy', url, to])).toMatchObject({ code: 0 });
  expect(Object.keys(await readTree(to))).toEqual(['a']);
});

test('a link inside a root arrives as the file it leads to; one that leads out is named as what the source does not give', async () => {
  const box = sandbox();
  const { source, destination } = box;
  const from = source.write('data', { a: 'a' });
  const to = destination.write('data', {});
  source.write('elsewhere', { b: 'b' });
  symlinkSync('a', join(from, 'inside'));
  const { url } = await startSidecar(box, { dataDirs: [from] });
  expect(await destination.lm(['copy', url, to])).toMatchObject({ code: 0 });
  expect(Object.keys(await readTree(to))).toEqual(['a', 'inside']);
  symlinkSync('../elsewhere/b', join(from, 'outside'));
  const { code, stdout, stderr } = await destination.lm(['copy']);
  expect(code).toBe(3);
  expect(stdout + stderr).toMatch(/data\/0\/outside.*escapes base directory/);
});

test.each(sample(3, [1, -1, 1e15]))(
  'a total that is off by %d ends the copy before anything is removed',
  async (off) => {
    const box = sandbox();
    const { source, destination, defer } = box;
    const from = source.write('data', { a: 'a', b: 'b' });
    const to = destination.write('data', {});
    const sidecar = await startSidecar(box, { dataDirs: [from] });
    expect(await destination.lm(['copy', sidecar.url, to])).toMatchObject({ code: 0 });
    rmSync(join(from, 'b'));
    const before = await readTree(to);
    const { url } = await startInFront(sidecar.url, defer, {
      rewrite(target, text) {
        const document = JSON.parse(text);
        return JSON.stringify(
          target.endsWith('/files') ? { ...document, totalSize: document.totalSize + off } : document,
        );
      },
    });
    const { code, stderr } = await destination.lm([
      'copy',
      url,
      to,
      '--new-source',
      '--max-delete',
      '100%',
      '--retry-for',
      '1s',
    ]);
    expect({ code, stderr }).toEqual({ code: 7, stderr: expect.stringMatching(/totalSize|total/) });
    expect(await readTree(to)).toEqual(before);
  },
);

test('a file that is gone, or another, by the time it is asked for is left to the next pass', async () => {
  const box = sandbox();
  const { source, destination, defer } = box;
  const from = source.write('data', { gone: 'gone', longer: 'longer', shorter: 'shorter', stays: 'stays' });
  const to = destination.write('data', {});
  const sidecar = await startSidecar(box, { dataDirs: [from] });
  let changed = false;
  const { url } = await startInFront(sidecar.url, defer, {
    rewrite(target, text) {
      if (target.endsWith('/files') && !changed) {
        changed = true;
        rmSync(join(from, 'gone'));
        writeFileSync(join(from, 'longer'), 'longer than before');
        writeFileSync(join(from, 'shorter'), '');
      }
      return text;
    },
  });
  expect(await destination.lm(['copy', url, to])).toMatchObject({ code: 0 });
  await expectSame(from, to);
});

test('a source that is marked complete, or in no migration map, is refused by name', async () => {
  const box = sandbox();
  const { source, destination } = box;
  const from = source.write('data', { a: 'a' });
  const to = destination.write('data', {});
  const sidecar = await startSidecar(box, { dataDirs: [from] });
  const completed = await fetch(`${sidecar.url}/api/v1/live-migration/status`, { method: 'POST' });
  expect(completed.status).toBe(200);
  expect(await destination.lm(['copy', sidecar.url, to])).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(
      /already complete at the source, http.*\nhint: .*DELETE \/api\/v1\/live-migration\/status, clears/,
    ),
  });
});

test('a host in no migration map serves nothing: its 404 is told as that', async () => {
  const box = sandbox();
  const { source, destination } = box;
  const sidecar = await startSidecar(box, { dataDirs: [source.write('data', { a: 'a' })], isMapped: false });
  const { code, stderr } = await destination.lm(['copy', sidecar.url, destination.write('data', {})]);
  expect({ code, stderr }).toEqual({ code: expect.any(Number), stderr: expect.stringMatching(/404/) });
  expect([5, 6, 7]).toContain(code);
});
