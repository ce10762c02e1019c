import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Owner } from '../../src/files/entry.js';
import { type Block, type ListingHeader, type ListingTotals, sumOf } from '../../src/files/listing.js';
import { readListing } from '../../src/listing/listing.js';
import { blockLine, endLine, headerLine, namesLine } from '../../src/listing/listing-lines.js';
import type { OwnerMapping, OwnerNames } from '../../src/owners/owner-names.js';
import { dirEntry, fileEntry, linkEntry } from '../support/entries.js';
import { codeOf, stream } from '../support/fuzz.js';
import { longTest } from '../support/long-test.js';
import { sealListing } from '../support/seal-up.js';

const header: ListingHeader = {
  ...{ protocol: 1, features: ['names'], agentId: 'a', machine: 'm' },
  roots: [{ key: 'data/0', path: '/srv', ino: '2', mode: 0o40755, uid: 7, gid: 0 }],
  exclusions: { filesToExclude: [], dirsToExclude: [] },
};
const end = (entries: number): ListingTotals => ({
  ...{ entries, bytes: entries, errors: 0, firstErrors: [], excluded: 0, firstExcluded: [] },
  ...{ unnameable: [], devices: {}, touched: { files: 0, agoMs: 0, first: [], written: [] } },
});

/** Maps every owner whose name was sent to the number that `ids` has for it, or to the same number. */
class Mapping implements OwnerMapping {
  readonly learned: OwnerNames[] = [];
  noNames = false;
  readonly #ids: Record<number, number>;
  #isIdentity = true;

  constructor(ids: Record<number, number> = {}) {
    this.#ids = ids;
  }
  get isIdentity(): boolean {
    return this.#isIdentity;
  }
  async learn(names: OwnerNames): Promise<void> {
    this.learned.push(names);
    for (const id of [...names.users.keys(), ...names.groups.keys()])
      if ((this.#ids[id] ?? id) !== id) this.#isIdentity = false;
  }
  learnNoNames(): void {
    this.noNames = true;
  }
  toLocal({ uid, gid }: Owner): Owner | undefined {
    const isTold = (kind: 'users' | 'groups', id: number) =>
      this.noNames || id === 0 || this.learned.some((names) => names[kind].has(id));
    if (!isTold('users', uid) || !isTold('groups', gid)) return undefined;
    return { uid: this.#ids[uid] ?? uid, gid: this.#ids[gid] ?? gid };
  }
}

const names = (users: Record<number, string | null>, groups: Record<number, string | null> = {}): OwnerNames => {
  const map = (sent: Record<number, string | null>) =>
    new Map(Object.entries(sent).map(([id, name]) => [Number(id), name] as const));
  return { users: map(users), groups: map(groups) };
};
const root = names({ 7: 'seven' });

const ofOwners = (...ids: [uid: number, gid: number][]): Block => ({
  dir: 'data/0',
  entries: ids.map(([uid, gid], i) => fileEntry(`f${i}`, { owner: { uid, gid } })),
});

async function read(text: string, mapping?: OwnerMapping) {
  const listing = await readListing(stream([sealListing(text)]), undefined, undefined, mapping);
  const blocks: Block[] = [];
  for await (const listed of listing.blocks) blocks.push(listed.block()!);
  return { header: listing.header, blocks, end: listing.totals() };
}

const refusal = (text: string, mapping = new Mapping()): Promise<string | undefined> =>
  read(text, mapping).then(() => undefined, codeOf);

describe('a listing that is read with a mapping', () => {
  test('has the owners of this host, of its roots, its links and its directories too', async () => {
    const mapping = new Mapping({ 7: 70, 8: 80, 9: 90 });
    const owner = { uid: 8, gid: 9 };
    const entries = [
      dirEntry('d', { owner }),
      fileEntry('f', { owner: { uid: 0, gid: 0 } }),
      linkEntry('l', 'f', { owner }),
    ];
    const block: Block = { dir: 'data/0', entries };
    const below: Block = { dir: 'data/0/d', entries: [] };
    const text =
      headerLine(header, root) + namesLine(names({ 8: 'eight' }, { 9: null })) + blockLine(block) + blockLine(below);
    const { header: head, blocks } = await read(text + endLine({ ...end(3), bytes: 1 }), mapping);
    expect(head.roots).toMatchObject([{ uid: 70, gid: 0 }]);
    expect(head).not.toHaveProperty('names');
    expect(blocks[0]!.entries.map((entry) => entry.owner)).toEqual([
      { uid: 80, gid: 90 },
      { uid: 0, gid: 0 },
      { uid: 80, gid: 90 },
    ]);
    expect(mapping.learned).toEqual([
      { ...root, trouble: undefined },
      { ...names({ 8: 'eight' }, { 9: null }), trouble: undefined },
    ]);
  });

  test('keeps the owners as they were sent without a mapping', async () => {
    const block = ofOwners([8, 9]);
    const text = headerLine(header, root) + namesLine(names({ 8: 'eight' })) + blockLine(block) + endLine(end(1));
    expect(await read(text)).toMatchObject({ blocks: [block], header: { roots: [{ uid: 7 }] } });
  });

  test('of an older agent says that there are no names', async () => {
    const mapping = new Mapping();
    const text = headerLine({ ...header, features: [] }) + blockLine(ofOwners([8, 9])) + endLine(end(1));
    expect((await read(text, mapping)).blocks).toEqual([ofOwners([8, 9])]);
    expect(mapping.noNames).toBe(true);
  });

  test.each<[string, string]>([
    ['with an owner whose name was not sent', namesLine(names({ 8: 'eight' })) + blockLine(ofOwners([8, 9]))],
    ['with an owner whose name comes too late', blockLine(ofOwners([8, 0])) + namesLine(names({ 8: 'eight' }))],
    ['that sends one twice', namesLine(names({ 8: 'eight' })) + namesLine(names({ 8: 'ate' }))],
    ['that sends one of the header again', namesLine(names({ 7: 'seven' }))],
    ['with control characters in a name', namesLine(names({ 8: 'a\u001b[2J' }))],
    ['with a field separator in a name', namesLine(names({ 8: 'a:b' }))],
    ['with a name of a mebibyte', namesLine(names({ 8: 'x'.repeat(1 << 20) }))],
    ['with an empty name', namesLine(names({ 8: '' }))],
    ['with a name for root', namesLine(names({ 0: 'toor' }))],
    ['with a name for nobody', namesLine(names({ 4294967295: 'minus-one' }))],
    ['with a number of another form', '{"type":"names","users":{"08":"eight"},"groups":{}}\n'],
    ['with a name that is none', '{"type":"names","users":{"8":8},"groups":{}}\n'],
    ['without groups', '{"type":"names","users":{}}\n'],
    ['with terminal codes for a trouble', '{"type":"names","users":{},"groups":{},"trouble":"\\u001b[2J"}\n'],
  ])('is refused %s', async (_, lines) => {
    expect(await refusal(headerLine(header, root) + lines + endLine(end(0)))).toBe('protocol');
  });

  longTest('is refused with a million owners, on one line or on many', async () => {
    const some = (from: number, many: number) =>
      namesLine(names(Object.fromEntries(Array.from({ length: many }, (_, i) => [from + i, null]))));
    expect(await refusal(headerLine(header, root) + some(1_000, 1_000_000))).toBe('protocol');
    const lines = Array.from({ length: 11 }, (_, i) => some(1_000 + i * 10_000, 10_000)).join('');
    expect(await refusal(headerLine(header, root) + lines)).toBe('protocol');
  });

  test('is refused with a root whose owner has no name in it', async () => {
    expect(await refusal(headerLine(header) + endLine(end(0)))).toBe('protocol');
  });
});

describe('a line of a listing is the same as one of this host', () => {
  const id = fc.integer({ min: 0, max: 4 });
  const ids = fc.array(fc.tuple(id, id), { minLength: 1, maxLength: 8 });

  /** Whether it is taken for the same, and so for what `block()` says it is. */
  async function isTaken(remote: [number, number][], here: [number, number][], mapping: OwnerMapping, owners: boolean) {
    const sent = names({ 1: 'a', 2: 'b', 3: null, 4: 'd' }, { 1: 'a', 2: 'b', 3: null, 4: 'd' });
    const text =
      headerLine(header, root) + namesLine(sent) + blockLine(ofOwners(...remote)) + endLine(end(remote.length));
    const listing = await readListing(stream([sealListing(text)]), undefined, undefined, mapping);
    const local = ofOwners(...here);
    for await (const listed of listing.blocks) {
      const walked = { sum: sumOf(local), line: Buffer.from(blockLine(local)), block: () => local };
      const isSame = listed.takeIfSame!(walked, owners);
      if (!isSame) listed.block();
      return isSame;
    }
    return undefined;
  }

  test('exactly where its owners are the same here, also where two become one or change places', async () => {
    const mappings = fc.array(id, { minLength: 4, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(ids, ids, mappings, fc.boolean(), async (remote, others, to, isMapped) => {
        const mapping = new Mapping({ 1: to[0]!, 2: to[1]!, 3: to[2]!, 4: to[3]! });
        const idHere = (one: number) => (one === 0 ? 0 : to[one - 1]!);
        const mapped = remote.map(([uid, gid]): [number, number] => [idHere(uid), idHere(gid)]);
        const here = isMapped ? mapped : others;
        const same = JSON.stringify(here) === JSON.stringify(mapped);
        expect(await isTaken(remote, here, mapping, true)).toBe(same);
        expect(await isTaken(remote, here, mapping, false)).toBe(here.length === remote.length);
      }),
    );
  });
});
