// A Sidecar's document with anything wrong in it: it is refused, or what is made of it is a tree that could be.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareKeys, joinKey } from '../../../src/files/entry.js';
import type { Block } from '../../../src/files/listing.js';
import type { Root } from '../../../src/files/roots.js';
import { readSidecarListing } from '../../../src/source/sidecar/sidecar-listing.js';
import { codeOf, cuts, damage, fuzz, fuzzTimeoutMs, stream } from '../../support/fuzz.js';

const spool = mkdtempSync(join(tmpdir(), 'lm-spool-'));
afterAll(() => rmSync(spool, { recursive: true }));

const ROOTS: Root[] = [
  { key: 'data/0', type: 'data', index: 0, path: '/data' },
  { key: 'hints/0', type: 'hints', index: 0, path: '/hints' },
];
const FILES = '/api/v1/live-migration/files';

type Info = Record<string, unknown>;

const NAMES = ['a', 'b', 'é', 'a b', '%41'];
const path = fc.array(fc.constantFrom(...NAMES), { maxLength: 3 });
/** Every file with the directories it lies in, each once. */
const sound = fc
  .array(fc.tuple(fc.constantFrom('data/0', 'hints/0'), path, fc.nat(9)), { maxLength: 6 })
  .map((all): Info[] => {
    const infos = new Map<string, Info>();
    for (const [root, dirs, size] of all) {
      dirs.forEach((_, i) => {
        const key = [root, ...dirs.slice(0, i + 1)].join('/');
        infos.set(key, { fileUrl: `${FILES}/${key}`, size: -1, fileType: 'DIRECTORY', lastModifiedTime: 5 });
      });
      const key = [root, ...dirs, 'file'].join('/');
      infos.set(key, { fileUrl: `${FILES}/${key}`, size, fileType: 'FILE', lastModifiedTime: 1_731_000_001_456 });
    }
    return [...infos.values()];
  });

const EVIL_KEYS = [
  '..',
  '.',
  '',
  '/',
  'data/0',
  'data/0/',
  'data/0/..',
  'data/0/a/../..',
  'data/7/a',
  'hints',
  'data/0/a\0',
];
const evil = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(...EVIL_KEYS, ...NAMES.map((name) => `data/0/${name}`)).map((key) => `${FILES}/${key}`),
  fc.constantFrom(
    `${FILES}/data/0/${'x'.repeat(1_100)}`,
    `${FILES}/data/0/${'x/'.repeat(5_000)}y`,
    'http://h/a',
    '\ud800',
  ),
  fc.constantFrom(-2, -1, 0.5, 1e300, 2 ** 53, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
);
const lie = fc.oneof(
  fc.record({ do: fc.constantFrom('fileUrl', 'size', 'fileType', 'lastModifiedTime'), at: fc.nat(), by: evil }),
  fc.record({ do: fc.constantFrom('drop', 'twice', 'replace', 'total'), at: fc.nat(), by: evil }),
);

function documentOf(files: Info[], lies: { do: string; at: number; by: unknown }[]): string {
  const all: unknown[] = structuredClone(files);
  let total: unknown = files.reduce((sum, { size, fileType }) => sum + (fileType === 'FILE' ? Number(size) : 0), 0);
  for (const { do: what, at, by } of lies) {
    const i = at % (all.length || 1);
    if (what === 'total') total = by;
    else if (what === 'drop') all.splice(i, 1);
    else if (what === 'twice') all.push(structuredClone(all[i] ?? null));
    else if (what === 'replace') all[i] = by;
    else if (all[i] && typeof all[i] === 'object') (all[i] as Info)[what] = by;
  }
  return JSON.stringify({ files: all, totalSize: total });
}

async function read(pieces: Iterable<Uint8Array>): Promise<{ blocks: Block[]; refused?: string }> {
  const blocks: Block[] = [];
  try {
    const listing = await readSidecarListing(stream(pieces), { roots: ROOTS, spool });
    for await (const listed of listing.blocks) blocks.push(listed.block()!);
    expect(listing.totals().entries).toBe(blocks.reduce((sum, block) => sum + block.entries.length, 0));
    return { blocks };
  } catch (error) {
    return { blocks, refused: codeOf(error) };
  }
}

/** Depth first, each directory announced once and listed once, names that stay where they are. */
function expectSound(blocks: Block[]): void {
  const due = ROOTS.map(({ key }) => key).sort((a, b) => compareKeys(b, a));
  for (const { dir, entries } of blocks) {
    expect(dir).toBe(due.pop());
    const names = entries.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)].sort(compareKeys));
    for (const { name, size, mtimeNs } of entries) {
      expect(name).toMatch(/^(?!\.{1,2}$)[^/\0]{1,1023}$/);
      expect(name.isWellFormed() && Number.isSafeInteger(Number(size)) && Number(size) >= 0).toBe(true);
      expect(() => new Date(Number(BigInt(mtimeNs) / 1_000_000n)).toISOString()).not.toThrow();
    }
    const below = entries.filter(({ kind }) => kind === 'directory').map(({ name }) => joinKey(dir, name));
    due.push(...below.reverse());
  }
  expect(due).toEqual([]);
}

test(
  'a document that lies is refused, or could be true',
  async () => {
    await fc.assert(
      fc.asyncProperty(sound, fc.array(lie, { maxLength: 2 }), cuts, async (files, lies, cut) => {
        const { blocks, refused } = await read(cut(Buffer.from(documentOf(files, lies))));
        if (refused) expect(['protocol', 'usage']).toContain(refused);
        else expectSound(blocks);
        if (lies.length === 0) expect(blocks.flatMap(({ entries }) => entries)).toHaveLength(files.length);
      }),
      fuzz(600),
    );
  },
  fuzzTimeoutMs,
);

test(
  'a document that was damaged is refused, or could be true',
  async () => {
    await fc.assert(
      fc.asyncProperty(sound, damage, cuts, async (files, harm, cut) => {
        const bytes = harm(Buffer.from(documentOf(files, [])));
        const { blocks, refused } = await read(cut(bytes));
        expect({ blocks, refused }).toEqual({ refused: undefined, ...(await read([bytes])) });
        if (refused) expect(['protocol', 'usage']).toContain(refused);
        else expectSound(blocks);
      }),
      fuzz(600),
    );
  },
  fuzzTimeoutMs,
);
