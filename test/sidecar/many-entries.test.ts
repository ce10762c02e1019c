// A Sidecar with more entries than are sorted in memory.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';
import { startSidecar } from './start-sidecar.js';

test('100,001 entries in directories of their own are copied, and found equal by the next pass', async () => {
  const box = sandbox();
  const { source, destination } = box;
  const from = source.write('data', {});
  for (let d = 0; d < 50; d++) {
    mkdirSync(join(from, `d${d}`));
    for (let i = 0; i < 1_999; i++) writeFileSync(join(from, `d${d}/f${i}`), '');
  }
  writeFileSync(join(from, 'one-more'), 'x');
  const to = destination.write('data', {});
  const { url } = await startSidecar(box, { dataDirs: [from] });
  const copied = await destination.lm(['copy', url, to, '--json']);
  expect(copied).toMatchObject({ code: 0 });
  expect(copied.stdout).toMatch(/"totalFiles":100001,/);
  const again = await destination.lm(['copy', '--json']);
  expect(again).toMatchObject({ code: 0 });
  expect(again.stdout).toMatch(/"type":"planned".*"download":\{"entries":0,/);
});
