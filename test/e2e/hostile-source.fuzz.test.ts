// A source that lies: whatever it answers, the client writes nothing outside its roots, ends soon, stays small and says why.

import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Block, endOfNothing, type ListingHeader, type Row } from '../../src/files/entry.js';
import { createXxh64 } from '../../src/files/xxh64.js';
import { FRAMES_CONTENT_TYPE, readFetchRequest, writeFrameHead } from '../../src/wire/frames.js';
import { blockLine, endLine, headerLine, LISTING_TYPE } from '../../src/wire/listing-lines.js';
import { damage, fuzz, fuzzTimeoutMs } from '../support/fuzz.js';
import type { Finished } from '../support/lm.js';
import { sandbox } from '../support/sandbox.js';

const CONTENT = 'canary';
/** Of the client's resident memory at its peak. */
const MOST_BYTES = 400 << 20;
const hash = createXxh64();

/** How a hostile source answers; what it leaves out, it answers as an honest one would. */
interface Lies {
  status?: (response: ServerResponse) => void;
  /** `times`: how often it has been asked before. */
  listing?: (response: ServerResponse, times: number) => void;
  fetch?: (response: ServerResponse, lengths: number[]) => void;
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

const listed =
  (...texts: (string | Buffer)[]) =>
  (response: ServerResponse, times: number): void => {
    response.writeHead(200, { 'content-type': LISTING_TYPE }).end(texts[Math.min(times, texts.length - 1)]);
  };

function frame(length: number): Buffer {
  const bytes = Buffer.alloc(length, CONTENT);
  hash.update(bytes);
  return Buffer.concat([writeFrameHead({ length }), bytes, Buffer.from([0]), ...(length > 0 ? [hash.digest()] : [])]);
}

const framed = (response: ServerResponse, bytes: Buffer): void =>
  void response.writeHead(200, { 'content-type': FRAMES_CONTENT_TYPE, 'content-length': bytes.length }).end(bytes);

async function answer(request: IncomingMessage, response: ServerResponse, lies: Lies, times: number): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  if (request.url!.endsWith('/status')) {
    if (lies.status) return lies.status(response);
    response.writeHead(200, { 'content-type': 'application/json', 'lm-agent': '1' });
    response.end('{"state":"NOT_COMPLETED","endTime":null}');
  } else if (request.url!.endsWith('/open-files')) {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"writers":[],"uninspected":[]}');
  } else if (request.url!.includes('/files')) {
    (lies.listing ?? listed(textOf(HONEST)))(response, times);
  } else {
    const unit = readFetchRequest(Buffer.concat(chunks));
    const parts = unit.dirs.flatMap(([, parts]) => parts);
    const lengths = unit.kind === 'range' ? [unit.length] : parts.map((part) => Number(part[1]));
    if (lies.fetch) lies.fetch(response, lengths);
    else framed(response, Buffer.concat(lengths.map(frame)));
  }
}

interface Ended extends Finished {
  peakBytes: number;
  /** What it says went wrong: stderr without hints, warnings, retries and what belongs to a line before. */
  said: string[];
}

/** A copy from such a source to a directory with a link out of it, which is the operator's to give away. */
async function copyFrom(lies: Lies, ...flags: string[]): Promise<Ended> {
  const { destination, defer } = sandbox();
  let times = 0;
  const server = createServer((request, response) => {
    const before = request.url!.includes('/files') ? times++ : times;
    response.on('error', () => {});
    answer(request, response, lies, before).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  defer(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const to = destination.write('data', { mine: 'mine' });
  mkdirSync(destination.path('beside'));
  for (const path of ['canary', 'beside/canary']) writeFileSync(destination.path(path), 'as it was', { mode: 0o600 });
  symlinkSync('../beside', destination.path('data/out'));
  const around = () => [readdirSync(destination.dir).sort(), readdirSync(destination.path('beside'))];
  const before = around();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const running = destination.start([
    'copy',
    url,
    to,
    '--adopt',
    '--max-delete',
    '100%',
    '--max-iterations',
    '2',
    '--allow-running',
    ...flags,
  ]);
  let ended = false;
  const done = running.done.finally(() => {
    ended = true;
  });
  let peakBytes = 0;
  const late = setTimeout(() => running.kill('SIGKILL'), 30_000);
  while (!ended) {
    try {
      const kb = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${running.pid}/status`, 'utf8'))?.[1];
      peakBytes = Math.max(peakBytes, Number(kb ?? 0) * 1024);
    } catch {} // gone in between
    await sleep(20);
  }
  clearTimeout(late);
  const finished = await done;
  expect(finished.signal).toBeNull();
  expect(around()).toEqual([[...new Set([...before[0]!, 'state'])].sort(), before[1]]);
  for (const path of ['canary', 'beside/canary'])
    expect(readFileSync(destination.path(path), 'utf8')).toBe('as it was');
  expect(finished.stdout + finished.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  expect(finished.stderr.length).toBeLessThan(20_000);
  expect(peakBytes).toBeLessThan(MOST_BYTES);
  const said = finished.stderr.split('\n').filter((line) => line !== '' && !/^(hint:|warning:|retry | )/.test(line));
  return { ...finished, peakBytes, said };
}

const inRoot = (...rows: Row[]): Lies => ({ listing: listed(textOf([{ dir: 'data/0', rows }])) });
const withRow = (at: number, value: string | number): Lies => inRoot(file('f').with(at, value) as Row);
const status =
  (headers: Record<string, string>, body: string) =>
  (response: ServerResponse): void =>
    void response.writeHead(200, headers).end(body);

/** Forty a turn, for ever. */
function drip(response: ServerResponse, piece: string | Buffer, pieces = Number.POSITIVE_INFINITY): void {
  let left = pieces;
  const pour = (): void => {
    for (let i = 0; i < 40 && left-- > 0; i++) response.write(piece);
    if (left <= 0) response.end();
    else if (!response.destroyed) setImmediate(pour);
  };
  pour();
}

function deep(levels: number): Block[] {
  const blocks: Block[] = [];
  for (let key = 'data/0', i = 0; i <= levels; i++, key += '/a')
    blocks.push({ dir: key, rows: i < levels ? [dir('a')] : [] });
  return blocks;
}

const noise = (response: ServerResponse): void =>
  void response
    .writeHead(200, { 'content-type': `text/\u009b31m`, 'content-length': 3, server: '\u009b2J' })
    .end('abc');

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
      listing: (response) => drip(response.writeHead(200, { 'content-type': LISTING_TYPE }), Buffer.alloc(60_000, 'x')),
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
    const { code, said } = await copyFrom(lies);
    expect(codes).toContain(code);
    expect(said).toHaveLength(1);
    expect(said[0]!.length).toBeLessThan(1_000);
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
  'whatever becomes of its listing and its frames on the way',
  async () => {
    await fc.assert(
      fc.asyncProperty(damage, damage, async (harmListing, harmFrames) => {
        const lies: Lies = {
          listing: listed(harmListing(Buffer.from(textOf(HONEST)))),
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
