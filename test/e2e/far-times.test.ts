// Times that no clock gives: a file may state any, and lm itself tries one out, which a crash may leave behind.

import { readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { sandbox } from '../support/sandbox.js';

const YEAR_9999_S = 253_402_300_798;

test('a file of the year 9999 is copied and verified, and what a killed trial has left is removed', async () => {
  const { source, destination } = sandbox('/dev/shm'); // which keeps such a time; a disk may not
  const from = source.write('data', { a: 'a', far: 'far' });
  const to = destination.write('data', { '.lm-0123456789abcdef.lm-part': '' });
  for (const path of [join(from, 'far'), join(to, '.lm-0123456789abcdef.lm-part')])
    utimesSync(path, YEAR_9999_S, YEAR_9999_S);
  const { url } = await source.serve([from]);
  expect(await destination.lm(['copy', url, to])).toMatchObject({ code: 0, stderr: '' });
  expect(readdirSync(to)).toEqual(['a', 'far']);
  expect(statSync(join(to, 'far')).mtimeMs).toBe(YEAR_9999_S * 1000);
  expect(await destination.lm(['verify'])).toMatchObject({ code: 0, stderr: '' });
});
