// A copy from an agent to which thousands of others connect, who ask for nothing.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';

const at = (name: string) => fileURLToPath(new URL(name, import.meta.url));

test('two thousand strangers take no place from ten connections', async () => {
  const { source, destination, defer } = sandbox();
  const files = Array.from({ length: 12 }, (_, i) => [`big-${i}`, Buffer.alloc(1 << 20, i)]);
  const small = Array.from({ length: 200 }, (_, i) => [`small-${i}`, `${i}`]);
  const from = source.write('data', Object.fromEntries([...files, ...small]));
  const token = source.path('token');
  writeFileSync(token, 'sixteen-characters-and-more\n', { mode: 0o600 });
  const agent = await source.serve([from, '--token-file', token]);

  const { port } = new URL(agent.url);
  const crowd = spawn(process.execPath, [
    '--import',
    at('../bench/typescript.js'),
    at('../support/crowd.ts'),
    port,
    '2000',
    '1000',
  ]);
  defer(() => crowd.kill('SIGKILL'));
  await once(crowd.stdout, 'data');

  const copy = await destination.lm(['copy', agent.url, destination.path('to'), '--token-file', token]);
  expect(copy).toMatchObject({ code: 0, stderr: '' }); // no retry
  const { code, stderr } = await agent.stop();
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^(warning: more than \d+ connections .*\n)+$/)]);
});
