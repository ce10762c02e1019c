import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { describeLosses, PROBE_US, type TestResult, testFidelity, unitOf } from '../../src/guards/guard-fidelity.js';

const WHOLE: TestResult = {
  unitNs: '1000',
  lostBits: 0,
  owners: true,
  keepsLinks: true,
  keepsCase: true,
  keepsLongNames: true,
};

test.each<[Partial<TestResult>, string[]]>([
  [{}, []],
  [{ unitNs: '1000000' }, ['keeps times to the millisecond only']],
  [{ unitNs: '10000000' }, ['keeps times to 10 ms only']],
  [{ unitNs: '1000000000' }, ['keeps times to the second only']],
  [{ unitNs: '2000000000', minNs: '315532800000000000' }, ['to 2 seconds only', 'keeps times from 1980-01-01 only']],
  [{ unitNs: '0' }, ['does not keep times']],
  [{ lostBits: 0o7777 }, ['does not keep file modes']],
  [{ lostBits: 0o2000 }, ['does not keep the mode bits 2000']],
  [{ owners: false }, ['does not keep owners']],
  [{ keepsLinks: false }, ['does not keep symbolic links']],
  [
    { keepsCase: false, keepsLongNames: false },
    ['does not tell upper from lower case', 'does not keep names of 255 bytes'],
  ],
])('%j', (found, losses) => {
  expect(describeLosses({ ...WHOLE, ...found })).toEqual(losses.map((loss) => expect.stringContaining(loss)));
});

test.each([
  [PROBE_US * 1000n + 499n, '1000'],
  [(PROBE_US / 1000n) * 1_000_000n, '1000000'],
  [(PROBE_US / 10_000n) * 10_000_000n, '10000000'],
  [(PROBE_US / 1_000_000n) * 1_000_000_000n, '1000000000'],
  [(PROBE_US / 2_000_000n) * 2_000_000_000n, '2000000000'],
  [PROBE_US * 1000n - 1n, '0'],
  [0n, '0'],
])('a time that comes back as %i was cut to whole %s ns', (kept, unit) => {
  expect(unitOf(kept)).toBe(unit);
});

test('an ordinary file system keeps everything, and no file of the test is left on it', async () => {
  const path = mkdtempSync(join(tmpdir(), 'lm-fidelity-'));
  const place = { unitNs: '1000', lostBits: 0, owners: true };
  expect(await testFidelity([{ key: 'data/0', path }], process.getuid?.() === 0)).toEqual({
    places: [{ key: 'data/0', ...place }],
    warnings: [],
  });
  expect(readdirSync(path)).toEqual([]);
  rmSync(path, { recursive: true });
});

test('a root that cannot be written is a local fault', async () => {
  await expect(testFidelity([{ key: 'data/0', path: '/proc' }], false)).rejects.toEqual(
    expect.objectContaining({
      code: 'local',
      message: expect.stringMatching(/^cannot write \/proc\/\.lm-[0-9a-f]{16}\.lm-part: /),
    }),
  );
});
