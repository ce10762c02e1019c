// A stranger at the destination, who gives names that were listed to entries of his own while a copy runs.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file, link, type Node, type Tree } from '../support/tree.js';

const OLD = 1_600_000_000_000_000_000n;
const FILES = Array.from({ length: 20 }, (_, i) => i);

/** What is to go, what is to be mended, and more than either, that stays. */
const TREE: Tree = {
  ...Object.fromEntries(
    FILES.flatMap((i) => [
      [`goes${i}`, file({ content: 'goes', mtimeNs: OLD })],
      [`mended${i}`, file({ content: 'mended', mode: 0o600, mtimeNs: OLD })],
    ]),
  ),
  goesEmpty: dir({}),
  goesLink: link('goes1'),
  stays: file({ size: 10_000 }),
};

const isTarget = (name: string) => /^(goes|mended)/.test(name);

/** As a --pre-check it runs before the listing, and before what was listed is removed. */
const RENAMES = `if [ -d "$0.was" ]; then exit; fi
if [ -e "$0.listed" ]; then mv "$0/goesEmpty" "$0.was"; mv -f "$0.own"/* "$0"; fi; touch "$0.listed"`;

test('of entries renamed onto those that a pass is to remove or to mend, it removes and mends none', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', TREE);
  const to = destination.write('data', {});
  const own = destination.write('data.own', {
    ...Object.fromEntries(
      FILES.flatMap((i) => [`goes${i}`, `mended${i}`].map((name) => [name, file({ content: name, mode: 0o640 })])),
    ),
    goesEmpty: dir({}, { mode: 0o750 }),
    goesLink: link('goes2'),
  });
  const agent = await source.serve([from]);
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  for (const name of readdirSync(from)) if (name.startsWith('goes')) rmSync(join(from, name), { recursive: true });
  for (const i of FILES) chmodSync(join(from, `mended${i}`), 0o644);
  const before = readdirSync(own).map((name) => [name, stateOf(join(own, name))]);
  const copy = await destination.lm(['copy', '--pre-check', `sh -c '${RENAMES}' ${to}`]);
  const after = readdirSync(to).filter(isTarget);
  expect(after.map((name) => [name, stateOf(join(to, name))])).toEqual(before);
  const said = copy.stderr.match(/^changed {2}data\/0\/\w+: something else stands here than was listed/gm);
  expect(said).toHaveLength(before.length);
  expect(copy).toMatchObject({ code: 6, stderr: expect.stringContaining('written here since the last complete pass') });
});

/** Until it is ended, each name has now an entry of his, of which he keeps another name, and now the one that it had. */
const KEEPS_RENAMING = `const { linkSync, mkdirSync, readdirSync, renameSync, rmSync } = require('node:fs');
const [own, to] = process.argv.slice(1);
const names = readdirSync(own);
mkdirSync(own + '.was');
for (const name of names) linkSync(to + '/' + name, own + '.was/' + name);
console.log('ready');
for (;;)
  for (const from of [own, own + '.was'])
    for (const name of names) {
      rmSync(own + '.passing', { force: true }); // a name of what has the other already stays
      linkSync(from + '/' + name, own + '.passing');
      renameSync(own + '.passing', to + '/' + name);
    }`;

longTest('of entries that are renamed onto those to be mended all the time, none is given anything', async () => {
  const { source, destination, defer } = sandbox();
  const files = (mode: number) =>
    FILES.map((i): [string, Node] => [`f${i}`, file({ content: 'x', mode, mtimeNs: OLD })]);
  const links = FILES.map((i): [string, Node] => [`l${i}`, link('x', { mtimeNs: OLD })]);
  const from = source.write('data', Object.fromEntries([...files(0o600), ...links]));
  const to = destination.write('data', {});
  const own = destination.write('own', {
    ...Object.fromEntries(FILES.map((i) => [`f${i}`, file({ content: 'longer', mode: 0o640 })])),
    ...Object.fromEntries(FILES.map((i) => [`l${i}`, link('elsewhere')])),
  });
  const agent = await source.serve([from]);
  const before = readdirSync(own).map((name) => [name, stateOf(join(own, name))]);
  expect(await destination.lm(['copy', agent.url, to, '--threshold', '0.1'])).toMatchObject({ code: 0 });
  const stranger = spawn(process.execPath, ['-e', KEEPS_RENAMING, own, to], { stdio: ['ignore', 'pipe', 'inherit'] });
  defer(() => stranger.kill('SIGKILL'));
  await once(stranger.stdout, 'data');
  let said = '';
  for (let mode = 0o644; !said.includes('something else stands here than was listed'); mode ^= 0o044) {
    // He may wait for a processor when it would count, and all be mended meanwhile: then there is something to mend again.
    for (const i of FILES) chmodSync(join(from, `f${i}`), mode);
    said = (await destination.lm(['copy', '--max-iterations', '2'])).stderr;
  }
  stranger.kill('SIGKILL');
  await once(stranger, 'exit');
  expect(readdirSync(own).map((name) => [name, stateOf(join(own, name))])).toEqual(before);
});

function stateOf(path: string) {
  const { ino, mode, uid, gid, size, mtimeNs } = lstatSync(path, { bigint: true });
  return { ino, mode, uid, gid, size, mtimeNs };
}
