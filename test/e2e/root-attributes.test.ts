// Mode and owner of the roots themselves: mended and verified like those of any directory, and no obstacle when they shut their owner out.

import { chmodSync, chownSync, lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { sample } from '../support/form.js';
import type { LmOptions } from '../support/lm.js';
import { sandbox } from '../support/sandbox.js';
import { dir, readTree } from '../support/tree.js';

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

const attributes = (path: string): string => {
  const { mode, uid, gid } = lstatSync(path);
  return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
};

asRoot('a root', () => {
  test('gets its mode and owner, is verified by them, and mended', async () => {
    const { source, destination } = sandbox();
    const from = source.write('data', { a: 'a' });
    const to = destination.write('data', {});
    chownSync(from, 1234, 1235);
    chmodSync(from, 0o2750);
    chmodSync(to, 0o755);
    const { url } = await source.serve([from]);
    const dry = await destination.lm(['copy', url, to, '--dry-run']);
    expect(dry.stdout).toMatch(/^would fix +mode .* data\/0$/m);
    expect(attributes(to)).toBe('755 0:0');
    expect(await destination.lm(['copy', url, to])).toMatchObject({ code: 0, stderr: '' });
    expect(attributes(to)).toBe('2750 1234:1235');

    chownSync(to, 7, 7);
    chmodSync(to, 0o700);
    const verified = await destination.lm(['verify']);
    expect(verified).toMatchObject({ code: 4, stdout: expect.stringMatching(/^ *metadataMismatches +1$/m) });
    expect(verified.stdout).toMatch(/^differs {2}mode {2}source 2750, destination 0700: data\/0$/m);
    expect(verified.stdout).toMatch(/^differs {2}owner {2}source 1234:1235, destination 7:7(?: \(.+\))?: data\/0$/m);
    expect(await destination.lm(['copy', '--threshold', '0.5'])).toMatchObject({ code: 0 });
    expect(attributes(to)).toBe('2750 1234:1235');
    expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
  });

  const NOBODY = 65534;
  const nobody: LmOptions = { under: ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] };

  test.each(sample(2, [0, 0o555]))('with mode %o is copied into, changed and verified by its owner', async (mode) => {
    const box = sandbox();
    const from = box.source.write('data', { a: 'a', closed: dir({ b: 'b' }, { mode: 0 }) });
    const to = box.destination.path('mine');
    for (const path of [box.dir, box.destination.dir, box.destination.home]) chmodSync(path, 0o755);
    for (const path of [to, box.destination.stateDir]) {
      mkdirSync(path);
      chownSync(path, NOBODY, NOBODY);
    }
    chmodSync(to, mode === 0 ? 0 : 0o755);
    chmodSync(from, mode);
    const { url } = await box.source.serve([from]);
    const lm = (...args: string[]) => box.destination.lm(args, nobody);
    expect(await lm('copy', url, to, '--threshold', '0.99')).toMatchObject({ code: 0, stderr: '' });
    writeFileSync(join(from, 'c'), 'c');
    rmSync(join(from, 'a'));
    expect(await lm('copy', '--max-delete', '100%', '--threshold', '0.99')).toMatchObject({ code: 0, stderr: '' });
    expect(lstatSync(to).mode & 0o7777).toBe(mode);
    expect(await readTree(to)).toEqual(await readTree(from));
    expect(await lm('verify')).toMatchObject({ code: 0, stderr: '' });
    expect(lstatSync(to).mode & 0o7777).toBe(mode);
  });

  test('of somebody else is named before anything is copied into it', async () => {
    const box = sandbox();
    const { url } = await box.source.serve([box.source.write('data', { a: 'a' })]);
    const to = box.destination.path('theirs');
    for (const path of [box.dir, box.destination.dir, box.destination.home]) chmodSync(path, 0o755);
    for (const path of [to, box.destination.stateDir]) mkdirSync(path);
    chownSync(box.destination.stateDir, NOBODY, NOBODY);
    chmodSync(to, 0o777);
    expect(await box.destination.lm(['copy', url, to], nobody)).toMatchObject({
      code: 8,
      stderr: expect.stringMatching(
        /the mode of data\/0 .* is 0777, at the source 0755.*\n(.*\n)*hint: .*chmod 0755.*\nerror root-mode \(8\): /,
      ),
    });
    expect(await readTree(to)).toEqual({});
  });
});
