import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { type Fidelity, fidelityOf, lossesOf, PROBE_US } from '../../src/pull/guard-fidelity.js';

const WHOLE: Fidelity = {
  mtimeNs: PROBE_US * 1000n + 499n,
  keepsModes: true,
  keepsLinks: true,
  keepsCase: true,
  keepsLongNames: true,
};

const TIMES = 'keeps times to';

test.each<[Partial<Fidelity>, string[]]>([
  [{}, []],
  [{ mtimeNs: PROBE_US * 1000n - 1n }, [`${TIMES} the millisecond`]],
  [{ mtimeNs: (PROBE_US / 1000n) * 1_000_000n }, [`${TIMES} the millisecond`]],
  [{ mtimeNs: (PROBE_US / 1_000_000n) * 1_000_000_000n }, [`${TIMES} the second`]],
  [{ mtimeNs: 0n }, [`${TIMES} the second`]],
  [{ keepsModes: false }, ['does not keep file modes']],
  [{ keepsLinks: false }, ['does not keep symbolic links']],
  [
    { keepsCase: false, keepsLongNames: false },
    ['does not tell upper from lower case', 'does not keep names of 255 bytes'],
  ],
])('%j', (found, losses) => {
  expect(lossesOf({ ...WHOLE, ...found })).toEqual(losses.map((loss) => expect.stringContaining(loss)));
});

test('an ordinary file system keeps everything, and nothing is left on it', async () => {
  const path = mkdtempSync(join(tmpdir(), 'lm-fidelity-'));
  expect(await fidelityOf([{ key: 'data/0', path }])).toEqual([]);
  expect(readdirSync(path)).toEqual([]);
  rmSync(path, { recursive: true });
});

test('a root that cannot be written is a local fault', async () => {
  await expect(fidelityOf([{ key: 'data/0', path: '/proc' }])).rejects.toEqual(
    expect.objectContaining({
      code: 'local',
      message: expect.stringMatching(/^cannot write \/proc\/\.lm-[0-9a-f]{16}\.lm-part: /),
    }),
  );
});
