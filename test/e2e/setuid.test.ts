// Programs that run as their owner or group: at the destination they do so only where that was asked for.

import { chmodSync, chownSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { IS_ROOT, SOMEBODY, under } from '../support/as-user.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file } from '../support/tree.js';

/** Name → mode at the source, and what becomes of it without --keep-setuid. */
const MODES: Record<string, [at: number, given: number]> = {
  setuid: [0o4755, 0o755],
  setgid: [0o2755, 0o755],
  both: [0o6711, 0o711],
  'owner-only': [0o2700, 0o700],
  'group-only': [0o4070, 0o070],
  'others-only': [0o4001, 0o001],
  sticky: [0o7755, 0o1755],
  locked: [0o2644, 0o2644],
  'not-executable': [0o4600, 0o4600],
  plain: [0o755, 0o755],
};
const SET = Object.keys(MODES).filter((name) => MODES[name]![0] !== MODES[name]![1]);

test('setuid and setgid of programs are given, and expected, only with --keep-setuid', async () => {
  const { source, destination } = sandbox();
  const files = Object.entries(MODES).map(([name, [mode]]) => [
    name,
    file({ content: name, mode, mtimeNs: 10n ** 18n }),
  ]);
  const tree = { bin: dir(Object.fromEntries(files), { mode: 0o2775 }), tmp: dir({ 'a file': 'a' }, { mode: 0o3777 }) };
  const from = source.write('data', tree);
  const { url } = await source.serve([from]);
  const to = destination.path('copy');
  const modes = () => Object.keys(MODES).map((name) => lstatSync(join(to, 'bin', name)).mode & 0o7777);
  const expected = (which: 0 | 1) => Object.values(MODES).map((pair) => pair[which]);
  const named = new RegExp(`^ +not set +${SET.length} programs .*\\(--keep-setuid\\): data/0/bin/`, 'm');

  const copied = await destination.lm(['copy', url, to]);
  expect(modes()).toEqual(expected(1));
  expect(lstatSync(join(to, 'bin')).mode & 0o7777).toBe(0o2775);
  expect(lstatSync(join(to, 'tmp')).mode & 0o7777).toBe(0o3777);
  expect(copied).toMatchObject({ code: 0, stdout: expect.stringMatching(named) });
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0, stdout: expect.stringMatching(named) });
  const verified = await destination.lm(['verify', '--json', '--keep-setuid']);
  expect(verified.code).toBe(4);
  expect(jsonLines(verified.stdout).at(-1)!['report']).toMatchObject({
    reasons: { mode: SET.length },
    leftOut: { setuid: { entries: 0, first: [] } },
  });

  const kept = await destination.lm(['copy', '--keep-setuid']);
  expect(kept).toMatchObject({ code: 0, stdout: expect.not.stringMatching(named) });
  expect(modes()).toEqual(expected(0)); // from here on the directory's lines are the same on both sides, byte for byte
  expect(await destination.lm(['verify', '--keep-setuid'])).toMatchObject({ code: 0 });
  expect(await destination.lm(['complete'])).toMatchObject({ code: 6, stderr: expect.stringContaining('mode') }); // not remembered

  const dry = await destination.lm(['copy', '--dry-run']);
  expect(dry.stdout).toMatch(named);
  for (const name of SET) expect(dry.stdout).toMatch(new RegExp(`^would fix .*data/0/bin/${name}$`, 'm'));
  const again = await destination.lm(['copy', '--json']);
  expect(again.code).toBe(0);
  const setuid = { entries: SET.length, first: [...SET].sort().map((name) => `data/0/bin/${name}`) };
  expect(jsonLines(again.stdout).at(-1)!['report'].leftOut).toMatchObject({ setuid });
  expect(modes()).toEqual(expected(1));
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
  expect(await destination.lm(['complete'])).toMatchObject({ code: 0 });
});

(IS_ROOT ? longTest : test.skip)(
  'a user who may give nothing away gets those of his own programs, and hears of the others',
  async () => {
    const { source, destination } = sandbox();
    const program = file({ content: 'p', mode: 0o4755, mtimeNs: 10n ** 18n });
    const from = source.write('data', { own: program, 'root’s': program });
    chownSync(join(from, 'own'), SOMEBODY, SOMEBODY);
    chmodSync(join(from, 'own'), 0o4755);
    const to = destination.write('to', {});
    mkdirSync(destination.stateDir, { recursive: true });
    for (const path of [destination.dir, destination.home, destination.stateDir, to]) {
      chownSync(path, SOMEBODY, SOMEBODY);
      chmodSync(path, 0o755);
    }
    chmodSync(join(destination.dir, '..'), 0o755);
    const { url } = await source.serve([from]);
    const lm = (...args: string[]) => destination.lm([...args, '--keep-setuid'], { under: under(SOMEBODY) });
    const said = /^ +not kept +1 mode that cannot be kept here: data\/0\/root’s$/m;

    expect(await lm('copy', url, to)).toMatchObject({ code: 0, stdout: expect.stringMatching(said) });
    expect(['own', 'root’s'].map((name) => lstatSync(join(to, name)).mode & 0o7777)).toEqual([0o4755, 0o755]);
    const again = await lm('copy');
    expect(again.stdout).toMatch(/SUCCESS at iteration 0/); // nothing is tried twice
    expect(await lm('verify')).toMatchObject({ code: 0, stdout: expect.stringMatching(said) });
  },
);
