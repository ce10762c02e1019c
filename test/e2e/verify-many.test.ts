// `lm verify` of so many small files that both ends read them by the short way (src/digest/settled-files.ts): it finds what the long way finds.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { flipBit } from '../support/flip-bit.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';

const [DIRS, FILES] = [40, 500];

/** So long after a write a file is no longer taken for young by the short way. */
const SETTLED_MS = 14_000;

longTest('a bit that was flipped in one of 20,000 files is found at either end, and nothing else is', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', {});
  for (let d = 0; d < DIRS; d++) {
    mkdirSync(join(from, `d${1000 + d}`));
    for (let f = 0; f < FILES; f++) writeFileSync(join(from, `d${1000 + d}/f${1000 + f}`), `${d} ${f} `.repeat(20));
  }
  const to = destination.write('data', {});
  const agent = await source.serve([from]);
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });

  const verified = async () => {
    await pause(SETTLED_MS);
    const { code, stdout } = await destination.lm(['verify', '--json']);
    const lines = jsonLines(stdout);
    const keys = lines.flatMap(({ type, key }) => (type === 'difference' ? [key] : []));
    return { code, keys: keys.sort(), filesMatched: lines.at(-1)!['report'].filesMatched };
  };
  const wrong = [`${from}/d1000/f1000`, `${to}/d1020/f1499`, `${from}/d1039/f1250`, `${to}/d1039/f1251`];
  const flip = () => wrong.forEach((path) => void flipBit(path, 50));
  flip();
  expect(await verified()).toEqual({
    code: 4,
    keys: ['d1000/f1000', 'd1020/f1499', 'd1039/f1250', 'd1039/f1251'].map((name) => `data/0/${name}`),
    filesMatched: DIRS * FILES - wrong.length,
  });
  flip();
  expect(await verified()).toEqual({ code: 0, keys: [], filesMatched: DIRS * FILES });
});
