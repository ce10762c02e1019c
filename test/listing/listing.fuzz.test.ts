import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareKeys, type Entry, joinKey, kindOf, NO_INODE } from '../../src/files/entry.js';
import type { Block, ListingHeader } from '../../src/files/listing.js';
import { readListing } from '../../src/listing/listing.js';
import { blockLine, endLine, headerLine, progressLine } from '../../src/listing/listing-lines.js';
import type { OwnerMapping } from '../../src/owners/owner-names.js';
import { readFileList } from '../../src/wire/file-list.js';
import { linesOf } from '../../src/wire/lines.js';
import { type InstanceFileInfo, readDigestLines } from '../../src/wire/messages.js';
import { parseTarget } from '../../src/wire/routes.js';
import { dirEntry, fileEntry, linkEntry } from '../support/entries.js';
import { codeOf, cuts, damage, fuzz, fuzzTimeoutMs, stream } from '../support/fuzz.js';
import { longTest } from '../support/long-test.js';
import { sealListing, sealUp } from '../support/seal-up.js';

const header: ListingHeader = {
  protocol: 1,
  features: [],
  agentId: 'a',
  machine: 'm',
  roots: [
    { key: 'data/0', path: '/srv', ino: '2', mode: 0o40755, uid: 0, gid: 0 },
    { key: 'hints/0', path: '/hints', ino: '3', mode: 0o40755, uid: 0, gid: 0 },
  ],
  exclusions: { filesToExclude: ['glob:**/x'], dirsToExclude: [] },
};

const NOTHING = {
  ...{ entries: 0, bytes: 0, errors: 0, firstErrors: [], excluded: 0, firstExcluded: [] },
  ...{ unnameable: [], devices: { 'data/0': '1' }, touched: { files: 0, agoMs: 0, first: [], written: [] } },
};

const EVIL_NAMES = ['.', '..', '', '/', 'a/b', '../x', '/etc', '\0', 'a\0', '\ud800', 'x'.repeat(1_100)];
const EVIL_NUMBERS = ['', '-1', '1e3', '1.5', ' 1', '99999999999999999999', '9'.repeat(400), '0x10', 'NaN'];

/** A tree as nested arrays: a name is a file, a pair a directory. */
type Node = { name: string; kind: 'file' | 'link' | 'dir'; below: Node[] };
const name = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }),
  fc.constantFrom('a', 'a!', 'é', '\n'),
);
const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.record({
    name: name.filter((text) => !/[/\0]|^\.{1,2}$/.test(text)),
    kind: fc.constantFrom<Node['kind'][]>('file', 'file', 'link', 'dir'),
    below: fc.oneof({ depthSize: 'small' }, fc.constant<Node[]>([]), fc.array(tie('node'), { maxLength: 4 })),
  }),
}));

function entryOf({ name, kind }: Node): Entry {
  if (kind === 'dir') return dirEntry(name, { mtimeNs: '-5' });
  if (kind === 'link') return linkEntry(name, 'target');
  return fileEntry(name, { size: '3', mtimeNs: '1731000001456789012', owner: { uid: 1000, gid: 5 } });
}

function blocksOf(dir: string, nodes: Node[]): Block[] {
  const unique = [...new Map(nodes.map((one) => [one.name, one])).values()];
  unique.sort((a, b) => compareKeys(a.name, b.name));
  return [
    { dir, entries: unique.map(entryOf) },
    ...unique.flatMap((one) => (one.kind === 'dir' ? blocksOf(joinKey(dir, one.name), one.below) : [])),
  ];
}

const trees = fc.tuple(fc.array(node, { maxLength: 5 }), fc.array(node, { maxLength: 3 }));

/** An error or a lie in one place of a listing. */
type Lie = { at: number; what: string; with: string };
const lie: fc.Arbitrary<Lie> = fc.record({
  at: fc.nat(),
  what: fc.constantFrom(
    'name',
    'size',
    'mtime',
    'ino',
    'nanos',
    'mode',
    'uid',
    'run',
    'target',
    'dir',
    'twice',
    'drop',
    'swap',
    'end',
  ),
  with: fc.constantFrom(...EVIL_NAMES, ...EVIL_NUMBERS),
});

/** A parsed line of a block; see `blockLine`. */
type Line = [dir: string, contents: unknown[][], owners: unknown[][], inodes: unknown[], nanos: unknown[]];

function listingText(blocks: Block[], lies: Lie[]): string {
  const all = blocks.flatMap((block) => block.entries);
  const bytes = all.reduce((sum, { kind, size }) => sum + (kind === 'file' ? Number(size) : 0), 0);
  let entries = all.length;
  const lines = blocks.map((block): Line => JSON.parse(blockLine(block)));
  for (const { at, what, with: text } of lies) {
    const line = lines[at % (lines.length || 1)];
    const i = line && line[1].length > 0 ? at % line[1].length : undefined;
    const field = { name: 0, size: 1, mtime: 2, target: 4 }[what];
    if (line && i !== undefined && field !== undefined) line[1][i]![field] = text;
    else if (line && i !== undefined && what === 'ino') line[3][i] = text;
    else if (line && i !== undefined && what === 'nanos') line[4][i] = [-1, 1000, 1.5, '1', null][at % 5];
    else if (line && i !== undefined && what === 'mode')
      line[1][i]![3] = [0, -1, 1.5, 1e300, '33188', null, 0o170000, 2 ** 32 + 0o100644][at % 8];
    else if (line && i !== undefined && what === 'uid') line[2][0]![0] = [-1, 1.5, 2 ** 32, 1e300, '0', {}][at % 6];
    else if (line && i !== undefined && what === 'run') line[2][0]![2] = [0, -1, 1.5, 2 ** 31, '1', null][at % 6];
    else if (line && what === 'dir') line[0] = `${line[0]}/${text}`;
    else if (line && what === 'twice') lines.splice(at % lines.length, 0, line);
    else if (line && what === 'drop') lines.splice(at % lines.length, 1);
    else if (line && what === 'swap') lines.push(...lines.splice(at % lines.length, 1));
    else if (what === 'end') entries += (at % 3) - 1;
  }
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  return headerLine(header) + text + progressLine(1) + endLine({ ...NOTHING, entries, bytes });
}

/** The listing's promises, checked a second way. */
function expectSound(blocks: Block[]): void {
  const announced = new Set(header.roots.map((root) => root.key));
  const ended = new Set<string>();
  const last = new Map<string, string>();
  let current: string | undefined;
  for (const { dir, entries } of blocks) {
    expect(announced.has(dir) && !ended.has(dir)).toBe(true);
    if (current !== undefined && current !== dir) ended.add(current);
    current = dir;
    for (const { name, kind, size, mtimeNs, mode, ino = NO_INODE, owner, target } of entries) {
      expect(name).toMatch(/^(?!\.{1,2}$)[^/\0]{1,1023}$/);
      expect(name.isWellFormed()).toBe(true);
      expect([size, ino].every((digits) => /^\d{1,20}$/.test(digits))).toBe(true);
      expect(mtimeNs).toMatch(/^-?\d{1,28}$/); // 64 bits of seconds, in nanoseconds
      expect(Number.isInteger(mode) && mode >= 0 && mode < 2 ** 32).toBe(true);
      for (const id of owner ? [owner.uid, owner.gid] : [])
        expect(Number.isInteger(id) && id >= 0 && id < 2 ** 32).toBe(true);
      expect(kind).toBe(kindOf(mode));
      expect(kind === 'link').toBe(target !== undefined);
      if (target !== undefined) expect(target.isWellFormed() && /^[^\0]{1,4095}$/su.test(target)).toBe(true);
      const before = last.get(dir);
      expect(before === undefined || compareKeys(before, name) < 0).toBe(true);
      last.set(dir, name);
      if (kind === 'directory') announced.add(joinKey(dir, name));
    }
  }
  expect(new Set(blocks.map((block) => block.dir))).toEqual(announced);
}

async function read(
  pieces: Iterable<Uint8Array>,
  mapping?: OwnerMapping,
): Promise<{ blocks: Block[]; refused?: string }> {
  const blocks: Block[] = [];
  try {
    const listing = await readListing(stream(pieces), undefined, undefined, mapping);
    for await (const listed of listing.blocks) blocks.push(listed.block()!);
    expect(listing.totals().entries).toBe(blocks.reduce((sum, block) => sum + block.entries.length, 0));
    return { blocks };
  } catch (error) {
    return { blocks, refused: codeOf(error) };
  }
}

const wholeOf = ([data, hints]: [Node[], Node[]]): Block[] => [
  ...blocksOf('data/0', data),
  ...blocksOf('hints/0', hints),
];

test(
  'a listing that lies is refused, or could be true',
  async () => {
    await fc.assert(
      fc.asyncProperty(trees, fc.array(lie, { maxLength: 2 }), cuts, async (tree, lies, cut) => {
        const text = listingText(wholeOf(tree), lies);
        const { blocks, refused } = await read(cut(sealListing(text)));
        if (refused) expect(refused).toBe('protocol');
        else expectSound(blocks);
        if (lies.length === 0) expect(blocks).toEqual(wholeOf(tree));
      }),
      fuzz(800),
    );
  },
  fuzzTimeoutMs,
);

test(
  'a listing of nonsense is refused, or could be true',
  async () => {
    await fc.assert(
      fc.asyncProperty(trees, damage, cuts, async (tree, harm, cut) => {
        const bytes = sealListing(harm(Buffer.from(listingText(wholeOf(tree), []))));
        const seen = await read(cut(bytes));
        expect(seen).toEqual(await read([bytes]));
        if (seen.refused) expect(['protocol', 'source']).toContain(seen.refused);
        else expectSound(seen.blocks);
      }),
      fuzz(800),
    );
  },
  fuzzTimeoutMs,
);

test(
  'a listing that was damaged on the way is what was sent as far as it goes, and never whole',
  async () => {
    await fc.assert(
      fc.asyncProperty(trees, damage, cuts, async (tree, harm, cut) => {
        const sent = sealUp(...listingText(wholeOf(tree), []).split(/(?<=\n)/));
        const came = harm(sent);
        const { blocks, refused } = await read(cut(came));
        expect(blocks).toEqual(wholeOf(tree).slice(0, blocks.length));
        if (came.subarray(0, sent.length).equals(sent)) expect(refused).toBeUndefined();
        else expect(refused).toBe('source');
      }),
      fuzz(800),
    );
  },
  fuzzTimeoutMs,
);

const namesTold = fc.dictionary(
  fc.oneof(fc.nat(20).map(String), fc.constantFrom(...EVIL_NUMBERS, '4294967295', '__proto__')),
  fc.oneof(fc.constant(null), fc.string({ unit: 'binary', maxLength: 6 }), fc.constantFrom(...EVIL_NAMES), fc.nat()),
  { maxKeys: 4 },
);

test(
  'names of owners are those of accounts, each once and before it is used, or the listing is refused',
  async () => {
    const block = { dir: 'data/0', entries: [fileEntry('f', { owner: { uid: 7, gid: 7 } })] };
    const rest =
      blockLine(block) + blockLine({ dir: 'hints/0', entries: [] }) + endLine({ ...NOTHING, entries: 1, bytes: 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(namesTold, namesTold), { maxLength: 3 }), cuts, async (lines, cut) => {
        const names = lines.map(([users, groups]) => `${JSON.stringify({ type: 'names', users, groups })}\n`).join('');
        const text = headerLine({ ...header, features: ['names'] }) + names + rest;
        const known = { user: new Map<number, string | null>(), group: new Map<number, string | null>() };
        const mapping: OwnerMapping = {
          isIdentity: true,
          learnNoNames() {},
          async learn({ users, groups }) {
            for (const [id, name] of users) known.user.set(id, name);
            for (const [id, name] of groups) known.group.set(id, name);
          },
          toLocal: (owner) => {
            const has = (of: Map<number, unknown>, id: number) => id === 0 || of.has(id);
            return has(known.user, owner.uid) && has(known.group, owner.gid) ? owner : undefined;
          },
        };
        const { blocks, refused } = await read(cut(sealListing(text)), mapping);
        if (refused) return expect(refused).toBe('protocol');
        expect(blocks[0]).toEqual(block);
        for (const [id, name] of [...known.user, ...known.group]) {
          expect(id > 0 && id < 2 ** 32 - 1).toBe(true);
          if (name !== null) expect(name).toMatch(/^[^:\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{1,256}$/u);
        }
        expect(lines.length).toBeGreaterThan(0);
      }),
      fuzz(800),
    );
  },
  fuzzTimeoutMs,
);

test('text of a source beside its entries is limited and holds no control characters', async () => {
  const esc = '\u001b[2J';
  const end = (more: object) =>
    `${headerLine(header)}${blockLine({ dir: 'data/0', entries: [] })}${blockLine({ dir: 'hints/0', entries: [] })}${endLine({ ...NOTHING, ...more })}`;
  const many = Array(5000).fill('x');
  for (const text of [
    headerLine({ ...header, agentId: 'x'.repeat(10_000) }),
    headerLine({ ...header, machine: 'x'.repeat(10_000) }),
    headerLine({ ...header, roots: [header.roots[0]!, header.roots[0]!] }),
    headerLine({
      ...header,
      roots: Array.from({ length: 1_001 }, (_, i) => ({ ...header.roots[0]!, key: `data/${i}` })),
    }),
    end({ devices: Object.fromEntries(Array.from({ length: 100_001 }, (_, i) => [`data/0/${i}`, '1'])) }),
    headerLine({ ...header, roots: [{ ...header.roots[0]!, ino: '9'.repeat(10_000) }] }),
    headerLine({ ...header, roots: [{ ...header.roots[0]!, path: 'x'.repeat(10_000) }] }),
    headerLine({ ...header, roots: [{ ...header.roots[0]!, uid: 2 ** 32 }] }),
    end({ unnameable: [esc] }),
    end({ unnameable: many }),
    end({ firstExcluded: many }),
    end({ firstErrors: many.map((key) => ({ key, message: 'EIO' })) }),
  ])
    expect(await read([sealListing(text)])).toMatchObject({ refused: 'protocol' });
});

const info: fc.Arbitrary<InstanceFileInfo> = fc.record({
  fileUrl: fc.string({ unit: 'binary', maxLength: 12 }),
  size: fc.oneof(fc.nat(1000), fc.constantFrom(-1, -2, 1.5, 2 ** 53, Number.MAX_SAFE_INTEGER)),
  fileType: fc.constantFrom('FILE' as const, 'DIRECTORY' as const),
  lastModifiedTime: fc.integer(),
});

async function readFiles(pieces: Uint8Array[]): Promise<{ files: InstanceFileInfo[]; refused?: string }> {
  const files: InstanceFileInfo[] = [];
  try {
    for await (const some of readFileList(stream(pieces))) files.push(...some);
    return { files };
  } catch (error) {
    return { files: [], refused: codeOf(error) };
  }
}

test(
  "a Sidecar's document, damaged and cut anywhere, is refused or adds up",
  async () => {
    const document = fc
      .tuple(fc.array(info, { maxLength: 6 }), fc.jsonValue(), fc.boolean())
      .map(([files, more, first]) => {
        const totalSize = files.reduce((sum, file) => sum + (file.fileType === 'FILE' ? file.size : 0), 0);
        return JSON.stringify(first ? { more, totalSize, files } : { files, more, totalSize });
      });
    await fc.assert(
      fc.asyncProperty(document, damage, cuts, async (text, harm, cut) => {
        const bytes = harm(Buffer.from(text));
        const seen = await readFiles(cut(bytes));
        expect(seen).toEqual(await readFiles([bytes]));
        if (seen.refused) return expect(seen.refused).toBe('protocol');
        const { files, totalSize } = JSON.parse(bytes.toString()); // what it takes for whole, JSON does too
        expect(seen.files).toHaveLength(files.length);
        const sizes = seen.files.map((file) => (file.fileType === 'FILE' ? file.size : 0));
        expect(sizes.reduce((a, b) => a + b, 0)).toBe(totalSize);
      }),
      fuzz(800),
    );
  },
  fuzzTimeoutMs,
);

test.each([
  ['one value', '{"files":[{"x":"'],
  ['a nest', `{"files":[${'['.repeat(900_000)}`],
  ['an endless row of members', `{"${Array.from({ length: 200_000 }, (_, i) => `m${i}":0,"`).join('')}`],
])('an endless Sidecar document is refused before it fills the memory: %s', async (_, text) => {
  const endless = async function* () {
    yield Buffer.from(text);
    for (let i = 0; i < 64; i++) yield Buffer.alloc(1 << 16, 'x');
  };
  const reading = (async () => {
    for await (const _files of readFileList(endless()));
  })();
  await expect(reading).rejects.toMatchObject({ code: 'protocol' });
});

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Bytes that `read` holds at most while it is given `count` pieces of one byte; garbage, which goes when the collector likes, is not counted. */
async function heldBytes(
  count: number,
  read: (chunks: AsyncIterable<Uint8Array>) => Promise<unknown>,
): Promise<number> {
  const held = () => {
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = held();
  let most = 0;
  const drip = async function* () {
    for (let i = 0; i < count; i++) {
      yield Uint8Array.of(0x78);
      if (i % 65_536 === 0) most = Math.max(most, held());
    }
  };
  await read(drip()).catch(() => {});
  return most - before;
}

longTest('a long line that comes byte by byte takes about its own length', async () => {
  const held = await heldBytes(400_000, async (chunks) => {
    for await (const _line of linesOf(chunks));
  });
  expect(held).toBeLessThan(8 << 20);
});

test(
  'a line of digests is refused, or one of those there are',
  () => {
    const line = fc.oneof(
      fc.json(),
      fc.constantFrom(
        '[0,"a"]',
        '[1,null,"changed","m"]',
        '[[0,"a",0],[1,"b",1,null,"7"]]',
        '{"type":"progress","bytes":1}',
        '{"type":"end","files":1}',
      ),
    );
    fc.assert(
      fc.property(line, damage, (text, harm) => {
        try {
          const counts = readDigestLines(harm(Buffer.from(text)).toString()).map((read) =>
            'index' in read ? read.index : read.type === 'end' ? read.files : read.bytes,
          );
          expect(counts.every((count) => Number.isSafeInteger(count) && count >= 0)).toBe(true);
        } catch (error) {
          expect(codeOf(error)).toBe('protocol');
        }
      }),
      fuzz(1_000),
    );
  },
  fuzzTimeoutMs,
);

test(
  'a target of whatever bytes names a place below a root by safe names, or is none',
  () => {
    const piece = fc.constantFrom(
      ...[
        '/',
        '//',
        '/.',
        '/..',
        '.',
        '%2e',
        '%2E',
        '%2f',
        '%5c',
        '%00',
        '%',
        '%c0%ae',
        '%ff',
        '%25',
        '?',
        '#',
        ';',
        'a',
      ],
      ...['\\', '*', 'http://h', ':', '@', '/data', '/0', '/api/v1/live-migration', '/files', '?only=', 'é', '\u0001'],
    );
    const target = fc.oneof(
      fc.array(piece, { maxLength: 12 }).map((pieces) => `/api/v1/live-migration/files/data/0${pieces.join('')}`),
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
      fc.string({ maxLength: 40 }),
    );
    fc.assert(
      fc.property(target, (text) => {
        const route = parseTarget(text);
        if (route?.name !== 'file' || 'problem' in route.path) return;
        for (const name of route.path.names) expect(name).toMatch(/^(?!\.{1,2}$)[^/\0]+$/);
      }),
      fuzz(5_000),
    );
  },
  fuzzTimeoutMs,
);
