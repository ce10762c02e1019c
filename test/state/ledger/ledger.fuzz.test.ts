// The ledger against a model, by deeds drawn at random: whatever was merged when, it says what a map would say.

import { copyFileSync, existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareKeys } from '../../../src/files/entry.js';
import { type Proof, standingOf } from '../../../src/files/proof.js';
import { readTotals } from '../../../src/state/ledger/ledger-file.js';
import { mergeLedger } from '../../../src/state/ledger/merge.js';
import { openLedgerWriter } from '../../../src/state/ledger/writer.js';
import { fuzz, fuzzTimeoutMs } from '../../support/fuzz.js';
import {
  type ClaimedBlock,
  claimOf,
  type Deed,
  ID,
  instanceDir,
  perform,
  proof,
  readAll,
  removeInstanceDirs,
} from './world.js';

const DIRS = ['commitlog/0', 'data/0', 'data/0/t', 'data/0/t/x', 'data/0/t!'].sort(compareKeys);
const NAMES = ['!', 'a', 'b', 'c"\n', 'é', '\u{ffff}', '\u{10000}'].sort(compareKeys);
const KEYS = DIRS.flatMap((dir) => NAMES.map((name) => [dir, name] as const));

/** A few more often than others, so that several deeds are about one file. */
const dir = fc.oneof({ arbitrary: fc.constant('data/0/t'), weight: 2 }, fc.constantFrom(...DIRS));
const name = fc.oneof({ arbitrary: fc.constantFrom('a', 'b'), weight: 3 }, fc.constantFrom(...NAMES));
const state = fc.integer({ min: 1, max: 2 });
const proved = fc.constantFrom<Proof['proved'][]>('received', 'direct', 'cached');

/** A second's end in a ctime proves nothing by time. */
const wholeSecond = (one: Proof): Proof => ({ ...one, local: { ...one.local, ctimeNs: '17000000000' } });

const add = fc
  .record({ dir, name, proved, state, contents: state, whole: fc.integer({ max: 20, min: 0 }) })
  .map(({ proved: how, state: s, contents, whole, ...at }): Deed => {
    const one = proof(how, { state: s, contents });
    return { type: 'add', ...at, proof: whole === 0 ? wholeSecond(one) : one };
  });
/** A file that was read again at both ends. */
const stamp = fc
  .record({ dir, name, state, local: state, atMs: fc.integer({ min: 1, max: 9 }) })
  .map(({ dir: at, name: n, state: s, local, atMs }): Deed => {
    const read = { ...proof('cached', { state: s }), local: proof('cached', { state: local }).local, atMs };
    return { type: 'stamp', dir: at, name: n, proof: read };
  });
const drop = fc.record({ dir, name }).map((at): Deed => ({ type: 'drop', ...at }));
const claimIn = (at: string, names: readonly string[], s: number): Deed => ({
  type: 'claim',
  block: claimOf(
    at,
    names.map((n) => ({ name: n, state: s })),
  ),
});
const claim = fc.record({ dir, names: fc.subarray(NAMES), state }).map((c) => claimIn(c.dir, c.names, c.state));
/** A block of which all holds that is claimed, or which has changed meanwhile. */
const proven = fc
  .record({
    dir,
    names: fc.subarray(NAMES),
    state,
    claimed: fc.constantFrom(0, 0, 0, 1, 2),
    first: fc.boolean(),
    stamped: fc.boolean(),
  })
  .map(({ dir: at, names, state: s, claimed, first, stamped }): Deed[] => [
    ...(first ? [claimIn(at, names, claimed === 0 ? s : claimed)] : []),
    ...names.map(
      (n): Deed => ({ type: 'add', dir: at, name: n, proof: proof(stamped ? 'received' : 'direct', { state: s }) }),
    ),
    ...(stamped
      ? names.map((n): Deed => ({ type: 'stamp', dir: at, name: n, proof: proof('direct', { state: s }) }))
      : []),
    ...(first ? [] : [claimIn(at, names, claimed === 0 ? s : claimed)]),
  ]);
type Step = Deed[] | 'merge' | 'merge twice' | 'reopen';
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: add.map((one) => [one]), weight: 8 },
  { arbitrary: fc.oneof(drop, claim, stamp).map((one) => [one]), weight: 4 },
  { arbitrary: proven, weight: 3 },
  { arbitrary: fc.constantFrom<Step[]>('merge', 'merge twice', 'reopen'), weight: 3 },
);

/** So that a directory takes several lines, and the delta several runs. */
const limits = fc.record({
  filesPerLine: fc.constantFrom(1, 2, 4, 100),
  recordsPerRun: fc.constantFrom(2, 5, 100),
  linesInMemory: fc.constantFrom(0, 3, 1000),
});

const fail = (text: string): never => {
  throw new Error(text);
};

/** What is known by a map, and the blocks that have a seal. */
class Model {
  readonly rows = new Map<string, Proof>();
  seals: ClaimedBlock[] = [];
  /** What was claimed since the last merge. */
  #claims: ClaimedBlock[] = [];
  readonly #unlisted = new Map<string, Proof>();

  /** Neither listing has the file. */
  #unlist(key: string): void {
    const row = this.rows.get(key);
    if (row) this.#unlisted.set(key, row);
    this.rows.delete(key);
  }

  /** A file that no listing had comes back just as it was, or is read again: whether the read that proved it still counts depends on when it was merged. */
  isUndecided(deed: Deed): boolean {
    const before = deed.type === 'claim' ? undefined : this.#unlisted.get(`${deed.dir}/${deed.name}`);
    if (deed.type === 'stamp') return before !== undefined;
    return deed.type === 'add' && deed.proof.proved === 'received' && before !== undefined && same(before, deed.proof);
  }

  perform(deed: Deed): void {
    if (deed.type === 'claim') return this.#claim(deed.block);
    const key = `${deed.dir}/${deed.name}`;
    const covers = (block: ClaimedBlock) => block.dir === deed.dir && isIn(deed.name, rangeOf(block));
    this.seals = this.seals.filter((block) => !covers(block));
    this.#claims = this.#claims.filter(
      (block) => !covers(block) || block.files.some((file) => file.name === deed.name),
    );
    const old = this.rows.get(key);
    if (deed.type === 'drop') this.rows.delete(key);
    else if (deed.type === 'stamp') {
      if (old && standingOf(old.source, deed.proof.source) === 'unchanged')
        this.rows.set(key, { ...deed.proof, blocks: old.blocks });
    } else if (!old || !same(old, deed.proof) || deed.proof.proved !== 'received' || old.proved === 'received')
      this.rows.set(key, deed.proof);
  }

  #claim(block: ClaimedBlock): void {
    const isApart = (other: ClaimedBlock) => other.dir !== block.dir || !doMeet(rangeOf(other), rangeOf(block));
    this.seals = this.seals.filter(isApart);
    this.#claims = [...this.#claims.filter(isApart), block];
    const listed = new Set(block.files.map((file) => file.name));
    for (const n of NAMES) if (isIn(n, rangeOf(block)) && !listed.has(n)) this.#unlist(`${block.dir}/${n}`);
  }

  merge(keepsDelta: boolean): void {
    const others = this.seals.filter((seal) => !this.#claims.includes(seal));
    this.seals = [...others, ...this.#claims.filter((block) => this.holds(block))];
    if (!keepsDelta) this.#claims = [];
  }

  holds({ dir: at, files }: ClaimedBlock): boolean {
    return files.every((file) => {
      const row = this.rows.get(`${at}/${file.name}`);
      if (!row || row.proved === 'received') return false;
      return standingOf(row.source, file.source) === 'unchanged' && standingOf(row.local, file.local) === 'unchanged';
    });
  }
}

type Range = readonly [first: string, last: string];
const rangeOf = ({ files }: ClaimedBlock): Range => [files[0]?.name ?? '', files.at(-1)?.name ?? ''];
const doMeet = (a: Range, b: Range): boolean => compareKeys(a[0], b[1]) <= 0 && compareKeys(b[0], a[1]) <= 0;
const isIn = (n: string, [first, last]: Range): boolean => compareKeys(first, n) <= 0 && compareKeys(n, last) <= 0;

const same = (a: Proof, b: Proof): boolean =>
  JSON.stringify([a.source, a.local]) === JSON.stringify([b.source, b.local]) &&
  Buffer.compare(a.blocks, b.blocks) === 0;

afterAll(removeInstanceDirs);

test(
  'a ledger says what a map would say, whenever it was merged',
  async () => {
    let seals = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), limits, async (steps, limited) => {
        const { dir: at, spool } = instanceDir();
        const model = new Model();
        const claimed: ClaimedBlock[] = [];
        let writer = openLedgerWriter(at, ID);
        for (const one of [...steps, 'merge' as const]) {
          if (Array.isArray(one)) {
            for (const deed of one) {
              if (model.isUndecided(deed)) continue;
              perform(writer, deed);
              model.perform(deed);
              if (deed.type === 'claim') claimed.push(deed.block);
            }
            continue;
          }
          writer.close();
          if (one !== 'reopen') model.merge(one === 'merge twice');
          const delta = join(at, 'ledger.new.jsonl');
          const kept = join(at, 'kept');
          if (one === 'merge twice' && existsSync(delta)) copyFileSync(delta, kept);
          if (one !== 'reopen') await mergeLedger(at, spool, ID, fail, limited);
          if (existsSync(kept)) renameSync(kept, delta); // as after a crash; what follows is appended
          writer = openLedgerWriter(at, ID, fail);
        }
        writer.close();
        const said = readAll(at, KEYS);
        expect(said.notes).toEqual([]);
        expect(said.proofs).toEqual(KEYS.map(([d, n]) => model.rows.get(`${d}/${n}`)));
        const sorted = claimed.sort((a, b) => compareKeys(a.dir, b.dir));
        const found = readAll(at, [], sorted).seals;
        for (const [i, block] of sorted.entries()) {
          const holds = model.seals.some((one) => Buffer.compare(one.sourceLine, block.sourceLine) === 0);
          const files = block.files.length;
          const seal = { files, bytes: 5 * files, oldestMs: expect.any(Number) };
          expect({ block, seal: found[i] }).toEqual({ block, seal: holds ? seal : undefined });
          if (holds && files > 0) seals++;
        }
        const all = [...model.rows.values()];
        const read = all.filter((one) => one.proved !== 'received');
        if (existsSync(join(at, 'ledger.jsonl')))
          expect(readTotals(at)).toEqual({
            ...{ files: all.length, read: read.length, received: all.length - read.length, bytes: 5 * all.length },
            ...(read.length > 0 && { oldestReadMs: Math.min(...read.map((one) => one.atMs)) }),
          });
        removeInstanceDirs();
      }),
      fuzz(1000),
    );
    expect(seals).toBeGreaterThan(20);
  },
  fuzzTimeoutMs,
);
