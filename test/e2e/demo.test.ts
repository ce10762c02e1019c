import { mkdirSync, readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { jsonLines } from '../support/lm.js';
import { sandbox } from '../support/sandbox.js';

test('the demo shows every command, ends well and leaves nothing behind', async () => {
  const { source } = sandbox();
  const TMPDIR = source.path('tmp');
  mkdirSync(TMPDIR);
  const { code, stdout, stderr } = await source.lm(['demo'], { env: { TMPDIR } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const command of ['serve', 'copy', 'verify', 'complete', 'reset'])
    expect(stdout).toMatch(new RegExp(`^(source|destination)\\$ lm ${command}`, 'm'));
  const lines = stdout.trimEnd().split('\n');
  expect(lines).toContainEqual(expect.stringMatching(/^127\.0\.0\.1 is gone, /));
  expect(lines.at(-1)).toBe('demo: nothing was lost, and nothing is left behind');
  expect(readdirSync(TMPDIR)).toEqual([]);
});

test('interrupted, it ends its processes and cleans up', async () => {
  const { source } = sandbox();
  const TMPDIR = source.path('tmp');
  mkdirSync(TMPDIR);
  const running = source.start(['demo', '--json'], { env: { TMPDIR } });
  await running.says(/"type":"output"/);
  running.kill('SIGINT');
  const { code, stdout } = await running.done; // its output is closed only when the agent's is, too
  expect(code).toBe(130);
  expect(jsonLines(stdout).at(-1)).toMatchObject({ type: 'summary', exitCode: 130 });
  expect(readdirSync(TMPDIR)).toEqual([]);
});
