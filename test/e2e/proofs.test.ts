// What a copy keeps of the files that it has hashed, and what that saves: a file whose stored proof still holds is not read again.

import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { BLOCK_BYTES } from '../../src/digest/digest.js';
import { createXxh64 } from '../../src/digest/kernels/xxh64.js';
import type { Proof } from '../../src/files/proof.js';
import { mergeLedger } from '../../src/state/ledger/merge.js';
import { openLedger } from '../../src/state/ledger/reader.js';
import { until } from '../support/holders.js';
import { type Agent, jsonLines } from '../support/lm.js';
import { longTest } from '../support/long-test.js';
import { type Host, sandbox } from '../support/sandbox.js';

const MIB = 2 ** 20;

/** Contents that differ from block to block. */
function noise(bytes: number, seed: number): Buffer {
  const all = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4096) all.writeUInt32LE((at / 4096) * 31 + seed, at);
  return all;
}

function blocksOf(bytes: Uint8Array): string {
  const hash = createXxh64();
  const all: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    hash.update(bytes.subarray(at, at + BLOCK_BYTES));
    all.push(Uint8Array.from(hash.digest()));
  }
  return Buffer.concat(all).toString('hex');
}

/** Long enough ago that no file is young, and no two have one time. */
const DAY_AGO = Math.floor(Date.now() / 1000) - 86_400;
let next = 0;
function write(path: string, contents: string | Uint8Array, seconds = DAY_AGO + next++ + 0.25): void {
  writeFileSync(path, contents);
  utimesSync(path, seconds, seconds);
}

const instanceOf = ({ stateDir }: Host): string => {
  const [name] = readdirSync(stateDir).filter((one) => statSync(join(stateDir, one)).isDirectory());
  return join(stateDir, name!);
};

/** What is stored of each file, in the order of a listing. */
async function proofsOf(host: Host, keys: readonly string[]): Promise<Record<string, Proof | undefined>> {
  const agent = agentIdOf(host);
  await mergeLedger(instanceOf(host), host.dir, agent);
  const ledger = openLedger(instanceOf(host), agent);
  try {
    return Object.fromEntries(
      keys.map((key) => {
        const at = key.lastIndexOf('/');
        return [key, ledger.proofOf(key.slice(0, at), key.slice(at + 1))];
      }),
    );
  } finally {
    ledger.close();
  }
}

const agentIdOf = (host: Host): string =>
  JSON.parse(readFileSync(join(instanceOf(host), 'identity.json'), 'utf8')).source.agentId;

/** So that what was just written, at either end, is not young any more: the next write would show in its ctime. */
const settle = (): Promise<void> => new Promise((done) => setTimeout(done, 2_100));

const rchar = (text: string): number => Number(/^rchar: (\d+)$/m.exec(text)![1]);
const readBy = ({ process }: Agent): number => rchar(readFileSync(`/proc/${process.pid}/io`, 'utf8'));

/** Runs a command, and returns how many bytes it has read, with those of its threads. */
async function counting(host: Host, args: string[]) {
  const file = host.path('io');
  const under = ['sh', '-c', `"$0" "$@"; code=$?; cat /proc/$$/io >${file}; exit $code`];
  const ended = await host.lm(args, { under });
  return { ...ended, read: rchar(readFileSync(file, 'utf8')) };
}

test('files are proved by the hashes with which they came, and digests prove them by what the disks hold', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', {});
  const [big, middle] = [noise(40 * MIB + 5, 1), noise(3 * MIB, 2)];
  mkdirSync(join(from, 'ks'));
  write(join(from, 'ks/big'), big);
  write(join(from, 'ks/middle'), middle);
  write(join(from, 'ks/small'), 'small');
  write(join(from, 'ks/empty'), '');
  await settle();
  const agent = await source.serve([from]);
  const to = destination.write('data', {});
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });

  await settle();
  const keys = ['data/0/ks/big', 'data/0/ks/empty', 'data/0/ks/middle', 'data/0/ks/small'];
  await destination.lm(['copy', agent.url, to, '--diff', 'checksum', '--dry-run']); // leaves the delta as it is
  const first = await destination.lm(['copy', '--diff', 'checksum', '--json']);
  expect(first.code).toBe(0);
  expect(jsonLines(first.stdout).filter(({ type }) => type === 'progress')).toContainEqual(
    expect.objectContaining({ doing: 'compare', bytesTotal: 43 * MIB + 10, filesTotal: 4 }),
  );

  // What came is what the ledger has, and every file was read once more: here alone, since the source's hashes were stored.
  const proofs = await proofsOf(destination, keys);
  for (const key of keys) {
    const path = join(from, key.slice('data/0/'.length));
    const { ino, ctimeNs, mtimeNs } = statSync(path, { bigint: true });
    const here = statSync(join(to, key.slice('data/0/'.length)), { bigint: true });
    expect(proofs[key]).toMatchObject({
      source: { ino: `${ino}`, ctimeNs: `${ctimeNs}`, mtimeNs: `${mtimeNs}` },
      local: { ino: `${here.ino}`, ctimeNs: `${here.ctimeNs}`, mtimeNs: `${here.mtimeNs}` },
    });
    expect(proofs[key]!.proved).not.toBe('received');
    expect(Buffer.from(proofs[key]!.blocks).toString('hex')).toBe(blocksOf(readFileSync(path)));
  }
});

test('a big file of which a killed copy had a part is proved by the hashes that its records keep', async () => {
  const { source, destination, proxy } = sandbox();
  const from = source.write('data', {});
  const big = noise(128 * MIB, 3);
  write(join(from, 'big'), big);
  await settle();
  const agent = await source.serve([from]);
  const between = await proxy(agent.url, { stallAfter: 100 * MIB });
  const to = destination.write('data', {});
  const dying = destination.start(['copy', between.url, to, '--concurrency', '1']);
  await between.stalled;
  const journal = () => readFileSync(join(instanceOf(destination), 'journal.jsonl'), 'utf8');
  await until(() => journal().includes('"range-done"'));
  dying.kill('SIGKILL');
  await dying.done;

  const { code, stdout } = await destination.lm(['copy', agent.url, '--json']);
  expect(code).toBe(0);
  expect(jsonLines(stdout).at(-1)!['report'].status[0].bytesReused).toBeGreaterThan(0);
  const { 'data/0/big': proof } = await proofsOf(destination, ['data/0/big']);
  const { ino, ctimeNs } = statSync(join(to, 'big'), { bigint: true });
  expect(proof).toMatchObject({ proved: 'received', local: { ino: `${ino}`, ctimeNs: `${ctimeNs}` } });
  expect(Buffer.from(proof!.blocks).toString('hex')).toBe(blocksOf(big));
});

test('a comparison by checksum reads nothing at the source after the copy, and nothing at all the second time', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', {});
  for (let i = 0; i < 4; i++) write(join(from, `big-${i}`), noise(10 * MIB, i));
  for (let i = 0; i < 8; i++) write(join(from, `small-${i}`), noise(MIB, 100 + i));
  const total = 48 * MIB;
  await settle();
  const agent = await source.serve([from]);
  const to = destination.write('data', {});
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });

  await settle();
  const before = readBy(agent);
  const first = await counting(destination, ['copy', '--diff', 'checksum']);
  expect(first.code).toBe(0);
  expect(first.read).toBeGreaterThan(total);
  expect(readBy(agent) - before).toBeLessThan(total / 4); // it looks at the processes here, which takes some MB each time

  const second = await counting(destination, ['copy', '--diff', 'checksum']);
  expect(second.code).toBe(0);
  expect(first.read - second.read).toBeGreaterThan(0.95 * total);
  expect(readdirSync(instanceOf(destination)).filter((name) => name.startsWith('ledger'))).toEqual(['ledger.jsonl']);
  expect(readBy(agent) - before).toBeLessThan(total / 4); // it looks at the processes here, which takes some MB each time
});

describe('what the ledger says is not taken', () => {
  test('of a file that another write has given the same size and time', async () => {
    const { source, destination } = sandbox();
    const from = source.write('data', {});
    write(join(from, 'here'), 'one contents');
    write(join(from, 'there'), 'two contents');
    await settle();
    const agent = await source.serve([from]);
    const to = destination.write('data', {});
    const copy = ['copy', agent.url, to, '--diff', 'checksum', '--verbose', '--json'];
    expect(await destination.lm(copy)).toMatchObject({ code: 0 });
    await settle();
    expect(await destination.lm(copy)).toMatchObject({ code: 0 });

    for (const path of [join(to, 'here'), join(from, 'there')]) {
      const { mtimeMs } = statSync(path);
      write(path, 'not contents', mtimeMs / 1000);
    }
    const again = await destination.lm([...copy, '--adopt']);
    expect(again.code).toBe(0);
    expect(jsonLines(again.stdout).filter(({ type }) => type === 'item')).toMatchObject([
      { action: 'copy', key: 'data/0/here', reason: 'digest' },
      { action: 'copy', key: 'data/0/there', reason: 'digest' },
    ]);
    expect(readFileSync(join(to, 'here'), 'utf8')).toBe('one contents');
    expect(readFileSync(join(to, 'there'), 'utf8')).toBe('not contents');
  });

  longTest('of a commit log in a final pass: a write by a memory map need not show in any time', async () => {
    const { source, destination } = sandbox();
    const [logs, data] = [source.write('commitlog', {}), source.write('data', {})];
    write(join(logs, 'CommitLog-7-1.log'), noise(16 * MIB, 1));
    write(join(data, 'x'), noise(16 * MIB, 2));
    await settle();
    const agent = await source.serve(['--root', `data=${data}`, '--root', `commitlog=${logs}`]);
    const here = [
      '--root',
      `data=${destination.write('data', {})}`,
      '--root',
      `commitlog=${destination.write('log', {})}`,
    ];
    const copy = ['copy', agent.url, ...here, '--diff', 'checksum', '--threshold', '1.0'];
    expect(await destination.lm(copy)).toMatchObject({ code: 0 });
    await settle();
    expect(await destination.lm(copy)).toMatchObject({ code: 0 });
    const before = readBy(agent);
    const third = await counting(destination, copy);
    expect(third.code).toBe(0);
    expect(readBy(agent) - before).toBeGreaterThan(16 * MIB);
    expect(readBy(agent) - before).toBeLessThan(30 * MIB);
    expect(third.read).toBeGreaterThan(16 * MIB);
  });
});

longTest('a file that was young when it was read has no proof', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', {});
  write(join(from, 'old'), 'old');
  await settle();
  const agent = await source.serve([from]);
  const to = destination.write('data', {});
  write(join(from, 'young'), 'young', Math.floor(Date.now() / 1000) + 50);
  const warm = ['copy', agent.url, to, '--threshold', '0.5'];
  expect(await destination.lm(warm)).toMatchObject({ code: 0 });
  expect(await destination.lm([...warm, '--diff', 'checksum'])).toMatchObject({ code: 0 });
  const proofs = await proofsOf(destination, ['data/0/old', 'data/0/young']);
  expect(proofs['data/0/old']).toBeDefined();
  expect(proofs['data/0/young']).toBeUndefined();
});

longTest('a ledger that cannot be written ends no copy, and is said', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', {});
  write(join(from, 'a'), 'a');
  await settle();
  const agent = await source.serve([from]);
  const to = destination.write('data', {});
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  const delta = join(instanceOf(destination), 'ledger.new.jsonl');
  rmSync(delta);
  mkdirSync(delta);
  write(join(from, 'b'), 'b');
  const again = await destination.lm(['copy']);
  expect(again).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('a later verification reads those files again'),
  });
  expect(readFileSync(join(to, 'b'), 'utf8')).toBe('b');
});

longTest('a damaged ledger costs reading, and changes no verdict', async () => {
  const { source, destination } = sandbox();
  const from = source.write('data', {});
  write(join(from, 'a'), 'a');
  await settle();
  const agent = await source.serve([from]);
  const to = destination.write('data', {});
  const copy = ['copy', agent.url, to, '--diff', 'checksum'];
  expect(await destination.lm(copy)).toMatchObject({ code: 0 });
  await settle();
  expect(await destination.lm(copy)).toMatchObject({ code: 0 });
  appendFileSync(join(instanceOf(destination), 'ledger.jsonl'), 'and more\n');
  expect(await destination.lm(copy)).toMatchObject({ code: 0 });
});

longTest('a source that is refused leaves what is stored of the other one', async () => {
  const { source, destination, host } = sandbox();
  const from = source.write('data', {});
  const like = host('like');
  const other = like.write('data', {});
  for (const root of [from, other]) write(join(root, 'a'), 'a', DAY_AGO);
  await settle();
  const [agent, stranger] = [await source.serve([from]), await like.serve([other])];
  const to = destination.write('data', {});
  expect(await destination.lm(['copy', agent.url, to])).toMatchObject({ code: 0 });
  const { 'data/0/a': proof } = await proofsOf(destination, ['data/0/a']);
  expect(proof).toBeDefined();
  await settle();
  expect(await destination.lm(['copy', stranger.url, to, '--diff', 'checksum'])).toMatchObject({ code: 6 });
  expect(await proofsOf(destination, ['data/0/a'])).toEqual({ 'data/0/a': proof });
});
