// What `lm verify` finds, and that it names it.

import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { flipBit } from '../support/flip-bit.js';
import { holdOpen, release } from '../support/holders.js';
import { jsonLines } from '../support/lm.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { dir, file, link } from '../support/tree.js';

let destination: Host;
let to: string;

afterEach(release);

beforeEach(async () => {
  const box = sandbox();
  destination = box.destination;
  const tree = {
    big: file({ size: 3 * 1024 * 1024 + 1 }),
    'odd\nname': 'x',
    empty: '',
    l: link('big'),
    d: dir(Object.fromEntries(['missing', 'size', 'time', 'kind', 'mode'].map((name) => [name, name]))),
  };
  const agent = await box.source.serve([box.source.write('data', tree)]);
  to = destination.write('data', {});
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
});

async function verified(args: string[] = []) {
  const { code, stdout } = await destination.lm(['verify', '--json', ...args]);
  const lines = jsonLines(stdout);
  const differences = lines.filter((line) => line.type === 'difference').map(({ key, reason }) => ({ key, reason }));
  return { code, differences, report: lines.at(-1)!['report'] };
}

const ALGORITHMS = ['xxhash32', 'md5'];

test('a process that has files open here is named where the sides differ, and only there', async () => {
  const pid = await holdOpen(`${to}/big`);
  const named = `in use, which may be why it differs: sleep (pid ${pid}) has ${to}/big open\n`;
  expect((await destination.lm(['verify'])).stderr).not.toContain(named);
  flipBit(`${to}/big`, 0);
  expect(await destination.lm(['verify'])).toMatchObject({ code: 4, stderr: expect.stringContaining(named) });
});

test('equal sides: every counter in its place, by either digest', async () => {
  for (const algo of ALGORITHMS)
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
    });
});

describe('a flipped bit', () => {
  test('is found with equal size and time, wherever it is', async () => {
    for (const offset of [0, 1_048_576, 3 * 1024 * 1024]) {
      flipBit(`${to}/big`, offset);
      for (const algo of ALGORITHMS)
        expect({ offset, ...(await verified(['--algo', algo])) }).toMatchObject({
          offset,
          code: 4,
          differences: [{ key: 'data/0/big', reason: 'digest' }],
          report: { state: 'FAILED', digestMismatches: 1 },
        });
      flipBit(`${to}/big`, offset); // as it was
    }
  });

  test('is named on the screen with both digests and what mends it, and that does', async () => {
    flipBit(`${to}/odd\nname`, 0);
    const { code, stdout } = await destination.lm(['verify']);
    expect(code).toBe(4);
    expect(stdout).toMatch(/^differs {2}digest {2}source [0-9a-f]+, destination [0-9a-f]+: data\/0\/odd\\nname$/m);
    expect(stdout).toMatch(/^next: lm verify --repair/m);
    const repaired = await destination.lm(['verify', '--repair']);
    expect(repaired).toMatchObject({ code: 0, stderr: '' });
    expect(repaired.stdout).toMatch(
      /^repaired {2}was wrong from byte 0 \(MiB 0\), 1 B received, verified: data\/0\/odd\\nname$/m,
    );
    expect(repaired.stdout).toMatch(/^ {2}repaired +1 file, 1 B, by 1 B received$/m);
    expect(repaired.stdout).toMatch(/^ {2}before it +digestMismatches=1$/m);
    expect((await verified()).code).toBe(0);
  });
});

/** What happens to the destination, each to a file of its own, and what is said of it. */
const DIFFERENCES: [script: string, key: string, reason: string][] = [
  ['echo x > extra', 'extra', 'not-found-at-source'],
  ['rm d/missing', 'd/missing', 'not-found-at-destination'],
  ['echo more >> d/size', 'd/size', 'size'],
  ['touch -d @1 d/time', 'd/time', 'mtime'],
  ['rm d/kind; mkdir d/kind', 'd/kind', 'type'],
  ['chmod 600 d/mode', 'd/mode', 'mode'],
  ['ln -sfn elsewhere l', 'l', 'link-target'],
];

test('every difference in metadata is named with its kind, and stops no digest', async () => {
  for (const [script] of DIFFERENCES) execFileSync('sh', ['-ec', script], { cwd: to });
  flipBit(`${to}/big`, 5);
  const { code, differences } = await verified();
  expect(code).toBe(4);
  const expected = [...DIFFERENCES.map(([, key, reason]) => ({ key: `data/0/${key}`, reason })), BIG_DIFFERS];
  expect(differences).toEqual(expect.arrayContaining(expected));
  expect(differences.filter(({ reason }) => reason === 'digest')).toEqual([BIG_DIFFERS]);
});

const BIG_DIFFERS = { key: 'data/0/big', reason: 'digest' };
