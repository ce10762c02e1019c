import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Row } from '../../src/files/entry.js';
import { createPlanWriter } from '../../src/pull/plan.js';
import { readSlice, Spool } from '../../src/pull/spool.js';
import { sandbox } from '../support/sandbox.js';

const row = (name: string): Row => [name, '1', '0', 0o100644, '1', 0, 0];

test('a slice holds no more of the keys of directories than a request has room for', () => {
  const path = join(sandbox().dir, 'spool');
  const spool = new Spool(path, { entries: 1000, bytes: 1e9, keyBytes: 10_000 });
  for (let i = 0; i < 100; i++) {
    const dir = `data/0/${i}/${'deep/'.repeat(200)}`;
    spool.add(dir, row('a'));
    spool.add(dir, row('b')); // costs no key
  }
  spool.finish();
  const slices = spool.slices.map((slice) => readSlice(path, slice));
  for (const dirs of slices)
    expect(dirs.reduce((sum, [dir]) => sum + JSON.stringify(dir).length, 0)).toBeLessThanOrEqual(10_000);
  expect(slices.flat().reduce((sum, [, rows]) => sum + rows.length, 0)).toBe(200);
  expect(slices.length).toBeLessThan(15);
});

test('a plan that will not be leaves no file open, whatever had been finished', () => {
  const open = () => readdirSync('/proc/self/fd').length;
  const before = open();
  const writer = createPlanWriter(join(sandbox().dir, 'plan'), { dryRun: false, bytesLeft: () => undefined });
  writer.fetch('data/0', row('a'), 'new');
  writer.checks();
  expect(open()).toBeGreaterThan(before);
  writer.abandon();
  expect(open()).toBe(before);
});
