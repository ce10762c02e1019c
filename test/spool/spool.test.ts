import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createPlanWriter } from '../../src/plan/plan.js';
import { SpaceWatch } from '../../src/spool/space-watch.js';
import { readSlice, Spool } from '../../src/spool/spool.js';
import { openSpoolDir } from '../../src/spool/spool-dir.js';
import { createSpoolSort } from '../../src/spool/spool-sort.js';
import { fileEntry } from '../support/entries.js';
import { sandbox } from '../support/sandbox.js';
import { link } from '../support/tree.js';

test('a slice holds no more keys of directories than fit into a request', () => {
  const path = join(sandbox().dir, 'spool');
  const spool = new Spool(path, { entries: 1000, bytes: 1e9, keyBytes: 10_000 });
  for (let i = 0; i < 100; i++) {
    const dir = `data/0/${i}/${'deep/'.repeat(200)}`;
    spool.add(dir, fileEntry('a'));
    spool.add(dir, fileEntry('b')); // costs no key
  }
  spool.finish();
  const slices = spool.slices.map((slice) => readSlice(path, slice));
  for (const dirs of slices)
    expect(dirs.reduce((sum, [dir]) => sum + JSON.stringify(dir).length, 0)).toBeLessThanOrEqual(10_000);
  expect(slices.flat().reduce((sum, [, entries]) => sum + entries.length, 0)).toBe(200);
  expect(slices.length).toBeLessThan(15);
});

test.each([
  { allocated: 0 },
  { allocated: 8192, ctimeNs: '7' },
  { allocated: 8192, ctimeNs: '7', links: 2 },
  { ctimeNs: '7', links: 2 },
  { ctimeNs: '7' },
])('an entry with %j is read back as it was', (facts) => {
  const path = join(sandbox().dir, 'spool');
  const spool = new Spool(path, { entries: 1000, bytes: 1e9 });
  spool.add('data/0', fileEntry('a', facts));
  spool.finish();
  expect(readSlice(path, spool.slices[0]!)).toEqual([['data/0', [fileEntry('a', facts)]]]);
});

test('a listing without end stops short of the last block of its file system', () => {
  const { dir } = sandbox();
  const path = join(dir, 'spool');
  const spool = new Spool(path, { entries: 1000, bytes: 1e9 }, new SpaceWatch(path, 1 << 20, Number.MAX_SAFE_INTEGER));
  const endless = () => {
    for (let i = 0; ; i++) spool.add(`data/0/${i}`, fileEntry('a'));
  };
  expect(endless).toThrow(
    expect.objectContaining({
      code: 'local',
      message: expect.stringMatching(/^cannot write .*\/spool: the listing leaves less than \d+ MiB free there$/),
      hint: expect.stringContaining('--state-dir'),
    }),
  );
  spool.close();
  expect(statSync(path).size).toBeLessThan(2 << 20);
});

test('the spool directory of a run has no files of another run, and is no link', () => {
  const { destination } = sandbox();
  const dir = destination.write('state', { spool: link('../other') });
  const other = destination.write('other', { 'remove.jsonl': 'somebody else’s' });
  for (const next of [1, 2]) {
    const spool = openSpoolDir(dir);
    expect([next, readdirSync(spool.path)]).toEqual([next, []]);
    execFileSync('mkfifo', [join(spool.path, 'remove.jsonl')]); // as if the run had been cut short
  }
  expect(readFileSync(join(other, 'remove.jsonl'), 'utf8')).toBe('somebody else’s');
});

test('a plan that is given up leaves no file open, also of finished spools', () => {
  const open = () => readdirSync('/proc/self/fd').length;
  const before = open();
  const writer = createPlanWriter(sandbox().dir, { dryRun: false, bytesOfPart: () => undefined });
  writer.fetch('data/0', fileEntry('a'), 'new');
  writer.checks();
  expect(open()).toBeGreaterThan(before);
  writer.abandon();
  expect(open()).toBe(before);
});

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('a full disk', () => {
  function disk(options: string): string {
    const box = sandbox();
    const path = join(box.dir, 'disk');
    mkdirSync(path);
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
    box.defer(() => execFileSync('umount', ['-l', path]));
    return path;
  }

  const sortOnto = (path: string) => {
    const sort = createSpoolSort(path, 5_000);
    for (let i = 0; i < 5_000; i++) sort.add('data/0', fileEntry(`nb-${i}-big-Data.db`));
  };
  const planOnto = (path: string) => void createPlanWriter(path, { dryRun: false, bytesOfPart: () => undefined });

  test.each([
    ['a run of a sorted listing', 'size=64k', sortOnto, 0],
    ['the fourth file of a plan', 'nr_inodes=4', planOnto, 3],
  ])('in the middle of %s leaves no descriptor open', (_, options, write, files) => {
    const path = disk(options);
    const open = () => readdirSync('/proc/self/fd').length;
    const before = open();
    expect(() => write(path)).toThrow(expect.objectContaining({ code: 'local' }));
    expect(open()).toBe(before);
    expect(readdirSync(path)).toHaveLength(files);
  });
});
