// What is read for a comparison and what becomes of it; the digests come from a table, because their threads and the source are tested
// elsewhere.

import { describe, expect, test } from '@jest/globals';
import { blockDigestOf } from '../../../src/digest/block-hashes.js';
import type { DigestAnswer } from '../../../src/digest/digest-files.js';
import type { Proof, Proved } from '../../../src/files/proof.js';
import type { PairedDigests, PairOfFiles } from '../../../src/plan/digests/paired-digests.js';
import { createProvedDigests, type ProvablePair } from '../../../src/plan/digests/proved-digests.js';
import { fileEntry } from '../../support/entries.js';

const MIB = 2 ** 20;
const SIZE = `${3 * MIB}`;
const hashes = (...blocks: number[]): Uint8Array => Uint8Array.from(blocks.flatMap((n) => Array(8).fill(n)));
const SAME = hashes(1, 2, 3);
const OTHER = hashes(1, 9, 3);

const THERE = { size: SIZE, mtimeNs: '1000000005', ino: '6', ctimeNs: '2000000007' };
const HERE = { size: SIZE, mtimeNs: '1000000009', ino: '60', ctimeNs: '2000000070' };

const stored = (proved: Proved, changes: Partial<Proof> = {}): Proof => ({
  ...{ blocks: SAME, source: THERE, local: HERE, proved, atMs: 5 },
  ...changes,
});

const pair = (changes: Partial<ProvablePair> = {}): ProvablePair => ({
  dir: 'data/0',
  source: fileEntry('a', THERE),
  local: fileEntry('a', HERE),
  ...changes,
});

const answer = (blocks: Uint8Array, ctimeNs: string, more: object = {}): DigestAnswer => ({
  ...{ digest: blockDigestOf(blocks), young: false, ctimeNs, blocks, read: 'direct' as const },
  ...more,
});

/** What each side holds now. */
interface Sides {
  there?: DigestAnswer;
  here?: DigestAnswer;
}

async function compare(
  asked: ProvablePair,
  { there = answer(SAME, THERE.ctimeNs), here = answer(SAME, HERE.ctimeNs) }: Sides = {},
  blocks?: (offset: number, length: number) => Uint8Array | undefined,
) {
  const digests = {
    answers: async (source: PairOfFiles[], local: PairOfFiles[]) => [source.map(() => there), local.map(() => here)],
  } as unknown as PairedDigests;
  const naming = blocks && {
    blocks: async (_: unknown, { offset, length }: { offset: number; length: number }) => blocks(offset, length),
  };
  const proved = createProvedDigests(digests, naming ? { naming } : {});
  const [result] = await proved.compare([asked], new AbortController().signal);
  return result!;
}

describe('what is read', () => {
  test.each<[string, ProvablePair, source: boolean, local: boolean]>([
    ['both without a proof', pair(), true, true],
    ['this side alone of a file that was only received', pair({ proof: stored('received') }), false, true],
    ['nothing of one that was read back', pair({ proof: stored('direct') }), false, false],
    [
      'the source alone where only its ctime moved, as by a snapshot',
      pair({ proof: stored('cached'), source: fileEntry('a', { ...THERE, ctimeNs: '2000000008' }) }),
      ...([true, false] as const),
    ],
    [
      'this side alone where only its ctime moved',
      pair({ proof: stored('cached'), local: fileEntry('a', { ...HERE, ctimeNs: '2000000071' }) }),
      ...([false, true] as const),
    ],
    [
      'what is listed without a ctime',
      pair({ proof: stored('direct'), local: fileEntry('a', { ...HERE, ctimeNs: undefined }) }),
      ...([false, true] as const),
    ],
    ['both on demand', pair({ proof: stored('direct'), rereads: 'both' }), true, true],
    ['this side on demand', pair({ proof: stored('direct'), rereads: 'local' }), false, true],
    [
      'both where times are whole seconds',
      pair({
        proof: stored('direct', { source: { ...THERE, ctimeNs: '2000000000' }, local: { ...HERE, ctimeNs: '0' } }),
        source: fileEntry('a', { ...THERE, ctimeNs: '2000000000' }),
        local: fileEntry('a', { ...HERE, ctimeNs: '0' }),
      }),
      ...([true, true] as const),
    ],
  ])('%s', async (_, asked, source, local) => {
    expect(await compare(asked)).toMatchObject({ equal: true, young: false, reads: { source, local } });
  });
});

describe('what it proves', () => {
  test('a file that was read here is proved as it was read, by the states of now', async () => {
    expect((await compare(pair())).proof).toMatchObject({
      ...{ blocks: SAME, source: THERE, local: HERE, proved: 'direct' },
    });
    const proof = stored('received', { local: { size: SIZE, mtimeNs: '1', ino: '0', ctimeNs: '0' } });
    const { proof: now } = await compare(pair({ proof }), { here: answer(SAME, '2000000071', { read: 'cached' }) });
    expect(now).toMatchObject({ source: THERE, local: { ...HERE, ctimeNs: '2000000071' }, proved: 'cached' });
    expect(now!.atMs).toBeGreaterThan(5);
  });

  test('one that was read at the source alone keeps the age of its proof here', async () => {
    const source = fileEntry('a', { ...THERE, ctimeNs: '2000000008' });
    const { proof } = await compare(pair({ proof: stored('cached'), source }), { there: answer(SAME, '2000000008') });
    expect(proof).toMatchObject({ source: { ...THERE, ctimeNs: '2000000008' }, proved: 'cached', atMs: 5 });
  });

  test.each<[string, Partial<ProvablePair>, Sides]>([
    ['of which nothing was read', { proof: stored('direct') }, {}],
    ['that differs', {}, { here: answer(OTHER, HERE.ctimeNs) }],
    ['that was young there', {}, { there: answer(SAME, THERE.ctimeNs, { young: true }) }],
    ['that changed there while it was read', {}, { there: answer(SAME, THERE.ctimeNs, { ctimeNs: undefined }) }],
    ['that changed here while it was read', {}, { here: answer(SAME, HERE.ctimeNs, { ctimeNs: undefined }) }],
    ['that could not be read', {}, { here: { result: 'failed', message: 'EIO' } }],
  ])('no proof comes of a file %s', async (_, asked, sides) => {
    expect((await compare(pair(asked), sides)).proof).toBeUndefined();
  });

  test('a young file is equal all the same', async () => {
    const there = answer(SAME, THERE.ctimeNs, { young: true });
    expect(await compare(pair(), { there })).toMatchObject({ equal: true, young: true });
  });
});

describe('the blocks that differ are named', () => {
  const here = answer(OTHER, HERE.ctimeNs);

  test('by the stored hashes where these stand for the source', async () => {
    const asked = pair({ proof: stored('received') });
    const compared = await compare(asked, { here }, () => {
      throw new Error('asked the source');
    });
    expect(compared).toMatchObject({ equal: false, differingAt: [MIB] });
  });

  test('else by those that the source is asked for', async () => {
    const asked: number[][] = [];
    const compared = await compare(pair(), { here }, (...range) => {
      asked.push(range);
      return SAME;
    });
    expect(compared).toMatchObject({ equal: false, differingAt: [MIB] });
    expect(asked).toEqual([[0, 3 * MIB]]);
  });

  test('in a file of one block without asking', async () => {
    const [there, local] = [THERE, HERE].map((state) => fileEntry('a', { ...state, size: '9' }));
    const compared = await compare(
      { dir: 'data/0', source: there!, local: local! },
      { there: answer(hashes(1), '2000000007'), here: answer(hashes(2), '2000000070') },
      () => undefined,
    );
    expect(compared).toMatchObject({ equal: false, differingAt: [0] });
  });

  test('and not where the source does not say, or nobody asks', async () => {
    expect((await compare(pair(), { here }, () => undefined)).differingAt).toBeUndefined();
    expect((await compare(pair(), { here })).differingAt).toBeUndefined();
  });
});
