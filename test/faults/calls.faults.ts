// System calls that fail, one kind after another: the copy says which path it was and ends 8, what it leaves is whole, and the
// next one does the rest. strace makes the error, and its log is the proof that the call was really made and did fail.

import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { partNameOf } from '../../src/disk/disk.js';
import { isPartName } from '../../src/files/entry.js';
import { readJournal } from '../../src/state/journal/journal.js';
import { flipBit } from '../support/flip-bit.js';
import { type Agent, startAgent } from '../support/lm.js';
import { type Host, sandbox } from '../support/sandbox.js';
import { dir, file, link, readTree, type Tree, writeTree } from '../support/tree.js';
import { CAN_INJECT, chance, describeIf, IS_ROOT, LONG, roomyDirectory, tally } from './form.js';
import { inAnyDirectory, injected, onAnyDescriptor, sabotaged } from './strace.js';

const MIB = 1024 * 1024;
const ERRORS = ['ENOSPC', 'EIO', 'EDQUOT', 'EACCES', 'EMFILE', 'EROFS'] as const;

const TREE: Tree = {
  small: 'small',
  empty: '',
  big: file({ size: 9 * MIB }),
  patched: file({ size: 9 * MIB, seed: 2 }),
  sparse: file({ content: 'data before a hole', size: 9 * MIB, sparse: true }),
  link: link('small'),
  dir: dir({ inside: 'inside' }, { mode: 0o750 }),
  mended: file({ content: 'm', mode: 0o640, mtimeNs: 1_700_000_000_000_000_000n }),
};

/** What a copy has to remove and to mend, and an older version of a big file, which differs where bits are flipped. */
const BEFORE: Tree = {
  foreign: 'f',
  patched: file({ size: 9 * MIB, seed: 2, mtimeNs: 1_700_000_000_000_000_000n }),
  'foreign-dir': dir({}),
  mended: file({ content: 'm', mode: 0o600, mtimeNs: 1_700_000_000_000_000_000n }),
};

const OLDER_AT = [17, 8 * MIB + 5];

interface Places {
  /** The destination. */
  to: string;
  /** Where its records are. */
  state: string;
}

interface Case {
  doing: string;
  calls: string;
  /** On which paths, as the kernel is given them or as it knows the descriptor; all when absent. */
  on?(places: Places): string[];
  /** What the message names. */
  names: RegExp;
  when?: string;
  /** What the message says of the error when that is not its name. */
  as?: string;
  /** Errors that this call can meet; all when absent. */
  errors?: readonly (typeof ERRORS)[number][];
  rootOnly?: true;
}

const part =
  (name: string) =>
  ({ to }: Places): string[] => [join(to, partNameOf(name)), ...inAnyDirectory(partNameOf(name))];
const named = (name: string) => (): string[] => inAnyDirectory(name);
const root = ({ to }: Places): string[] => [to];
const record =
  (name: string) =>
  ({ state }: Places): string[] => [join(state, name)];

const CASES: Case[] = [
  { doing: 'opening the root', calls: 'openat', on: root, names: /data/ },
  { doing: 'listing the root', calls: 'getdents64', on: root, names: /data/ },
  { doing: 'asking for room', calls: 'statfs', on: root, names: /data/ },
  { doing: 'making a small file', calls: 'openat', on: part('small'), names: /data\/small/ },
  { doing: 'making an empty file', calls: 'openat', on: part('empty'), names: /data\/empty/ },
  { doing: 'writing a small file', calls: 'write,pwrite64', on: part('small'), names: /data\/small/ },
  { doing: 'giving it its time', calls: 'utimensat', on: part('small'), names: /data\/small/ },
  { doing: 'closing it', calls: 'close', on: part('small'), names: /data\/small/, errors: ['EIO', 'ENOSPC', 'EDQUOT'] },
  { doing: 'publishing a small file', calls: 'rename', on: part('small'), names: /data\/small/ },
  { doing: 'making a big file', calls: 'openat', on: part('big'), names: /data\/big/ },
  { doing: 'sizing a big file', calls: 'ftruncate', on: part('big'), names: /data\/big/ },
  { doing: 'writing a big file', calls: 'pwrite64', on: part('big'), names: /data\/big/ },
  { doing: 'giving a big file its mode', calls: 'fchmod', on: part('big'), names: /data\/big/ },
  { doing: 'giving a big file its owner', calls: 'fchown', on: part('big'), names: /data\/big/, rootOnly: true },
  { doing: 'giving a big file its time', calls: 'utimensat', on: part('big'), names: /data\/big/ },
  { doing: 'publishing a big file', calls: 'rename', on: part('big'), names: /data\/big/ },
  { doing: 'sizing what is patched', calls: 'ftruncate', on: part('patched'), names: /data\/patched/ },
  { doing: 'copying and patching an older version', calls: 'pwrite64', on: part('patched'), names: /data\/patched/ },
  {
    doing: 'closing it when it is patched',
    calls: 'close',
    on: part('patched'),
    names: /data\/patched/,
    errors: ['EIO', 'ENOSPC'],
  },
  { doing: 'publishing what was patched', calls: 'rename', on: part('patched'), names: /data\/patched/ },
  { doing: 'writing the data of a file with holes', calls: 'pwrite64', on: part('sparse'), names: /data\/sparse/ },
  { doing: 'making a link', calls: 'symlink', on: part('link'), names: /data\/link/ },
  {
    doing: 'giving a link its owner',
    calls: 'chown',
    on: onAnyDescriptor,
    names: /data\/(link|mended|dir)/,
    rootOnly: true,
  },
  { doing: 'giving a link its time', calls: 'utimensat', on: onAnyDescriptor, names: /data\/(link|mended|dir)/ },
  { doing: 'publishing a link', calls: 'rename', on: part('link'), names: /data\/link/ },
  { doing: 'making a directory', calls: 'mkdir', on: named('dir'), names: /data\/dir/ },
  { doing: 'removing a file', calls: 'unlink', on: named('foreign'), names: /data\/foreign/ },
  { doing: 'removing a directory', calls: 'rmdir', on: named('foreign-dir'), names: /data\/foreign-dir/ },
  { doing: 'opening what is to be mended', calls: 'openat', on: named('mended'), names: /data\/mended/ },
  {
    doing: 'mending',
    calls: 'chmod',
    on: onAnyDescriptor,
    names: /data\/(mended|dir)/,
  },
  { doing: 'syncing the destination', calls: 'syncfs', on: root, names: /data/, as: 'sync: error' },
  { doing: 'making its records', calls: 'mkdir', on: ({ state }) => [state], names: /faults/, as: 'E' }, // Node asks what is there instead, and tells of that,
  { doing: 'keeping its records', calls: 'rename', names: /\.json/ },
  { doing: 'syncing its records', calls: 'fsync', names: /\.json/ },
  { doing: 'opening the journal', calls: 'openat', on: record('journal.jsonl'), names: /journal\.jsonl/ },
  {
    doing: 'cutting the journal’s torn tail',
    calls: 'ftruncate',
    on: record('journal.jsonl'),
    names: /journal\.jsonl/,
  },
  { doing: 'writing the journal', calls: 'write', on: record('journal.jsonl'), names: /journal\.jsonl/ },
  { doing: 'syncing the journal', calls: 'fdatasync', on: record('journal.jsonl'), names: /journal\.jsonl/ },
  { doing: 'opening the plan', calls: 'openat', on: record('spool/bundle.jsonl'), names: /bundle\.jsonl/ },
  { doing: 'writing the plan', calls: 'write', on: record('spool/bundle.jsonl'), names: /bundle\.jsonl/ },
  { doing: 'reading the plan', calls: 'pread64', on: record('spool/bundle.jsonl'), names: /bundle\.jsonl/ },
];

describeIf(CAN_INJECT, 'a system call fails', 'strace and a process namespace', () => {
  /** One source for all: its files are then old enough for a copy to trust their times. */
  const host = mkdtempSync(join(roomyDirectory(1 << 28), 'lm-calls-'));
  const from = join(host, 'data');
  let agent: Agent;

  beforeAll(async () => {
    writeTree(from, TREE);
    agent = await startAgent([from], { cwd: host, env: { HOME: host, LM_STATE_DIR: join(host, 'state') } });
  });

  afterAll(async () => {
    agent.process.kill('SIGKILL');
    await agent.process.done;
    rmSync(host, { recursive: true });
  });

  test.each(CASES.filter(({ rootOnly }) => IS_ROOT || !rootOnly))('$doing ($calls)', async (one) => {
    const { destination } = sandbox(roomyDirectory(1 << 28));
    const possible = one.errors ?? ERRORS;
    for (const error of LONG ? possible : [chance(one.doing).pick(possible)])
      await fails(destination, one, error, { from, url: agent.url });
  });

  test('making the mark of a complete migration (link)', async () => {
    const { destination } = sandbox(roomyDirectory(1 << 28));
    const to = destination.write('data', {});
    expect(await destination.lm(['copy', agent.url, to, '--instance', 'faults'])).toMatchObject({ code: 0 });
    for (const error of LONG ? ERRORS : ['EIO']) {
      const log = destination.path('strace.log');
      const under = sabotaged({ calls: '?link,linkat', what: error, when: '1+', log });
      const { code, stderr } = await destination.lm(['complete', '--unverified'], { under });
      expect({ code, stderr }).toEqual({
        code: 8,
        stderr: expect.stringMatching(`/live_migration_status\\.json: ${error}`),
      });
      expect(injected(log)).not.toEqual([]);
      for (const call of injected(log)) tally('injected errors', call);
      expect(readdirSync(join(destination.stateDir, 'faults')).filter((name) => /status|new$/.test(name))).toEqual([]);
    }
    expect(await destination.lm(['complete', '--unverified'])).toMatchObject({ code: 0 });
  });
});

async function fails(
  destination: Host,
  one: Case,
  error: string,
  { from, url }: { from: string; url: string },
): Promise<void> {
  for (const path of [destination.path('data'), destination.stateDir]) rmSync(path, { recursive: true, force: true });
  const to = destination.write('data', BEFORE);
  for (const at of OLDER_AT) flipBit(join(to, 'patched'), at);
  const older = readFileSync(join(to, 'patched'));
  const state = join(destination.stateDir, 'faults');
  mkdirSync(destination.stateDir);
  const log = destination.path('strace.log');
  const args = ['copy', url, to, '--instance', 'faults', '--adopt', '--max-delete', '100%'];
  const paths = one.on?.({ to, state });
  const under = sabotaged({ calls: one.calls, what: error, when: one.when ?? '1+', ...(paths && { paths }), log });
  const ended = await destination.lm(args, { under });
  const said = ended.stderr.split('\n').filter((line) => line.startsWith('lm copy: '));
  for (const call of injected(log)) tally('injected errors', call);
  expect({ error, code: ended.code, said, injected: injected(log).length > 0 }).toEqual({
    error,
    code: 8,
    said: [expect.stringMatching(new RegExp(`${one.names.source}.*${one.as ?? error}`))],
    injected: true,
  });
  expectWhole(from, to, older);
  if (existsSync(state)) expect(readJournal(state).damagedLines).toBe(0);

  expect(await destination.lm(args)).toMatchObject({ code: 0, stderr: '' });
  expect(await readTree(to, { directoryTimes: true })).toEqual(await readTree(from, { directoryTimes: true }));
}

/** What the agent cannot read, it says; the rest is copied, and nothing is removed for it. */
describeIf(CAN_INJECT, 'a system call fails at the source', 'strace and a process namespace', () => {
  test.each([
    {
      doing: 'listing a directory',
      calls: 'getdents64',
      on: (from: string) => [join(from, 'dir')],
      code: 6,
      missing: 'dir/inside',
    },
    { doing: 'opening a file', calls: 'openat', on: () => inAnyDirectory('small'), code: 6, missing: 'small' },
    {
      doing: 'reading a big file',
      calls: 'read,pread64,preadv',
      on: (from: string) => [join(from, 'big')],
      code: 6,
      missing: 'big',
    },
  ])('$doing ($calls)', async ({ doing, calls, on, code, missing }) => {
    const { source, destination } = sandbox(roomyDirectory(1 << 28));
    const from = source.write('data', TREE);
    for (const error of LONG ? ['EIO', 'EACCES', 'EMFILE'] : [chance(doing).pick(['EIO', 'EACCES', 'EMFILE'])]) {
      rmSync(destination.path('data'), { recursive: true, force: true });
      const to = destination.write('data', BEFORE);
      const log = source.path('strace.log');
      const under = sabotaged({ calls, what: error, when: '1+', paths: on(from), log });
      const agent = await source.serve([from], { under });
      const args = ['--adopt', '--new-source', '--max-iterations', '1', '--max-delete', '100%'];
      const ended = await destination.lm(['copy', agent.url, to, ...args]);
      agent.process.kill('SIGKILL');
      await agent.process.done;
      expect({ error, code: ended.code, stderr: ended.stderr }).toEqual({
        error,
        code,
        stderr: expect.stringContaining(missing.split('/')[0]!),
      });
      expect(injected(log)).not.toEqual([]);
      for (const call of injected(log).slice(0, 1)) tally('injected errors', `${call} of the agent`);
      expect(existsSync(join(to, missing))).toBe(false);
      expect(existsSync(join(to, 'foreign'))).toBe(calls === 'getdents64'); // the others had a whole listing
      expectWhole(from, to);
    }
  });

  test('a link that cannot be read fails a Sidecar’s listing, which would have it removed were it left out', async () => {
    const { source } = sandbox(roomyDirectory(1 << 28));
    const from = source.write('data', TREE);
    const log = source.path('strace.log');
    const under = sabotaged({ calls: 'readlink', what: 'EIO', when: '1+', paths: [join(from, 'link')], log });
    const agent = await source.serve([from], { under });
    const listing = await fetch(`${agent.url}/api/v1/live-migration/files`);
    expect([listing.status, await listing.text()]).toEqual([500, expect.stringMatching(/data\/link: EIO/)]);
    expect(injected(log)).not.toEqual([]);
    tally('injected errors', 'readlink of the agent');
  });
});

/** Whatever of the source's stands under its own name is the source's, byte for byte. */
/** `older`: of `patched`, which keeps its name until another version takes it. */
function expectWhole(from: string, to: string, older?: Buffer): void {
  for (const name of readdirSync(to).filter((entry) => !isPartName(entry) && existsSync(join(from, entry)))) {
    if (!lstatSync(join(to, name)).isFile()) continue;
    expect(lstatSync(join(from, name)).isFile()).toBe(true);
    const found = readFileSync(join(to, name));
    if (name !== 'patched' || !older?.equals(found)) expect(found.equals(readFileSync(join(from, name)))).toBe(true);
  }
}
