// A source that lies: whatever it answers, the client writes nothing outside its roots, ends soon, stays small and says why.

import type { ServerResponse } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Block, endOfNothing, type ListingHeader, type Row } from '../../src/files/entry.js';
import { createXxh64 } from '../../src/files/xxh64.js';
import { FRAMES_CONTENT_TYPE, readFetchRequest, TRAILER_STATUS, writeFrameHead } from '../../src/wire/frames.js';
import { blockLine, endLine, headerLine } from '../../src/wire/listing-lines.js';
import { readParts } from '../../src/wire/parts.js';
import { SEALED_TYPE } from '../../src/wire/sealed.js';
import { besieged, drip, noise, type Respond, type Survived } from '../support/besieged.js';
import { damage, fuzz, fuzzTimeoutMs } from '../support/fuzz.js';
import { sealListing, sealUp } from '../support/seal-up.js';

const CONTENT = 'canary';
const hash = createXxh64();

/** How a hostile source answers; what it leaves out, it answers as an honest one would. */
interface Lies {
  status?: (response: ServerResponse) => void;
  /** `times`: how often it has been asked before. */
  listing?: (response: ServerResponse, times: number) => void;
  fetch?: (response: ServerResponse, lengths: number[]) => void;
  digests?: (response: ServerResponse, sizes: number[]) => void;
  openFiles?: (response: ServerResponse) => void;
}

const header: ListingHeader = {
  ...{ protocol: 1, agentId: 'hostile', machine: 'm' },
  roots: [{ key: 'data/0', path: '/srv', ino: '2', mode: 0o40755, uid: 0, gid: 0 }],
  exclusions: { filesToExclude: [], dirsToExclude: [] },
};
const file = (name: string, size = 6): Row => [name, `${size}`, '1731000001456789012', 0o100644, '7', 0, 0];
const dir = (name: string): Row => [name, '0', '5000', 0o40755, '8', 0, 0];
const link = (name: string, target: string): Row => [name, '0', '5000', 0o120777, '9', 0, 0, target];
const HONEST: Block[] = [
  { dir: 'data/0', rows: [file('a'), dir('d'), link('l', 'a')] },
  { dir: 'data/0/d', rows: [file('x', 3000)] },
];

function textOf(blocks: Block[]): string {
  const rows = blocks.flatMap((block) => block.rows);
  const bytes = rows.reduce((sum, row) => sum + ((row[3] & 0o170000) === 0o100000 ? Number(row[1]) : 0), 0);
  return (
    headerLine(header) + blocks.map(blockLine).join('') + endLine({ ...endOfNothing(), entries: rows.length, bytes })
  );
}

const lines = (response: ServerResponse, bytes: Buffer): void =>
  void response.writeHead(200, { 'content-type': SEALED_TYPE }).end(bytes);

const listed =
  (...texts: string[]) =>
  (response: ServerResponse, times: number): void =>
    lines(response, sealListing(texts[Math.min(times, texts.length - 1)]!));

function frame(length: number): Buffer {
  const bytes = Buffer.alloc(length, CONTENT);
  hash.update(bytes);
  const status = Buffer.from([TRAILER_STATUS.asPromised]);
  return Buffer.concat([writeFrameHead({ length }), bytes, status, ...(length > 0 ? [hash.digest()] : [])]);
}

const framed = (response: ServerResponse, bytes: Buffer): void =>
  void response.writeHead(200, { 'content-type': FRAMES_CONTENT_TYPE, 'content-length': bytes.length }).end(bytes);

/** Digests of what an honest source would send. */
const honestDigests = (sizes: number[]): unknown[] => [
  ...sizes.map((size, index) => {
    hash.update(Buffer.alloc(size, CONTENT));
    return [index, Buffer.from(hash.digest()).reverse().toString('hex')];
  }),
  { type: 'end', files: sizes.length },
];

const linesOf = (values: unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');

function answering(lies: Lies): Respond {
  let listings = 0;
  return ({ url }, response, body) => {
    if (url!.endsWith('/status')) {
      if (lies.status) return lies.status(response);
      response.writeHead(200, { 'content-type': 'application/json', 'lm-agent': '1' });
      return response.end('{"state":"NOT_COMPLETED","endTime":null}');
    }
    if (url!.endsWith('/open-files')) {
      if (lies.openFiles) return lies.openFiles(response);
      return lines(response, sealUp('{"writers":[],"uninspected":[]}\n'));
    }
    if (url!.includes('/files')) return (lies.listing ?? listed(textOf(HONEST)))(response, listings++);
    if (url!.endsWith('/digests')) {
      const sizes = readParts(body).dirs.flatMap(([, parts]) => parts.map((part) => Number(part[1])));
      return lies.digests ? lies.digests(response, sizes) : lines(response, sealUp(linesOf(honestDigests(sizes))));
    }
    const unit = readFetchRequest(body);
    const parts = unit.dirs.flatMap(([, parts]) => parts);
    const lengths = unit.kind === 'range' ? [unit.length] : parts.map((part) => Number(part[1]));
    return lies.fetch ? lies.fetch(response, lengths) : framed(response, Buffer.concat(lengths.map(frame)));
  };
}

/** A copy from such a source to a directory with a link out of it, which is the operator's to give away. */
const copyFrom = (lies: Lies, ...flags: string[]): Promise<Survived> =>
  besieged({ respond: answering(lies) }, ...flags);

const inRoot = (...rows: Row[]): Lies => ({ listing: listed(textOf([{ dir: 'data/0', rows }])) });
const withRow = (at: number, value: string | number): Lies => inRoot(file('f').with(at, value) as Row);
const status =
  (headers: Record<string, string>, body: string) =>
  (response: ServerResponse): void =>
    void response.writeHead(200, headers).end(body);

function deep(levels: number): Block[] {
  const blocks: Block[] = [];
  for (let key = 'data/0', i = 0; i <= levels; i++, key += '/a')
    blocks.push({ dir: key, rows: i < levels ? [dir('a')] : [] });
  return blocks;
}

test('an honest source of the same making is copied', async () => {
  expect(await copyFrom({})).toMatchObject({ code: 0 });
});

test.each<[string, number[], Lies]>([
  [
    'a status of an unknown version',
    [7],
    { status: status({ 'lm-agent': '\u009b31m9' }, '{"state":"NOT_COMPLETED"}') },
  ],
  [
    'a status without end',
    [7],
    { status: (response) => drip(response.writeHead(200, { 'lm-agent': '1' }), '{'.repeat(1000)) },
  ],
  ['another program', [7], { status: noise }],
  ['a listing of another type', [7], { listing: noise }],
  [
    'a line without end',
    [7],
    {
      listing: (response) => drip(response.writeHead(200, { 'content-type': SEALED_TYPE }), Buffer.alloc(60_000, 'x')),
    },
  ],
  ['a climb', [7], inRoot(file('../canary'))],
  ['an absolute name', [7], inRoot(file('/etc/passwd'))],
  ['..', [7], inRoot(dir('..'))],
  ['NUL in a link', [7], inRoot(link('l', 'a\0b'))],
  ['a link to nothing', [7], inRoot(link('l', ''))],
  ['a name of 2 MB', [7], inRoot(file('x'.repeat(2 << 20)))],
  ['a user beyond 2^32', [7], withRow(5, 2 ** 32)],
  ['a size of twenty digits', [7], withRow(1, '9'.repeat(20))],
  ['a mode beyond 2^32', [7], withRow(3, 2 ** 40 + 0o100644)],
  ['a directory of many levels', [7], { listing: listed(textOf(deep(4200))) }],
  ['a root twice', [7], { listing: listed(textOf(HONEST).replace(/"roots":\[(.*?\})\]/, '"roots":[$1,$1]')) }],
  [
    'names that would move the cursor',
    [7],
    { listing: listed(textOf(HONEST).replace('"unnameable":[]', '"unnameable":["\\u001b[2J"]')) },
  ],
  ['counts beyond reason', [7], { listing: listed(textOf(HONEST).replace(/"entries":\d+/, '"entries":1e300')) }],
  ['frames that are none', [7], { fetch: (response) => framed(response, Buffer.alloc(9000, 0x7b)) }],
  [
    'frames of another length',
    [7],
    { fetch: (response, lengths) => framed(response, Buffer.concat(lengths.map((n) => frame(n + 1)))) },
  ],
  [
    'a frame too many',
    [7],
    { fetch: (response, lengths) => framed(response, Buffer.concat([...lengths, 1].map(frame))) },
  ],
  [
    'a frame too few',
    [7],
    { fetch: (response, lengths) => framed(response, Buffer.concat(lengths.slice(1).map(frame))) },
  ],
  ['frames of another type', [7], { fetch: noise }],
  [
    'an error without end',
    [7],
    { fetch: (response) => drip(response.writeHead(500, { 'content-length': 9e14 }), 'x'.repeat(60_000)) },
  ],
])(
  '%s: one line, and nothing outside',
  async (_, codes, lies) => {
    const { code, said, changed } = await copyFrom(lies);
    expect(codes).toContain(code);
    expect(said).toHaveLength(1);
    expect(said[0]!.length).toBeLessThan(1_000);
    if (!lies.fetch) expect(changed).toBe(false);
  },
  40_000,
);

test('what was a link becomes a directory, and back, and a file below it is never written through the link', async () => {
  const asLink: Block[] = [{ dir: 'data/0', rows: [link('d', '../beside'), link('out', '../beside')] }];
  const asDirectory: Block[] = [
    { dir: 'data/0', rows: [dir('d'), dir('out')] },
    { dir: 'data/0/d', rows: [file('canary')] },
    { dir: 'data/0/out', rows: [file('canary'), dir('deeper')] },
    { dir: 'data/0/out/deeper', rows: [file('x')] },
  ];
  const turns = [asLink, asDirectory, asLink, asDirectory, asLink, asDirectory].map(textOf);
  const { code } = await copyFrom({ listing: listed(...turns) }, '--max-iterations', '4');
  expect([0, 3]).toContain(code);
}, 40_000);

test(
  'whatever is in its listing and its frames',
  async () => {
    await fc.assert(
      fc.asyncProperty(damage, damage, async (harmListing, harmFrames) => {
        const lies: Lies = {
          listing: (response) => lines(response, sealListing(harmListing(Buffer.from(textOf(HONEST))))),
          fetch: (response, lengths) => framed(response, harmFrames(Buffer.concat(lengths.map(frame)))),
        };
        const { code, said } = await copyFrom(lies);
        expect([0, 3, 5, 6, 7, 8]).toContain(code);
        expect(said.length).toBeLessThan(10);
      }),
      fuzz(1),
    );
  },
  fuzzTimeoutMs,
);

test(
  'a listing that is damaged on the way each time it is asked for changes nothing here',
  async () => {
    await fc.assert(
      fc.asyncProperty(damage, async (harm) => {
        const sent = sealUp(...textOf(HONEST).split(/(?<=\n)/));
        const came = harm(sent);
        fc.pre(!came.subarray(0, sent.length).equals(sent));
        const { code, said, changed } = await copyFrom({ listing: (response) => lines(response, came) });
        expect({ code, said, changed }).toEqual({ code: 5, said: [expect.stringMatching(/listing/)], changed: false });
      }),
      fuzz(1),
    );
  },
  fuzzTimeoutMs,
);

/** As an honest copy leaves it, so that only the digests are left to ask for. */
const HERE = { a: 'xanary', d: { kind: 'dir', children: { x: 'x'.repeat(3000) } } } as const;
const doubting = (lies: Lies): Promise<Survived> =>
  besieged({ respond: answering(lies), here: HERE }, '--diff', 'checksum');
const verifying = (lies: Lies): Promise<Survived> =>
  besieged({ respond: answering(lies), here: HERE, command: ['verify'] });

test('an honest source is asked for digests, and copied where they differ', async () => {
  expect(await doubting({})).toMatchObject({ code: 0, changed: true });
  expect(await verifying({})).toMatchObject({ code: 4, changed: false });
});

const digested = (text: string | ((sizes: number[]) => string)) => ({
  digests: (response: ServerResponse, sizes: number[]) =>
    lines(response, sealUp(typeof text === 'string' ? text : text(sizes))),
});

describe('lies about digests', () => {
  test.each<[string, number, Lies]>([
    ['of a file nobody asked for', 7, digested(linesOf([[9, 'a']]))],
    ['of a file before the first', 7, digested(linesOf([[-1, 'a']]))],
    [
      'of a file twice',
      7,
      digested(
        linesOf([
          [0, 'a'],
          [0, 'a'],
        ]),
      ),
    ],
    ['of too few', 7, digested((sizes) => linesOf([{ type: 'end', files: sizes.length }]))],
    [
      'of more than there are',
      7,
      digested((sizes) => linesOf([...honestDigests(sizes).slice(0, -1), { type: 'end', files: 2 ** 52 }])),
    ],
    ['beyond any number', 7, digested('[1e300,"a"]\n')],
    ['of a megabyte', 7, digested(`[0,"${'a'.repeat(1 << 20)}"]\n`)],
    ['of no kind', 7, digested('{"type":"surprise"}\n')],
    ['in a deep nest', 7, digested(`${'['.repeat(1 << 20)}\n`)],
    ['in no text', 7, { digests: (response) => lines(response, sealUp(Buffer.from([0xff, 10]))) }],
    [
      'in a line without end',
      7,
      {
        digests: (response) =>
          drip(response.writeHead(200, { 'content-type': SEALED_TYPE }), Buffer.alloc(60_000, 'x')),
      },
    ],
    [
      'in lines without a checksum',
      7,
      {
        digests: (response) =>
          drip(response.writeHead(200, { 'content-type': SEALED_TYPE }), Buffer.alloc(60_000, '\n')),
      },
    ],
    ['as a page', 7, { digests: noise }],
  ])(
    '%s: one line, and nothing changed',
    async (_, code, lies) => {
      for (const run of [doubting, verifying]) {
        const survived = await run(lies);
        expect(survived).toMatchObject({ code, said: [expect.anything()], changed: false });
        expect(survived.said[0]!.length).toBeLessThan(1_000);
      }
    },
    60_000,
  );

  test('false ones cost a transfer, and no file; what they say is told without its control characters', async () => {
    const lying = digested((sizes) =>
      linesOf([...sizes.map((__, i) => [i, i === 0 ? '\u001b[2J' : 'feed']), { type: 'end', files: sizes.length }]),
    );
    const { code, tree } = await doubting(lying);
    expect({ code, tree }).toMatchObject({ code: 3, tree: { a: { size: 6 }, 'd/x': { size: 3000 } } });
    expect((await verifying(lying)).code).toBe(4);
    const refusing = digested((sizes) =>
      linesOf([...sizes.map((__, i) => [i, null, 'failed', '\u001b[2J']), { type: 'end', files: sizes.length }]),
    );
    expect(await verifying(refusing)).toMatchObject({ code: 4, changed: false });
  }, 60_000);
});

const opened = (text: string | Buffer): Lies => ({ openFiles: (response) => lines(response, sealUp(text)) });
const WRITER = '{"pid":7,"command":"\\u001b[2J","path":"/d/\\u009b31m"}';

describe('lies about open files', () => {
  test.each<[string, number, Lies]>([
    ['a writer that would clear the screen', 6, opened(`{"writers":[${WRITER}],"uninspected":[]}\n`)],
    [
      'a hundred thousand writers',
      6,
      opened(`{"writers":[${Array(100_000).fill(WRITER).join(',')}],"uninspected":[]}\n`),
    ],
    ['a process before the first', 7, opened('{"writers":[],"uninspected":[{"pid":-1,"command":"x"}]}\n')],
    [
      'a command of a megabyte',
      7,
      opened(`{"writers":[],"uninspected":[{"pid":1,"command":"${'x'.repeat(1 << 20)}"}]}\n`),
    ],
    ['nothing in it', 7, opened('{}\n')],
    ['a list', 7, opened('[]\n')],
    ['a deep nest', 7, opened(`${'['.repeat(1 << 20)}\n`)],
    ['half of it', 7, opened('{"writers":[\n')],
    ['a page', 7, { openFiles: noise }],
    [
      'a line without end',
      7,
      {
        openFiles: (response) =>
          drip(response.writeHead(200, { 'content-type': SEALED_TYPE }), Buffer.alloc(60_000, 'x')),
      },
    ],
  ])(
    '%s: no success, and one line',
    async (_, code, lies) => {
      const { said, ...survived } = await copyFrom(lies);
      expect(survived.code).toBe(code);
      expect(said).toHaveLength(1);
      expect(said[0]!.length).toBeLessThan(1_000);
    },
    40_000,
  );
});

test(
  'whatever is in its digests and its report on open files',
  async () => {
    const report = Buffer.from(`{"writers":[${WRITER}],"uninspected":[{"pid":1,"command":"init"}]}\n`);
    await fc.assert(
      fc.asyncProperty(damage, damage, fc.boolean(), async (harmDigests, harmReport, onTheWay) => {
        const send = (response: ServerResponse, bytes: Buffer, harm: typeof harmReport) =>
          lines(response, onTheWay ? harm(sealUp(bytes)) : sealUp(harm(bytes)));
        const lies: Lies = {
          digests: (response, sizes) => send(response, Buffer.from(linesOf(honestDigests(sizes))), harmDigests),
          openFiles: (response) => send(response, report, harmReport),
        };
        const { code, said } = await doubting(lies);
        expect([0, 3, 5, 6, 7]).toContain(code);
        expect(said.length).toBeLessThan(3);
        const verified = await verifying(lies);
        expect([4, 5, 7]).toContain(verified.code);
        expect(verified.changed).toBe(false);
      }),
      fuzz(1),
    );
  },
  fuzzTimeoutMs,
);
