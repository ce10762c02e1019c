import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { LmOptions } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import { dir } from '../support/tree.js';

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

const NOBODY = 65534;
const nobody: LmOptions = { under: ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] };

asRoot('files that their owner may not read', () => {
  const MODES = { a: 0o644, b: 0o200, c: 0, d: 0o444, e: 0o111, z: 0o644 };

  async function copied() {
    const box = sandbox();
    const from = box.source.write('data', { in: dir({}) });
    for (const [name, mode] of Object.entries(MODES)) {
      writeFileSync(join(from, 'in', name), name); // just now, so that each is published in a second step
      chmodSync(join(from, 'in', name), mode);
    }
    const to = box.destination.path('mine');
    for (const path of [box.dir, box.destination.dir, box.destination.home]) chmodSync(path, 0o755);
    for (const path of [to, box.destination.stateDir]) {
      mkdirSync(path);
      chownSync(path, NOBODY, NOBODY);
    }
    const { url } = await box.source.serve([from]);
    const lm = (...args: string[]) => box.destination.lm(args, nobody);
    expect(await lm('copy', url, to)).toMatchObject({ code: 0, stderr: '' });
    const modes = () => Object.keys(MODES).map((name) => statSync(join(to, 'in', name)).mode & 0o7777);
    return { lm, modes, to };
  }

  test('are copied and verified by him, and keep their modes', async () => {
    const { lm, modes } = await copied();
    expect(modes()).toEqual(Object.values(MODES));
    expect(await lm('verify')).toMatchObject({ code: 0, stderr: '' });
    expect(await lm('verify', '--algo', 'md5')).toMatchObject({ code: 0, stderr: '' });
    expect(await lm('copy', '--diff', 'checksum')).toMatchObject({ code: 0, stderr: '' });
    expect(modes()).toEqual(Object.values(MODES));
  });

  longTest("are left alone where they are somebody else's", async () => {
    const { lm, modes, to } = await copied();
    chownSync(join(to, 'in/b'), 0, 0);
    expect(await lm('verify')).toMatchObject({
      code: 4,
      stdout: expect.stringMatching(/unreadable-at-destination.*in\/b/),
    });
    expect(modes()).toEqual(Object.values(MODES));
  });
});

asRoot('a source that its agent may not list whole', () => {
  longTest('is held up to what came of it all the same', async () => {
    const { source, destination, dir: both } = sandbox();
    const from = source.write('data', { big: 'b'.repeat(1000), closed: dir({ x: 'x' }) });
    chmodSync(join(from, 'closed'), 0o700);
    for (const path of [both, source.dir, source.home]) chmodSync(path, 0o755);
    mkdirSync(source.stateDir);
    chownSync(source.stateDir, NOBODY, NOBODY);
    const { url } = await source.serve([from], nobody);
    expect(await destination.lm(['copy', url, destination.write('data', {})])).toMatchObject({
      code: 6,
      stdout: expect.stringContaining('the source could not list everything'),
    });
    chmodSync(join(from, 'closed'), 0o755);
    writeFileSync(join(from, 'big'), 'b');
    const { code, stderr } = await destination.lm(['copy']);
    expect([code, stderr]).toEqual([6, expect.stringMatching(/^lm copy: the source has lost more than --max-delete/)]);
  });
});
