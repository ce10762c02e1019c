import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { DirType } from '../../src/files/entry.js';
import type { Root } from '../../src/files/roots.js';
import { findOpenFiles } from '../../src/linux/open-files.js';
import { findOutsideFiles } from '../../src/linux/outside-files.js';
import { leaveBehind, release } from '../support/holders.js';

let base: string;
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'lm-outside-')));
});
afterEach(() => rmSync(base, { recursive: true }));
afterEach(release);

const rootOf = (name: string, type: DirType = 'data'): Root => ({
  key: `${type}/0`,
  type,
  index: 0,
  path: join(base, name),
});

/** What is found when a process has these files open; creates them with their directories. */
async function found(roots: Root[], ...files: string[]): Promise<string[]> {
  for (const name of files) mkdirSync(join(base, name, '..'), { recursive: true });
  await leaveBehind(files.map((name, i) => `exec ${i + 3}>>'${base}/${name}'`).join('; '), 'sleep 600');
  const { holders } = await findOpenFiles(roots.map(({ path }) => path));
  const outside = await findOutsideFiles(holders, roots);
  return outside.map(({ type, dir }) => `${type}=${dir.slice(base.length + 1)}`).sort();
}

const HELD = 'data/ks/t-1/nb-1-big-Data.db';

test('each kind of file, with the root that would hold it, one per directory', async () => {
  const roots = [rootOf('data')];
  expect(
    await found(
      roots,
      ...[HELD, 'log/CommitLog-7-1.log', 'log/CommitLog-7-2.log', 'h/a.hints', 'c/CommitLog-7-3_cdc.idx'],
      ...['more/ks/t-1/nb-2-big-Data.db', 'more/ks/t-2/.idx/nb-1-big-Data.db'],
    ),
  ).toEqual(['cdc_raw=c', 'commitlog=log', 'data=more', 'hints=h']);
});

test('SSTables in a snapshot, in backups and in an index belong to the same root', async () => {
  const table = 'more/ks/t-1';
  const files = [`${table}/snapshots/before/x-Data.db`, `${table}/backups/x-Data.db`, `${table}/.idx/x-Data.db`];
  expect(await found([rootOf('data')], HELD, ...files, `${table}/snapshots/before/.idx/x-Data.db`)).toEqual([
    'data=more',
  ]);
});

test('system keyspaces alone are local_system_data, where there is data elsewhere', async () => {
  const system = ['sys/system/local-1/x-Data.db', 'sys/system_schema/tables-1/x-Data.db'];
  expect(await found([rootOf('data')], HELD, ...system)).toEqual(['local_system_data=sys']);
  await release();
  mkdirSync(join(base, 'sys/system_auth'));
  expect(await found([rootOf('data')], HELD, ...system)).toEqual(['data=sys']);
  await release();
  expect(await found([rootOf('h', 'hints')], 'h/x.hints', 'only/system/local-1/x-Data.db')).toEqual(['data=only']);
});

test('other names, files below a root, and processes without files there do not count', async () => {
  expect(await found([rootOf('data')], HELD, 'log/gc.log', 'jars/Data.db.jar', 'data/x.hints')).toEqual([]);
  expect(await found([rootOf('nowhere')], 'a/CommitLog-7-1.log')).toEqual([]);
});
