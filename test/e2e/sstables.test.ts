// `--sstables`: SSTables that Cassandra has written, whole and damaged, at the source and here.

import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { flipBit } from '../support/flip-bit.js';
import { type Finished, jsonLines } from '../support/lm.js';
import { type Host, type Sandbox, sandbox } from '../support/sandbox.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/sstables', import.meta.url));

/** Of each fixture, the beginning of its components' names. */
const TABLES = {
  'nb-big-lz4': 'nb-2-big',
  'nb-big-uncompressed': 'nb-2-big',
  'oa-big-lz4': 'oa-2-big',
  'da-bti-lz4': 'da-2-bti',
};
type Table = keyof typeof TABLES;
const ALL = Object.keys(TABLES) as Table[];

const component = (table: Table, name: string): string => `ks/${table}/${TABLES[table]}-${name}`;
const keyOf = (table: Table): string => `data/0/${component(table, 'Data.db')}`;

const WHOLE = {
  checked: ALL.length,
  unchecked: 0,
  damagedAtSource: 0,
  incompleteAtSource: 0,
  damagedHere: 0,
  incompleteHere: 0,
  askedSource: true,
  firstAtSource: [],
};

interface Node {
  destination: Host;
  url: string;
  /** The data directories of both. */
  from: string;
  to: string;
  box: Sandbox;
}

async function node(): Promise<Node> {
  const box = sandbox();
  const from = box.source.write('data', {});
  for (const table of ALL)
    cpSync(join(FIXTURES, table), join(from, 'ks', table), { recursive: true, preserveTimestamps: true });
  const { url } = await box.source.serve([from]);
  return { destination: box.destination, url, from, to: box.destination.path('data'), box };
}

const copied = async (args: string[] = []): Promise<Node> => {
  const made = await node();
  expect(await made.destination.lm(['copy', made.url, made.to, ...args])).toMatchObject({ code: 0 });
  return made;
};

async function verified({ destination }: Node, args: string[] = []) {
  const { code, stdout } = await destination.lm(['verify', '--sstables', '--json', ...args]);
  const lines = jsonLines(stdout);
  const reasons = lines.filter(({ type }) => type === 'difference').map(({ key, reason }) => `${reason} ${key}`);
  const { state, sstables } = lines.at(-1)!['report'] as Record<string, unknown>;
  return { code, state, sstables, reasons };
}

describe('lm verify --sstables', () => {
  test('whole ones of every format, read for any digest', async () => {
    const made = await copied();
    for (const algo of ['xxhash32', 'md5', 'crc32c', 'xxhash64'])
      expect({ algo, ...(await verified(made, ['--algo', algo])) }).toEqual({
        ...{ algo, code: 0, state: 'COMPLETED' },
        ...{ sstables: WHOLE, reasons: [] },
      });
  });

  test('one that was damaged at the source already, and one that was damaged here, in every format', async () => {
    const made = await copied();
    for (const table of ALL) {
      const [there, here] = [made.from, made.to].map((dir) => join(dir, component(table, 'Data.db')));
      flipBit(there!, 1000);
      flipBit(here!, 1000); // as a copy of it would be
      expect(await verified(made)).toEqual({
        code: 6,
        state: 'COMPLETED',
        sstables: { ...WHOLE, damagedAtSource: 1, firstAtSource: [keyOf(table)] },
        reasons: [`sstable-damaged-at-source ${keyOf(table)}`],
      });
      flipBit(there!, 1000);
      expect(await verified(made)).toEqual({
        code: 4,
        state: 'FAILED',
        sstables: { ...WHOLE, damagedHere: 1 },
        reasons: [`digest ${keyOf(table)}`, `sstable-damaged ${keyOf(table)}`],
      });
      flipBit(here!, 1000);
    }
  });

  test('a component that the source lacks already, and one that is missing here', async () => {
    const made = await node();
    rmSync(join(made.from, component('da-bti-lz4', 'Partitions.db')));
    expect(await made.destination.lm(['copy', made.url, made.to])).toMatchObject({ code: 0 });
    rmSync(join(made.to, component('nb-big-lz4', 'Index.db')));
    const { code, sstables, reasons } = await verified(made);
    expect(code).toBe(4);
    expect(sstables).toEqual({
      ...WHOLE,
      incompleteAtSource: 1,
      incompleteHere: 1,
      firstAtSource: [keyOf('da-bti-lz4')],
    });
    expect(reasons.sort()).toEqual([
      `not-found-at-destination data/0/${component('nb-big-lz4', 'Index.db')}`,
      `sstable-incomplete ${keyOf('nb-big-lz4')}`,
      `sstable-incomplete-at-source ${keyOf('da-bti-lz4')}`,
    ]);
  });

  test('components that are excluded are not missing here', async () => {
    const exclude = ['--exclude', '**/*-Summary.db', '--exclude', '**/nb-*-Digest.crc32'];
    expect(await verified(await copied(['--sstables', ...exclude]))).toMatchObject({ code: 0, sstables: WHOLE });
  });

  test('a Digest.crc32 that was damaged here, and one that is so at the source as well', async () => {
    const made = await copied();
    const [there, here] = [made.from, made.to].map((dir) => join(dir, component('oa-big-lz4', 'Digest.crc32')));
    flipBit(here!, 3);
    expect(await verified(made)).toMatchObject({ code: 4, sstables: { damagedAtSource: 0, damagedHere: 1 } });
    flipBit(there!, 3);
    expect(await verified(made)).toMatchObject({ code: 6, sstables: { damagedAtSource: 1, damagedHere: 0 } });
  });

  test('without a Digest.crc32 nothing is known, unless TOC.txt lists it', async () => {
    const made = await node();
    for (const name of ['Digest.crc32', 'TOC.txt']) rmSync(join(made.from, component('nb-big-lz4', name)));
    expect(await made.destination.lm(['copy', made.url, made.to])).toMatchObject({ code: 0 });
    expect(await verified(made)).toMatchObject({ code: 0, sstables: { ...WHOLE, checked: 3, unchecked: 1 } });
    rmSync(join(made.from, component('oa-big-lz4', 'Digest.crc32')));
    expect(await made.destination.lm(['copy'])).toMatchObject({ code: 0 });
    expect(await verified(made)).toMatchObject({ code: 6, sstables: { incompleteAtSource: 1 } });
  });

  test('for people: what, whose, and what to do', async () => {
    const made = await node();
    flipBit(join(made.from, component('nb-big-lz4', 'Data.db')), 0);
    expect(await made.destination.lm(['copy', made.url, made.to])).toMatchObject({ code: 0 });
    const { code, stdout } = await made.destination.lm(['verify', '--sstables']);
    expect(code).toBe(6);
    expect(stdout).toMatch(
      /^damaged {2}at the source already {2}CRC-32 of Data.db is \d+, Digest.crc32 says \d+: data\/0\/ks\/nb-big-lz4\/nb-2-big-Data.db$/m,
    );
    expect(stdout).toMatch(
      /^verify: all \d+ entries match, \d+ files by xxhash32, but 1 SSTable was damaged at the source already$/m,
    );
    expect(stdout).toMatch(/^ +sstables +4 SSTables checked, 1 damaged at the source already$/m);
    expect(stdout).toMatch(/^next: repair the source .*lm complete --allow-damaged-at-source/m);
  });
});

describe('lm complete', () => {
  const complete = ({ destination }: Node, args: string[] = []): Promise<Finished> =>
    destination.lm(['complete', '--allow-running', ...args]);

  test('takes damage at the source only with the waiver, and says what it waived', async () => {
    const made = await node();
    flipBit(join(made.from, component('nb-big-lz4', 'Data.db')), 0);
    expect(await made.destination.lm(['copy', made.url, made.to])).toMatchObject({ code: 0 });
    expect((await verified(made)).code).toBe(6);
    const refused = await complete(made);
    expect(refused).toMatchObject({ code: 6 });
    expect(refused.stderr).toContain('1 SSTable was damaged at the source already, and is so here\n');
    expect(refused.stderr).toMatch(/^hint: .*lm complete --allow-damaged-at-source$/m);
    expect(await made.destination.lm(['verify'])).toMatchObject({ code: 0 }); // which does not look at SSTables
    expect(await complete(made)).toMatchObject({ code: 6 });
    const done = await complete(made, ['--allow-damaged-at-source']);
    expect(done).toMatchObject({ code: 0 });
    expect(done.stdout).toMatch(/waived: the damage of 1 SSTable at the source/);
  });

  test('asks for none once a verification has found all of them whole', async () => {
    const made = await node();
    const at = join(made.from, component('nb-big-lz4', 'Data.db'));
    flipBit(at, 0);
    expect(await made.destination.lm(['copy', made.url, made.to])).toMatchObject({ code: 0 });
    expect((await verified(made)).code).toBe(6);
    flipBit(at, 0);
    expect(await made.destination.lm(['copy', '--diff', 'checksum'])).toMatchObject({ code: 0 });
    expect((await verified(made)).code).toBe(0);
    const done = await complete(made);
    expect(done).toMatchObject({ code: 0 });
    expect(done.stdout).not.toContain('waived');
  });
});

describe('lm copy --sstables', () => {
  test('refuses before the first byte, naming each; the waiver copies them, and lm complete asks again', async () => {
    const made = await node();
    const { destination, url, from, to } = made;
    flipBit(join(from, component('da-bti-lz4', 'Data.db')), 6000);
    rmSync(join(from, component('oa-big-lz4', 'Summary.db')));
    const refused = await destination.lm(['copy', url, to, '--sstables']);
    expect(refused).toMatchObject({ code: 6 });
    expect(refused.stderr).toContain('lm copy: 2 SSTables are damaged at the source\n');
    expect(refused.stderr).toContain('\nerror damaged-sstables (6): ');
    expect(refused.stderr).toMatch(
      /^ +data\/0\/ks\/da-bti-lz4\/da-2-bti-Data.db: CRC-32 of Data.db is \d+, Digest.crc32 says \d+$/m,
    );
    expect(refused.stderr).toMatch(
      /^ +data\/0\/ks\/oa-big-lz4\/oa-2-big-Data.db: TOC.txt lists Summary.db, not there$/m,
    );
    expect(await destination.lm(['verify', url, to])).not.toMatchObject({ code: 0 }); // nothing has come

    const dry = await destination.lm(['copy', url, to, '--sstables', '--dry-run']);
    expect(dry.stderr).toContain('a real run would refuse: 2 SSTables are damaged at the source');

    const allowed = await destination.lm(['copy', url, to, '--sstables', '--allow-damaged-at-source', '--json']);
    expect(allowed).toMatchObject({ code: 0 });
    expect(jsonLines(allowed.stdout).at(-1)!['report']).toMatchObject({
      sstables: { checked: 4, damagedAtSource: 1, incompleteAtSource: 1 },
    });
    expect(await destination.lm(['verify'])).toMatchObject({ code: 0 });
    expect(await destination.lm(['complete', '--allow-running'])).toMatchObject({ code: 6 });
  });

  test('checks what it is about to fetch, and nothing else', async () => {
    const made = await copied(['--sstables']);
    const again = await made.destination.lm(['copy', '--sstables', '--json']);
    expect(again).toMatchObject({ code: 0 });
    expect(jsonLines(again.stdout).at(-1)!['report']).not.toHaveProperty('sstables');
  });
});
