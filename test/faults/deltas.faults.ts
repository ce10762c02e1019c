// A file of which an earlier state is here, and a system call that fails, or a kill, while it is cloned or copied, compared and patched:
// what has its name is one of both states, whole, and the next copy brings the pages that are still missing.

import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { partNameOf } from '../../src/disk/disk.js';
import { under as asUser, SOMEBODY } from '../support/as-user.js';
import { HAS_BTRFS } from '../support/btrfs.js';
import { sandbox } from '../support/sandbox.js';
import { file } from '../support/tree.js';
import { type Delta, type Deltas, DUE, expectSame, type Here, MIB, receivedBy, startDeltas } from './delta.js';
import { CAN_INJECT, chance, describeIf, HAS_STRACE, IS_ROOT, inForm, LONG, roomyDirectory, tally } from './form.js';
import { inAnyDirectory, injected, sabotaged } from './strace.js';

let deltas: Deltas;

beforeAll(async () => {
  deltas = await startDeltas();
});

afterAll(() => deltas.close());

const FULL = ['ENOSPC', 'EIO', 'EDQUOT'] as const;

/** Without root, or Btrfs, there is nothing to be cloned, which flips.faults.ts says. */
const isPossible = (here: Here): boolean => HAS_BTRFS || here !== 'clone';

interface Case {
  doing: string;
  here: Here;
  calls: string;
  on(delta: Delta): string[];
  errors: readonly string[];
  when?: string;
  /** What the copy does all the same: it has other ways to the file. */
  ends?: 'well';
  /** Bytes that may come then. */
  due?: number;
  rootOnly?: true;
  /** Much like another one. */
  longOnly?: true;
}

const part = ({ part }: Delta): string[] => [part, ...inAnyDirectory(part.slice(part.lastIndexOf('/') + 1))];

/** All of it, as of one unit. */
const WHOLE = 13 * MIB;

/** A version that was not copied whole is not gone on with: what is missing of the unit comes. */
const dueAfter = (here: Here): number => (here === 'version' ? WHOLE : DUE);

const CASES: Case[] = [
  { doing: 'cloning', here: 'clone', calls: 'ioctl', on: part, errors: FULL },
  {
    ...{ doing: 'cloning where that cannot be', here: 'clone', calls: 'ioctl', on: part },
    ...{ errors: ['EOPNOTSUPP', 'EXDEV', 'EINVAL'], ends: 'well' },
  },
  { doing: 'giving a clone its mode', here: 'clone', calls: 'fchmod', on: part, errors: ['EIO'], longOnly: true },
  { doing: 'sizing a clone', here: 'clone', calls: 'ftruncate', on: part, errors: FULL, when: '2+', longOnly: true },
  { doing: 'patching a clone', here: 'clone', calls: 'pwrite64', on: part, errors: FULL, longOnly: true },
  { doing: 'closing a clone', here: 'clone', calls: 'close', on: part, errors: FULL, longOnly: true },
  { doing: 'publishing a clone', here: 'clone', calls: 'rename', on: part, errors: FULL },
  { doing: 'patching a copy of it', here: 'version', calls: 'pwrite64', on: part, errors: FULL, when: '12+' },
  { doing: 'opening a basis', here: 'basis', calls: 'openat', on: part, errors: ['EIO', 'EMFILE'], longOnly: true },
  { doing: 'sizing a basis', here: 'basis', calls: 'ftruncate', on: part, errors: FULL },
  // Again in the second look at a file that was young, and in the next pass.
  {
    ...{ doing: 'reading a basis', here: 'basis', calls: 'read,pread64', on: part, errors: ['EIO'] },
    ...{ ends: 'well', due: 3 * WHOLE, longOnly: true },
  },
  { doing: 'patching a basis', here: 'basis', calls: 'pwrite64', on: part, errors: FULL, longOnly: true },
  { doing: 'patching more of a basis', here: 'basis', calls: 'pwrite64', on: part, errors: FULL, when: '2+' },
  {
    doing: 'giving a basis its owner',
    here: 'basis',
    calls: 'fchown',
    on: part,
    errors: ['EIO'],
    rootOnly: true,
    longOnly: true,
  },
  { doing: 'publishing a basis', here: 'basis', calls: 'rename', on: part, errors: FULL },
  { doing: 'syncing it', here: 'basis', calls: 'syncfs', on: ({ to }) => [to], errors: FULL, longOnly: true },
];

describeIf(CAN_INJECT, 'a system call fails in a delta', 'strace and a process namespace', () => {
  const possible = CASES.filter(
    ({ here, rootOnly, longOnly }) => isPossible(here) && (IS_ROOT || !rootOnly) && (LONG || !longOnly),
  );
  test.each(possible)('$doing ($calls)', async (one) => {
    for (const error of LONG ? one.errors : [chance(one.doing).pick(one.errors)]) await fails(one, error);
  });
});

async function fails({ here, calls, on, when = '1+', ends, due = DUE }: Case, error: string): Promise<void> {
  const all = await deltas.begin(here);
  const log = all.destination.path('strace.log');
  const ended = await all.copy({ under: sabotaged({ calls, what: error, when, paths: on(all), log }) });
  for (const call of injected(log)) tally('injected errors', `${call} in a delta`);
  const said = ended.stderr.split('\n').filter((line) => line.startsWith('lm copy: '));
  expect({ error, code: ended.code, said, injected: injected(log).length > 0 }).toEqual({
    ...{ error, code: ends ? 0 : 8, injected: true },
    said: ends ? [] : [expect.stringMatching(new RegExp(`${all.to}.*(${error}|sync: error)`))],
  });
  if (ends) expect(receivedBy(ended)).toBeLessThanOrEqual(due);
  all.stands();
  await all.goesOn(dueAfter(here));
}

/** At the entry of the Nth of these on the part, or on the journal, it is killed. */
const KILLS: { calls: string; here: readonly Here[]; most: number; journal?: true; longOnly?: true }[] = [
  { calls: 'ioctl', here: ['clone'], most: 1 },
  { calls: 'ftruncate', here: ['clone', 'basis'], most: 2, longOnly: true },
  { calls: 'pwrite64', here: ['clone', 'version', 'basis'], most: 5 },
  { calls: 'close', here: ['clone', 'version', 'basis'], most: 5, longOnly: true },
  { calls: 'fchmod', here: ['clone', 'basis'], most: 2, longOnly: true },
  { calls: 'utimensat', here: ['version', 'basis'], most: 1, longOnly: true },
  { calls: 'rename', here: ['clone', 'version', 'basis'], most: 1 },
  { calls: 'write', here: ['clone', 'version', 'basis'], most: 8, journal: true },
];

describeIf(HAS_STRACE, 'killed in a delta', 'strace', () => {
  test.each(KILLS.filter(({ here, longOnly }) => here.some(isPossible) && (LONG || !longOnly)))(
    'at $calls',
    async ({ calls, here, most, journal }) => {
      const draw = chance(`delta ${calls}`);
      const possible = here.filter(isPossible);
      for (const one of LONG ? possible : [draw.pick(possible)])
        for (let tries = 0; tries < inForm(60, 1); tries++) {
          const all = await deltas.begin(one);
          const when = LONG ? tries + 1 : 1 + draw.below(most);
          const log = all.destination.path('strace.log');
          const paths = journal ? [join(all.state, 'journal.jsonl')] : part(all);
          const ended = await all.copy({ under: sabotaged({ calls, what: 'SIGKILL', when: `${when}`, paths, log }) });
          const moment = `${one}: killed at ${calls} number ${when}`;
          if (ended.signal === 'SIGKILL') tally('kills', `client at ${calls} in a delta`);
          else expect({ moment, ...ended }).toMatchObject({ moment, code: 0 }); // it makes fewer of these calls
          all.stands();
          await all.goesOn(dueAfter(one));
          if (ended.signal !== 'SIGKILL') break;
        }
    },
  );
});

describeIf(HAS_STRACE && IS_ROOT, 'killed as another user', 'strace and root', () => {
  test('when a file has got a mode by which its owner may not write to it', async () => {
    const { source, destination } = sandbox(roomyDirectory(1 << 28));
    const from = source.write('data', { big: file({ size: 9 * MIB, mode: 0o440 }) });
    const { url } = await source.serve([from]);
    const to = destination.write('data', {});
    mkdirSync(destination.stateDir);
    for (const path of [destination.dir, destination.home, destination.stateDir, to])
      chownSync(path, SOMEBODY, SOMEBODY);
    chmodSync(dirname(destination.dir), 0o755);
    const paths = [join(to, partNameOf('big'))];
    const killed = sabotaged({ calls: 'utimensat', what: 'SIGKILL', when: '1', paths, log: source.path('strace.log') });
    const under = asUser(SOMEBODY);
    const ended = await destination.lm(['copy', url, to], { under: [...killed, ...under] });
    expect(ended).toMatchObject({ signal: 'SIGKILL' });
    tally('kills', 'client of a user at utimensat');
    expect(statSync(paths[0]!).mode & 0o777).toBe(0o440);
    const next = await destination.lm(['copy', '--json'], { under });
    expect(next).toMatchObject({ code: 0, stderr: '' });
    expect(receivedBy(next)).toBe(0);
    await expectSame(to, from);
  });
});
