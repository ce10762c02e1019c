// A destination with a life of its own: what somebody else has written there since the last complete pass is never removed in silence.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { until } from '../support/holders.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file, readTree, type Tree } from '../support/tree.js';

const MIB = 1024 * 1024;
const OLD = 1_600_000_000_000_000_000n;
const TREE: Tree = {
  ...Object.fromEntries(
    Array.from({ length: 12 }, (_, i) => [`f${i}`, file({ content: `content ${i}`, mtimeNs: OLD })]),
  ),
  d: dir({ x: file({ content: 'x', mtimeNs: OLD }) }),
};

/** A pair after a first copy with these flags. */
async function copied(flags: string[]) {
  const box = sandbox();
  const from = box.source.write('data', TREE);
  const to = box.destination.write('data', {});
  const agent = await box.source.serve([from]);
  expect(await box.destination.lm(['copy', agent.url, to, ...flags])).toMatchObject({ code: 0 });
  const stateDir = join(box.destination.stateDir, readdirSync(box.destination.stateDir)[0]!);
  return { ...box, from, to, agent, stateDir };
}

const sh = (script: string, ...args: string[]) => execFileSync('sh', ['-ec', script, ...args]);

/** The service ran here for a moment. */
const live = (to: string) =>
  sh('cd "$0"; echo 1 > new1; mkdir ks; echo 2 > ks/new2; echo more >> f1; cp -p f2 t; mv t f2', to);

test('after a final pass it is refused before anything changes, and given by --adopt once; what is nobody’s work is not', async () => {
  const { destination, to, from, stateDir } = await copied([]);
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
  live(to);
  writeFileSync(`${to}/new1`, 'most of what is here by now'.repeat(10_000));
  rmSync(`${to}/f3`);
  sh('chmod 600 "$0/f4"', to);
  const before = await readTree(to);
  const records = readdirSync(stateDir).sort();
  const refused = await destination.lm(['copy', '--threshold', '0.5']);
  expect({ code: refused.code, said: refused.stderr.split('\n') }).toEqual({
    code: 6,
    said: [
      'warning: 1 entry left by the last complete pass went from here and will be copied again: data/0/f3',
      'lm copy: 5 entries were written here since the last complete pass by somebody other than lm',
      '  changed   data/0/f1',
      '  replaced  data/0/f2',
      '  new       data/0/ks',
      '  new       data/0/new1',
      '  new       data/0/ks/new2',
      expect.stringMatching(/^hint: .*--adopt/),
      'error outside-work (6): nothing was removed or replaced after that; what was copied is kept',
      '',
    ],
  });
  expect(refused.stdout).toMatch(/FAILED totalFiles=14 .* filesToDownload=2 /);
  const dry = await destination.lm(['copy', '--dry-run']);
  expect(dry.stderr).toContain('a real run would refuse: 5 entries were written here');
  expect(await readTree(to)).toEqual(before);
  expect(readdirSync(stateDir).sort()).toEqual(records);

  const adopted = await destination.lm(['copy', '--adopt']);
  expect(adopted).toMatchObject({ code: 0, stderr: expect.stringContaining('given to lm by --adopt') });
  expect(await readTree(to)).toEqual(await readTree(from));

  destination.write('.', { 'lm.yaml': 'live_migration: {files_to_exclude: ["glob:**/*.mine"]}' });
  sh('cd "$0"; chmod 600 f4; touch d; echo w > w.mine; touch .lm-0123456789abcdef.lm-part', to);
  sh('cp -p "$0/f6" "$0/d/same"; cp -p "$0/d/same" "$1/d/same"', from, to);
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0, stderr: '' });
  rmSync(`${to}/w.mine`);
  expect(await readTree(to)).toEqual(await readTree(from));

  truncateSync(join(stateDir, readdirSync(stateDir).find((name) => name.endsWith('.lines'))!), 40);
  writeFileSync(`${to}/new`, 'n');
  const lost = await destination.lm(['copy']);
  expect(lost).toMatchObject({ code: 6, stderr: expect.stringMatching(/^warning: the record .* is lost or damaged/m) });
  rmSync(`${to}/new`);
  expect(await destination.lm(['copy'])).toMatchObject({ code: 0 });
  writeFileSync(`${to}/new`, 'n');
  expect(await destination.lm(['copy'])).toMatchObject({ code: 6, stderr: expect.not.stringContaining('damaged') });
});

test('before a final pass it is named and goes, but not what a copy that was cut short has brought', async () => {
  const { source, destination, to, from } = await copied(['--threshold', '0.99']);
  source.write('data', { f0: 'other', added: 'added', made: dir({ y: 'y' }), big: file({ size: 40 * MIB }) });
  const dying = destination.start(['copy', '--limit-rate', '1MiB/s']);
  await until(() => existsSync(`${to}/added`) && existsSync(`${to}/made/y`));
  dying.kill('SIGKILL');
  await dying.done;
  rmSync(`${from}/added`);
  rmSync(`${from}/made`, { recursive: true });
  rmSync(`${from}/big`);
  source.write('data', { f0: 'changed again' });
  live(to);
  const copy = await destination.lm(['copy', '--threshold', '0.999']);
  expect(copy).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^warning: 5 entries .* --max-delete: data\/0\/f1/),
  });
  expect(copy.stderr.match(/warning/g)).toHaveLength(1);
  expect(await readTree(to)).toEqual(await readTree(from));
});

test('before a final pass what would be replaced counts as what goes', async () => {
  const { destination, to } = await copied(['--threshold', '0.99']);
  sh('cd "$0"; for f in f*; do echo work >> $f; done', to);
  const before = await readTree(to);
  expect(await destination.lm(['copy', '--threshold', '0.99'])).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(
      /^ {2}it would remove or replace 12 of 14 entries .*\nhint: if that is right: --max-del/m,
    ),
  });
  expect(await readTree(to)).toEqual(before);
  expect(await destination.lm(['copy', '--threshold', '0.99', '--adopt'])).toMatchObject({ code: 0 });
});

test('parts that are copied one by one have a record each', async () => {
  const { destination, to, from } = await copied(['--only', 'data/0/d']);
  const quiet = { code: 0, stderr: '' };
  writeFileSync(`${to}/f1`, 'not left by lm'); // nothing is known of it yet
  expect(await destination.lm(['copy', '--only', 'data/0/f1'])).toMatchObject(quiet);
  writeFileSync(`${from}/d/z`, 'z');
  expect(await destination.lm(['copy', '--only', 'data/0/d'])).toMatchObject(quiet);
  writeFileSync(`${to}/f1`, 'm'); // less than half of what is here
  expect(await destination.lm(['copy', '--only', 'data/0/d'])).toMatchObject(quiet);
  const named = await destination.lm(['copy', '--threshold', '0.99']);
  expect(named).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^warning: 1 entry .* data\/0\/f1 \(changed\)\n$/),
  });
  writeFileSync(`${to}/d/mine`, 'm');
  const below = await destination.lm(['copy', '--only', 'data/0/d']);
  expect(below).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^warning: 1 entry .* data\/0\/d\/mine \(new\)\n$/),
  });
});
