// The main job on a tree of some size, run by `npm run test:large`: over 20,000 files and 2 GiB, from a source that changes
// meanwhile. Takes about 5 GiB of /dev/shm, or of the temporary directory where that is too small.

import { execFileSync } from 'node:child_process';
import { appendFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, test } from '@jest/globals';
import { flipBit } from '../support/flip-bit.js';
import { jsonLines } from '../support/lm.js';
import { startMutator } from '../support/mutate.js';
import { sandbox } from '../support/sandbox.js';
import { dir, file, link, readTree, type Tree } from '../support/tree.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** `count` nodes: `name` followed by their number. */
const some = (count: number, name: string, node: (i: number) => Tree[string]): Tree =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${name}${i}`, node(i)]));

/** 20,848 files and 2.3 GiB, links and directories besides. */
const bigTree = (): Tree => ({
  ks: dir({
    ...some(40, 'table', (t) =>
      dir({
        ...some(500, 'nb-', (i) => file({ size: ((i * 97) % 40) * KIB + (i % 3), seed: t })),
        ...some(20, 'big-', (i) => file({ size: MIB + i, seed: t, mode: 0o640 })),
      }),
    ),
    huge: dir(some(6, 'nb-', (i) => file({ size: 150 * MIB + i, seed: 100 + i }))),
    odd: dir({
      'new\nline': 'n',
      'a+b %2e %': 'p',
      'é😀': 'e',
      '-rf': file({ content: 'd', mode: 0o400, mtimeNs: 1_000_000_000_123_456_000n }),
      empty: dir({ deeper: dir({}) }, { mode: 0o711 }),
      dangling: link('no where'),
      'link to a directory': link('empty'),
      ...some(30, 'hidden.', (i) => link(`../table${i}`, { mtimeNs: BigInt(i) * 1_000_000_000n })),
    }),
  }),
});

const commitlog = (): Tree => some(8, 'CommitLog-7-', (i) => file({ size: 8 * MIB, seed: 200 + i }));

function roomyDirectory(): string {
  const { bavail, bsize } = statfsSync('/dev/shm');
  return bavail * bsize > 6 * GIB ? '/dev/shm' : tmpdir();
}

test('a whole migration, as the operator types it', async () => {
  const { source, destination, defer } = sandbox(roomyDirectory());
  const data = source.write('data', bigTree());
  const log = source.write('commitlog', commitlog());
  const [toData, toLog] = [destination.write('data', {}), destination.write('commitlog', {})];
  for (const host of [source, destination])
    writeFileSync(host.path('token'), `${'secret'.repeat(6)}\n`, { mode: 0o600 });

  const agent = await source.serve([
    ...['--root', `data=${data}`, '--root', `commitlog=${log}`],
    ...['--token-file', source.path('token')],
  ]);
  const env = { LM_PRE_CHECK: 'true' }; // as if the service had been asked: some of a machine's processes cannot be looked into
  const lm = (...args: string[]) => destination.lm(args, { env });

  const mutators = [startMutator(`${data}/busy`, { everyMs: 2 }), startMutator(`${log}/busy`, { everyMs: 20 })];
  for (const mutator of mutators) defer(() => mutator.stop());
  await mutators[0]!.reaches(300);
  const live = destination.start(
    [
      ...['copy', agent.url, '--root', `data=${toData}`, '--root', `commitlog=${toLog}`],
      ...['--token-file', destination.path('token'), '--threshold', '0.95', '--json'],
    ],
    { env },
  );
  await live.says(/"DOWNLOADING"/);
  appendFileSync(`${data}/ks/huge/nb-0`, 'grown');
  rmSync(`${data}/ks/huge/nb-1`);
  const first = await live.done;
  expect(first).toMatchObject({ code: 0, stderr: '' });
  const { status } = jsonLines(first.stdout).at(-1)!['report'];
  expect(status[0].totalFiles).toBeGreaterThan(20_000);
  expect(status[0].totalSize).toBeGreaterThan(2 * GIB);
  await mutators[0]!.reaches(mutators[0]!.changes() + 300);
  for (const mutator of mutators) mutator.stop();

  expect(await lm('copy', '--threshold', '1.0')).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/^next: lm verify$/m),
  });
  for (const algo of ['xxhash32', 'md5'])
    expect(await lm('verify', '--algo', algo)).toMatchObject({ code: 0, stderr: '' });
  await expectEqual();

  const damaged = `${toData}/ks/huge/nb-3`;
  flipBit(damaged, 77 * MIB + 1);
  expect(await lm('verify')).toMatchObject({
    code: 4,
    stdout: expect.stringMatching(/^differs .*: data\/0\/ks\/huge\/nb-3$/m),
  });
  expect(await lm('copy', '--diff', 'checksum')).toMatchObject({ code: 0 });
  expect(await lm('verify')).toMatchObject({ code: 0 });
  await expectEqual();

  expect(await lm('complete')).toMatchObject({ code: 0 });
  expect(await source.lm(['complete'])).toMatchObject({ code: 0 });
  expect(await lm('copy')).toMatchObject({ code: 6 });
  expect(await lm('reset')).toMatchObject({ code: 0 });
  expect(await source.lm(['reset'])).toMatchObject({ code: 0 });

  /** Contents, links, modes and times; those of directories too. */
  async function expectEqual(): Promise<void> {
    for (const [from, to] of [
      [data, toData],
      [log, toLog],
    ] as const) {
      execFileSync('diff', ['-r', '--no-dereference', from, to]); // throws when it has something to say
      expect(await readTree(to, { directoryTimes: true })).toEqual(await readTree(from, { directoryTimes: true }));
    }
  }
}, 900_000);
