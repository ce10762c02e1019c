// A dry run writes nothing to a destination: it does its whole work where the kernel lets nobody write.

import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Iteration } from '../../src/report/copy-report.js';
import { IS_ROOT } from '../support/as-user.js';
import { jsonLines } from '../support/lm.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file, readTree, type Tree } from '../support/tree.js';

const withMounts = IS_ROOT && spawnSync('unshare', ['-m', 'true']).status === 0 ? test : test.skip;

/** A command to which these directories are read-only. */
const readOnly = (...paths: string[]): string[] => [
  ...['unshare', '-m', 'sh', '-c'],
  `${paths.map((path) => `mount --bind "${path}" "${path}" && mount -o remount,ro,bind "${path}" && `).join('')}exec "$@"`,
  'sh',
];

const TREE: Tree = { big: file({ size: 9_000_000 }), small: 'small', d: dir({ x: 'x' }, { mode: 0o750 }) };

/** The report without what differs from run to run. */
function wouldDo(stdout: string) {
  const { wouldDo, status } = jsonLines(stdout).at(-1)!['report'];
  return { wouldDo, status: status.map(({ forecast: _, ...pass }: Iteration) => pass) }; // a forecast tells how long listing took
}

withMounts(
  'what it would do is found out where neither the destination nor the records can be written to',
  async () => {
    const { source, destination } = sandbox();
    const agent = await source.serve([source.write('data', TREE)]);
    const to = destination.write('data', {
      foreign: 'to be removed',
      small: 'another one',
      d: dir({}, { mode: 0o700 }),
    });
    const args = ['copy', agent.url, to, '--dry-run', '--json', '--adopt', '--max-delete', '100%'];
    const before = await readTree(destination.dir, { directoryTimes: true });
    const locked = await destination.lm(args, { under: readOnly(destination.dir) });
    expect(locked).toMatchObject({ code: 3 });
    expect(wouldDo(locked.stdout).wouldDo).toMatchObject({
      download: { entries: 3 },
      remove: { entries: 1 },
      refuses: [],
    });
    expect(await readTree(destination.dir, { directoryTimes: true })).toEqual(before);
    expect(existsSync(destination.stateDir)).toBe(false);
    const open = await destination.lm(args);
    expect(wouldDo(open.stdout)).toEqual(wouldDo(locked.stdout));
  },
);

withMounts('of a destination that has records, the data may be read-only, and the records', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', TREE);
  const agent = await source.serve([from]);
  const to = destination.write('data', {});
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  appendFileSync(join(from, 'small'), ', and more');
  const before = await readTree(to, { directoryTimes: true });
  const locked = await destination.lm(['copy', '--dry-run', '--json'], { under: readOnly(to) });
  expect(locked).toMatchObject({ code: 3, stderr: '' });
  expect(wouldDo(locked.stdout).wouldDo).toMatchObject({
    download: { entries: 1 },
    remove: { entries: 0 },
    refuses: [],
  });
  expect(await readTree(to, { directoryTimes: true })).toEqual(before);

  const [instance] = readdirSync(destination.stateDir);
  const records = readdirSync(join(destination.stateDir, instance!));
  const unrecorded = await destination.lm(['copy', '--dry-run', '--json'], { under: readOnly(destination.stateDir) });
  expect(unrecorded).toMatchObject({ code: 3, stderr: '' });
  expect(wouldDo(unrecorded.stdout)).toEqual(wouldDo(locked.stdout));
  expect(readdirSync(join(destination.stateDir, instance!))).toEqual(records);
});
