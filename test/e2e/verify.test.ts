// What `lm verify` finds, and that it names it.

import { execFileSync } from 'node:child_process';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { flipBit } from '../support/flip-bit.js';
import { jsonLines } from '../support/lm.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { dir, file, link } from '../support/tree.js';

let destination: Host;
let to: string;

beforeEach(async () => {
  const box = sandbox();
  destination = box.destination;
  const tree = {
    big: file({ size: 3 * 1024 * 1024 + 1 }),
    'odd\nname': 'x',
    empty: '',
    l: link('big'),
    d: dir({ x: 'x' }),
  };
  const agent = await box.source.serve([box.source.write('data', tree)]);
  to = destination.write('data', {});
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
});

async function verified(args: string[] = []) {
  const { code, stdout } = await destination.lm(['verify', '--json', ...args]);
  const lines = jsonLines(stdout);
  const differences = lines.filter((line) => line.type === 'difference').map(({ key, reason }) => ({ key, reason }));
  return { code, differences, report: lines.at(-1)!.report };
}

test.each(['xxhash32', 'md5'])('equal sides: every counter in its place (%s)', async (algo) =>
  expect(await verified(['--algo', algo])).toMatchObject({
    code: 0,
    differences: [],
    report: {
      digestAlgorithm: algo,
      state: 'COMPLETED',
      filesNotFoundAtSource: 0,
      filesNotFoundAtDestination: 0,
      metadataMismatches: 0,
      digestMismatches: 0,
      digestVerificationFailures: 0,
    },
  }),
);

describe('a flipped bit', () => {
  test.each([0, 1_048_576, 3 * 1024 * 1024])('at byte %d is found with equal size and time', async (offset) => {
    flipBit(`${to}/big`, offset);
    for (const algo of ['xxhash32', 'md5'])
      expect(await verified(['--algo', algo])).toMatchObject({
        code: 4,
        differences: [{ key: 'data/0/big', reason: 'digest' }],
        report: { state: 'FAILED', digestMismatches: 1 },
      });
  });

  test('is named on the screen with both digests and what mends it, and that does', async () => {
    flipBit(`${to}/odd\nname`, 0);
    const { code, stdout } = await destination.lm(['verify']);
    expect(code).toBe(4);
    expect(stdout).toMatch(/^differs {2}digest {2}source [0-9a-f]+, destination [0-9a-f]+: data\/0\/odd\\nname$/m);
    expect(stdout).toMatch(/^next: lm copy --diff checksum/m);
    expect(await destination.lm(['copy', '--diff', 'checksum'])).toMatchObject({ code: 0 });
    expect((await verified()).code).toBe(0);
  });
});

test.each([
  ['one file too many', 'echo x > extra', [{ key: 'data/0/extra', reason: 'not-found-at-source' }]],
  ['one missing', 'rm d/x', [{ key: 'data/0/d/x', reason: 'not-found-at-destination' }]],
  ['another size', 'echo more >> d/x', [{ key: 'data/0/d/x', reason: 'size' }]],
  ['another time', 'touch -d @1 d/x', [{ key: 'data/0/d/x', reason: 'mtime' }]],
  ['another kind', 'rm d/x; mkdir d/x', [{ key: 'data/0/d/x', reason: 'type' }]],
  ['another mode', 'chmod 600 d/x', [{ key: 'data/0/d/x', reason: 'mode' }]],
  ['another target', 'ln -sfn elsewhere l', [{ key: 'data/0/l', reason: 'link-target' }]],
])('%s', async (_, script, differences) => {
  execFileSync('sh', ['-ec', script], { cwd: to });
  const result = await verified();
  expect(result.code).toBe(4);
  expect(result.differences).toEqual(expect.arrayContaining(differences));
});

test('a difference in metadata does not stop the digests', async () => {
  flipBit(`${to}/big`, 5);
  execFileSync('sh', ['-ec', 'rm d/x'], { cwd: to });
  expect((await verified()).differences).toEqual(
    expect.arrayContaining([
      { key: 'data/0/big', reason: 'digest' },
      { key: 'data/0/d/x', reason: 'not-found-at-destination' },
    ]),
  );
});
