import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { readTotals } from '../../../src/state/ledger/ledger-file.js';
import { sealLine } from '../../../src/state/ledger/lines.js';
import { mergeAside, mergeLedger } from '../../../src/state/ledger/merge.js';
import { openLedger } from '../../../src/state/ledger/reader.js';
import { eachOnce } from '../../../src/state/ledger/trusted-file.js';
import { openLedgerWriter } from '../../../src/state/ledger/writer.js';
import {
  claimBy,
  claimOf,
  type Deed,
  ID,
  instanceDir,
  MIB,
  perform,
  proof,
  readAll,
  removeInstanceDirs,
} from './world.js';

afterAll(removeInstanceDirs);

const T = 'data/0/t';
const add = (name: string, of = proof('direct'), dir = T): Deed => ({ type: 'add', dir, name, proof: of });

/** Writes and merges. */
async function record({ dir, spool }: { dir: string; spool: string }, deeds: readonly Deed[], identity = ID) {
  const writer = openLedgerWriter(dir, identity);
  for (const deed of deeds) perform(writer, deed);
  writer.close();
  return mergeLedger(dir, spool, identity);
}

describe('a ledger', () => {
  test('has what was written down, in lines of JSON that nobody else may read', async () => {
    const at = instanceDir();
    const odd = 'x"\t\\\u{10000}';
    const totals = await record(at, [
      ...[add('b'), add('a', proof('received', { contents: 2, size: 3 * MIB }))],
      add(odd, proof('cached', { contents: 3, size: 0 }), 'data/0'),
    ]);
    expect(totals).toEqual({ files: 3, read: 2, received: 1, bytes: 5 + 3 * MIB, oldestReadMs: 1_700_000_000_001 });
    expect(readTotals(at.dir)).toEqual(totals);
    expect(
      readAll(at.dir, [
        ['data/0', odd],
        [T, 'a'],
        [T, 'aa'],
        [T, 'b'],
      ]),
    ).toEqual({
      proofs: [
        proof('cached', { contents: 3, size: 0 }),
        proof('received', { contents: 2, size: 3 * MIB }),
        undefined,
        proof('direct'),
      ],
      ...{ seals: [], notes: [] },
    });
    const path = join(at.dir, 'ledger.jsonl');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(
      readFileSync(path, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)[0]),
    ).toEqual([...['ledger', 'files', 'files', 'end']]);
    expect(existsSync(join(at.dir, 'ledger.new.jsonl'))).toBe(false);
  });

  test.each(['ledger.jsonl', 'ledger.new.jsonl'])(
    'remembers that %s was damaged, also when the damage is merged away',
    async (name) => {
      const at = instanceDir();
      await record(at, [add('a'), add('b', proof('direct'), 'data/0')]);
      const path = join(at.dir, name);
      if (name !== 'ledger.jsonl') {
        const writer = openLedgerWriter(at.dir, ID);
        perform(writer, add('c'));
        writer.close();
      }
      const text = readFileSync(path, 'utf8');
      writeFileSync(path, text.replace(/\["(a|c)"/, '["x"'));
      expect((await record(at, [add('d')])).damaged).toBe(true);
      expect((await record(at, [add('e')])).damaged).toBe(true);
      expect(readTotals(at.dir)?.damaged).toBe(true);
    },
  );

  test('of another source is no damage', async () => {
    const at = instanceDir();
    await record(at, [add('a')]);
    expect(await record(at, [add('b')], 'another agent')).toEqual(expect.not.objectContaining({ damaged: true }));
  });

  test('is not there before anything is proved', async () => {
    const { dir, spool } = instanceDir();
    openLedgerWriter(dir, ID).close();
    expect(await mergeLedger(dir, spool, ID)).toEqual({ files: 0, read: 0, received: 0, bytes: 0 });
    expect(readTotals(dir)).toBeUndefined();
    expect(existsSync(join(dir, 'ledger.new.jsonl'))).toBe(false);
  });

  test('of another agent is left, and what is new of one begins it afresh', async () => {
    const at = instanceDir();
    await record(at, [add('a')]);
    const notes: string[] = [];
    const other = openLedger(at.dir, 'another', (note) => notes.push(note));
    expect(other.proofOf(T, 'a')).toBeUndefined();
    expect(notes).toEqual(['the ledger is of another source: what it held is read again']);
    expect(await record(at, [add('b')], 'another')).toMatchObject({ files: 1 });
    expect(
      readAll(at.dir, [
        [T, 'a'],
        [T, 'b'],
      ]).proofs,
    ).toEqual([undefined, undefined]);
  });

  test('has no seal for a block with a file that was only received, or whose times prove nothing', async () => {
    const at = instanceDir();
    const ctimeless = { ...proof('direct'), source: { ...proof('direct').source, ctimeNs: '0' } };
    const claim = claimOf(T, [{ name: 'a', state: 1 }]);
    const last = claimBy('data/0/u', claim, [{ name: 'a', ...ctimeless }]);
    await record(at, [
      ...[add('a', proof('received')), add('a', ctimeless, last.dir)],
      ...[claim, last].map((block): Deed => ({ type: 'claim', block })),
    ]);
    expect(readAll(at.dir, [], [claim, last]).seals).toEqual([undefined, undefined]);
    await record(at, [add('a'), { type: 'claim', block: claim }]);
    expect(readAll(at.dir, [], [claim]).seals).toEqual([{ files: 1, bytes: 5, oldestMs: 1_700_000_000_001 }]);
  });
});

test('a ledger that still lacks what is in the delta proves nothing, and a dry run merges it elsewhere', async () => {
  const { dir, spool } = instanceDir();
  await record({ dir, spool }, [add('a'), add('b')]);
  expect(await mergeAside(dir, spool, ID)).toBe(dir);
  const claims = openLedgerWriter(dir, ID);
  claims.claim(claimOf(T, [{ name: 'a', state: 1 }]));
  claims.sync();
  expect(readAll(dir, [[T, 'a']])).toMatchObject({ proofs: [proof('direct')], notes: [] });
  claims.drop(T, 'a');
  claims.close();
  const files = ['ledger.jsonl', 'ledger.new.jsonl'].map((name) => readFileSync(join(dir, name), 'utf8'));
  expect(readAll(dir, [[T, 'b']])).toMatchObject({
    proofs: [undefined],
    notes: ['the ledger lacks what was proved last: what it held is read again'],
  });
  expect(await mergeAside(dir, spool, ID)).toBe(spool);
  expect(
    readAll(spool, [
      [T, 'a'],
      [T, 'b'],
    ]),
  ).toMatchObject({ proofs: [undefined, proof('direct')], notes: [] });
  expect(['ledger.jsonl', 'ledger.new.jsonl'].map((name) => readFileSync(join(dir, name), 'utf8'))).toEqual(files);
});

describe('a read proof', () => {
  const received = proof('received');
  const other = proof('received', { state: 2 });
  test.each<[string, Deed[], boolean]>([
    ['stays where the same is received', [add('a', received)], true],
    ['goes where another was received since', [add('a', other), add('a', received)], false],
    ['goes where it was dropped since', [{ type: 'drop', dir: T, name: 'a' }, add('a', received)], false],
  ])('%s', async (_, deeds, stays) => {
    const at = instanceDir();
    await record(at, [add('a')]);
    await record(at, deeds);
    expect(readAll(at.dir, [[T, 'a']]).proofs).toEqual([stays ? proof('direct') : received]);
  });
});

test('of a run that opens it several times, what is wrong with it is told once', async () => {
  const at = instanceDir();
  await record(at, [add('a')]);
  writeFileSync(join(at.dir, 'ledger.jsonl'), 'no ledger\n');
  const notes: string[] = [];
  const note = eachOnce((text) => notes.push(text));
  for (let i = 0; i < 3; i++) openLedger(at.dir, ID, note).close();
  expect(notes).toEqual(['the ledger is damaged at line 1: what it held is read again']);
});

test('files that come one at a time do not have a line each', async () => {
  const at = instanceDir();
  for (let i = 100; i < 120; i++) await record(at, [add(`${i}`)]);
  expect(readFileSync(join(at.dir, 'ledger.jsonl'), 'utf8').split('\n').length).toBeLessThan(6);
});

describe('a row', () => {
  test('of a small file takes up to 200 bytes, and each MiB 11', async () => {
    const at = instanceDir();
    const bytes = () => statSync(join(at.dir, 'ledger.jsonl')).size;
    const name = (i: number) => `nb-3g5h_1mj2_2wkkw2ne3ql0yyyxbc-${1e5 + i}-CompressionInfo.db`; // 54 characters
    const names = Array.from({ length: 2_000 }, (_, i) => name(i));
    await record(
      at,
      names.map((one) => add(one, proof('received', { size: 999_999, state: 12_345_678 }))),
    );
    expect(bytes() / names.length).toBeLessThanOrEqual(200);
    const before = bytes();
    await record(at, [add('big', proof('received', { size: 1000 * MIB }))]);
    expect((bytes() - before) / 1000).toBeLessThanOrEqual(11);
  });

  test('of a file of 1 TiB has a line of its own', async () => {
    const at = instanceDir();
    const big = proof('direct', { size: MIB * MIB });
    await record(at, [add('a'), add('b', big), add('c')]);
    await record(at, [add('d')]);
    expect(readFileSync(join(at.dir, 'ledger.jsonl'), 'utf8').split('\n')).toHaveLength(7); // a header, four files, an end
    const { proofs } = readAll(at.dir, [
      [T, 'a'],
      [T, 'b'],
      [T, 'c'],
      [T, 'd'],
    ]);
    expect(proofs.map((one) => one?.source.size)).toEqual(['5', `${MIB * MIB}`, '5', '5']);
    expect(Buffer.compare(proofs[1]!.blocks, big.blocks)).toBe(0);
  });

  test.each([
    ['longer than 4 TiB', proof('direct', { size: 4 * MIB * MIB + 1 })],
    ['with a hash too few', { ...proof('direct'), blocks: new Uint8Array() }],
    ['of two sizes', { ...proof('direct'), local: { ...proof('direct').local, size: '6' } }],
  ])('of a file %s is none, and takes the place of one', async (_, none) => {
    const at = instanceDir();
    await record(at, [add('a')]);
    await record(at, [add('a', none)]);
    expect(readAll(at.dir, [[T, 'a']]).proofs).toEqual([undefined]);
  });
});

describe('what is not a ledger of ours costs reading only', () => {
  const CASES: [why: string, make: (path: string) => void][] = [
    [
      'is a link',
      (path) => {
        renameSync(path, `${path}.moved`);
        symlinkSync(`${path}.moved`, path);
      },
    ],
    ['can be written by everybody (mode 0602)', (path) => chmodSync(path, 0o602)],
    ['is of version 2, this is version 1', (path) => writeFileSync(path, renumbered(readFileSync(path, 'utf8')))],
    ['is damaged at line 1', (path) => writeFileSync(path, '')],
  ];
  /** The header of a later version. */
  const renumbered = (text: string): Buffer => {
    const [header, ...lines] = text.split('\n');
    const values = JSON.parse(header!).slice(0, -1) as unknown[];
    const later = JSON.stringify(values.map((one, i) => (one === 1 && i > 0 ? 2 : one))).slice(0, -1);
    return Buffer.concat([sealLine(later), Buffer.from(lines.join('\n'))]);
  };

  test.each(CASES)('a ledger that %s', async (why, make) => {
    const at = instanceDir();
    await record(at, [add('a')]);
    make(join(at.dir, 'ledger.jsonl'));
    expect(readAll(at.dir, [[T, 'a']])).toEqual({
      ...{ proofs: [undefined], seals: [] },
      notes: [`the ledger ${why}: what it held is read again`],
    });
    await record(at, [add('b')]);
    expect(
      readAll(at.dir, [
        [T, 'a'],
        [T, 'b'],
      ]),
    ).toMatchObject({ proofs: [undefined, proof('direct')], notes: [] });
  });

  test.each(CASES.slice(0, 3))('a delta that %s, whose drops would be lost with it', async (why, make) => {
    const at = instanceDir();
    await record(at, [add('a')]);
    const writer = openLedgerWriter(at.dir, ID);
    writer.drop(T, 'a');
    writer.close();
    make(join(at.dir, 'ledger.new.jsonl'));
    const notes: string[] = [];
    const totals = await mergeLedger(at.dir, at.spool, ID, (note) => notes.push(note));
    expect(totals.files).toBe(0);
    expect(notes).toEqual([`the ledger ${why}: what it held is read again`]);
    expect(readAll(at.dir, [[T, 'a']])).toMatchObject({ proofs: [undefined], notes: [] });
  });

  test('a directory in its place ends a merge with an error of this host', async () => {
    const at = instanceDir();
    mkdirSync(join(at.dir, 'ledger.jsonl'));
    await expect(record(at, [add('a')])).rejects.toMatchObject({ code: 'local' });
    rmSync(join(at.dir, 'ledger.new.jsonl')); // it is left
    expect(readAll(at.dir, [[T, 'a']]).notes).toEqual(['the ledger is no regular file: what it held is read again']);
  });
});
