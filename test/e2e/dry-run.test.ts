// A dry run beside records that cannot be written to: it needs nothing but to read them.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { geteuid } from 'node:process';
import { expect } from '@jest/globals';
import { longTest } from '../support/long-test.js';
import { type Host, type Sandbox, sandbox } from '../support/sandbox.js';
import { readTree } from '../support/tree.js';

/** Modes keep nobody out who is root. */
function makeReadOnly({ stateDir }: Host, defer: Sandbox['defer']): void {
  if (geteuid!() === 0) {
    execFileSync('mount', ['--bind', stateDir, stateDir]);
    defer(() => execFileSync('umount', [stateDir]));
    execFileSync('mount', ['-o', 'remount,bind,ro', stateDir]);
  } else {
    execFileSync('chmod', ['-R', 'a-w', stateDir]);
    defer(() => execFileSync('chmod', ['-R', 'u+w', stateDir]));
  }
}

longTest('a state directory may be read-only for a dry run, which leaves nothing anywhere', async () => {
  const { source, destination, defer } = sandbox();
  const from = source.write('data', { a: 'a' });
  const to = destination.path('to');
  const agent = await source.serve([from]);
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  writeFileSync(join(from, 'b'), 'new');
  makeReadOnly(destination, defer);
  const [before, records] = [await readTree(to), await readTree(destination.stateDir)];
  const TMPDIR = destination.path('tmp');
  mkdirSync(TMPDIR);
  const env = { TMPDIR };
  for (const args of [['--dry-run'], ['--dry-run', agent.url, to], ['--dry-run', '--threshold', '0.5']])
    expect(await destination.lm(['copy', ...args], { env })).toMatchObject({
      stderr: '',
      stdout: expect.stringMatching(/^would copy +new .* data\/0\/b$/m),
    });
  expect(await destination.lm(['copy'], { env })).toMatchObject({ code: 8 });
  expect(await readTree(to)).toEqual(before);
  expect(await readTree(destination.stateDir)).toEqual(records);
  expect(readdirSync(TMPDIR)).toEqual([]);
});
