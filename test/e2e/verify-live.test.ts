// `lm verify --live`, while the source is in use: contents alone decide, and the rest is counted as not yet copied.

import { appendFileSync, chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { beforeEach, expect, test } from '@jest/globals';
import { flipBit } from '../support/flip-bit.js';
import { jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { settled } from '../support/settled.js';
import { dir, file } from '../support/tree.js';

let destination: Host;
let from: string;
let to: string;

beforeEach(async () => {
  const box = sandbox();
  destination = box.destination;
  from = box.source.write('data', {
    big: file({ size: 3 * 1024 * 1024 + 1 }),
    gone: 'gone',
    d: dir({ log: 'log', mode: 'm' }),
  });
  const agent = await box.source.serve([from]);
  to = destination.write('data', {});
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
});

/** What a service does to its files: one removed, one grown, one new in a new directory, one with another mode. */
function work(): void {
  rmSync(`${from}/gone`);
  appendFileSync(`${from}/d/log`, ' and more');
  mkdirSync(`${from}/new`);
  writeFileSync(`${from}/new/x`, 'new');
  chmodSync(`${from}/d/mode`, 0o600);
}

async function verified(...args: string[]) {
  const { code, stdout, stderr } = await destination.lm(['verify', '--json', ...args]);
  const lines = jsonLines(stdout);
  const differences = lines.filter((line) => line.type === 'difference').map(({ key, reason }) => ({ key, reason }));
  return { code, differences, message: lines.at(-1)!['message'], report: lines.at(-1)!['report'], stderr };
}

test('what the service has changed since the copy is counted, with its bytes, and is no failure', async () => {
  work();
  const bytes = 'log and more'.length + 'new'.length + 'm'.length;
  expect(await verified('--live')).toMatchObject({
    code: 0,
    differences: [],
    message: `contents match, 1 file by xxhash32; 5 entries (${bytes} B) are not yet copied`,
    report: {
      state: 'COMPLETED',
      live: true,
      notYetCopied: { entries: 5, bytes },
      metadataMismatches: 0,
      filesMatched: 1,
    },
  });
  const { stdout } = await destination.lm(['verify', '--live']);
  expect(stdout).toMatch(/^ {2}not yet copied +5 entries, 16 B$/m);
  expect(stdout).toMatch(
    /^next: stop the service on the source, then lm copy --threshold 1\.0, then lm verify again$/m,
  );
  expect(await verified()).toMatchObject({
    code: 4,
    report: { filesNotFoundAtSource: 1, filesNotFoundAtDestination: 2 },
  });
});

test('contents that differ decide, at either end', async () => {
  work();
  for (const side of [from, to]) {
    flipBit(`${side}/big`, 1024 * 1024);
    await settled(from);
    expect(await verified('--live')).toMatchObject({
      code: 4,
      differences: [{ key: 'data/0/big', reason: 'digest' }],
      report: { state: 'FAILED', digestMismatches: 1, notYetCopied: { entries: 5 } },
    });
    flipBit(`${side}/big`, 1024 * 1024);
  }
});

longTest('nothing alike on both sides is no success', async () => {
  for (const name of ['big', 'gone', 'd']) rmSync(`${to}/${name}`, { recursive: true });
  expect(await verified('--live')).toMatchObject({
    code: 6,
    message: expect.stringMatching(/^nothing was compared: 5 entries \(3\.0 MiB\) are not yet copied$/),
  });
});

test('it completes no migration, nor leaves one verified for which it found more to copy', async () => {
  expect(await verified('--live')).toMatchObject({ code: 0, report: { notYetCopied: { entries: 0, bytes: 0 } } });
  const refused = await destination.lm(['complete']);
  expect(refused).toMatchObject({
    code: 6,
    stderr: expect.stringContaining('during the last verification, or it was one with --live'),
  });
  expect((await destination.lm(['status'])).stdout).toMatch(/^ {2}verified +no$/m);
  expect(await verified()).toMatchObject({ code: 0 });
  expect((await destination.lm(['status'])).stdout).toMatch(/^ {2}verified +yes/m);
  expect(await verified('--live')).toMatchObject({ code: 0 });
  expect((await destination.lm(['status'])).stdout).toMatch(/^ {2}verified +yes/m);
  work();
  expect(await verified('--live')).toMatchObject({ code: 0 });
  expect((await destination.lm(['status'])).stdout).toMatch(/^ {2}verified +no$/m);
});

test.each([
  [['--offline', '--live'], '--offline and --live exclude each other: without a source there is none that is in use'],
  [['--offline', '--incremental'], '--offline and --incremental exclude each other'],
  [
    ['--incremental', '--sstables'],
    '--incremental and --sstables exclude each other: SSTables are checked by reading all of them',
  ],
  [
    ['--incremental', '--algo', 'md5'],
    '--incremental and --algo exclude each other: what is kept is an XXH64 of each MiB',
  ],
])('%j is a usage error', async (args, message) => {
  expect(await destination.lm(['verify', ...args])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(message),
  });
});
