// Something that calls itself a Sidecar and lies: nothing is written outside the roots, nothing removed on the word of a document that
// cannot be right, and the run ends soon with one line that says why.

import type { ServerResponse } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { besieged, drip, noise, type Respond, type Survived } from '../support/besieged.js';
import { sample } from '../support/form.js';
import { damage, fuzz, fuzzTimeoutMs } from '../support/fuzz.js';

const P = '/api/v1/live-migration';
const FILES = `${P}/files`;
const BIG = 20 << 20;

type Info = Record<string, unknown>;

const info = (key: string, more: Info = {}): Info => ({
  ...{ fileUrl: `${FILES}/${key}`, size: 6, fileType: 'FILE', lastModifiedTime: 1_731_000_001_456, ...more },
});
const dir = (key: string, more: Info = {}): Info => info(key, { size: -1, fileType: 'DIRECTORY', ...more });
const HONEST: Info[] = [info('data/0/a'), dir('data/0/d'), info('data/0/d/x', { size: 3000 })];

/** As a Sidecar writes it; `files` may hold anything. */
function documentOf(files: unknown[], more: Info = {}): string {
  const sizes = (files as Info[]).map((file) => (file?.['fileType'] === 'FILE' ? Number(file['size']) : 0));
  return JSON.stringify({ files, totalSize: sizes.reduce((sum, size) => sum + size, 0), ...more });
}

/** How a hostile Sidecar answers; what it leaves out, it answers as an honest one would. */
interface Lies {
  status?: (response: ServerResponse) => void;
  listing?: (response: ServerResponse) => void;
  digest?: (response: ServerResponse) => void;
  /** `range`: the request's, if it has one. */
  file?: (response: ServerResponse, range: string | undefined) => void;
}

const json = (text: string | Buffer) => (response: ServerResponse) =>
  void response
    .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text);
const listed = (...files: unknown[]): Lies => ({ listing: json(documentOf(files)) });
const sized = (bytes: number) => (response: ServerResponse) =>
  void response.writeHead(200, { 'content-length': bytes }).end(Buffer.alloc(bytes, 'canary'));

function answering(lies: Lies): Respond {
  return ({ url = '', headers }, response) => {
    if (url === `${P}/status`) return (lies.status ?? json('{"state":"NOT_COMPLETED","endTime":null}'))(response);
    if (url === FILES) return (lies.listing ?? json(documentOf(HONEST)))(response);
    if (url.includes('?digestAlgorithm='))
      return (lies.digest ?? json('{"digest":"feed","digestAlgorithm":"xxhash32"}'))(response);
    if (url.includes('.lm-part')) return response.writeHead(404).end(); // it is not the destination
    if (lies.file) return lies.file(response, headers.range);
    return sized(url.endsWith('/x') ? 3000 : 6)(response);
  };
}

const copyFrom = (lies: Lies, ...flags: string[]): Promise<Survived> =>
  besieged({ respond: answering(lies) }, ...flags);

test('an honest Sidecar of the same making is copied', async () => {
  expect(await copyFrom({})).toMatchObject({ code: 0, changed: true });
});

const nest = (levels: number): Info[] => Array.from({ length: levels }, (_, i) => dir(`data/0${'/a'.repeat(i + 1)}`));

describe('a document that cannot be right', () => {
  test.each<[string, Lies]>(
    sample(3, [
      ['a climb', listed(info('data/0/../../canary'))],
      ['an empty name', listed(info('data/0//etc/passwd'))],
      ['an absolute path', listed(info('x', { fileUrl: '/etc/passwd' }))],
      ['a key of 100,000 characters', listed(info(`data/0/${'x/'.repeat(50_000)}y`))],
      ['a file twice', listed(info('data/0/a'), info('data/0/a'))],
      ['a file that is a directory too', listed(info('data/0/a'), dir('data/0/a'))],
      ['a file below a file', listed(info('data/0/a'), info('data/0/a/b'))],
      ['another total', { listing: json(documentOf(HONEST, { totalSize: 1 })) }],
      ['a total beyond exact numbers', { listing: json(documentOf(HONEST, { totalSize: 1e300 })) }],
      [
        'sizes whose sum is beyond exact numbers',
        listed(...['a', 'b', 'c'].map((n) => info(`data/0/${n}`, { size: 2 ** 52 }))),
      ],
      ['a negative size', listed(info('data/0/a', { size: -5 }))],
      ['a time after the year 5138', listed(info('data/0/a', { lastModifiedTime: Number.MAX_SAFE_INTEGER }))],
      ['a directory of many levels', listed(...nest(4_200))],
      ['half of it', { listing: json(documentOf(HONEST).slice(0, -40)) }],
      ['a deep nest', { listing: json(`{"files":[],"x":${'['.repeat(1 << 19)}`) }],
      ['a page', { listing: noise }],
      [
        'a value without end',
        {
          listing: (response) =>
            drip(response.writeHead(200, { 'content-type': 'application/json' }), '{"files":"xxxxx'),
        },
      ],
      ['a status without end', { status: (response) => drip(response.writeHead(200), '{'.repeat(1_000)) }],
      ['a status that is a page', { status: noise }],
    ]),
  )('%s: 7 and one line, nothing changed', async (_, lies) => {
    const { code, said, changed } = await copyFrom(lies);
    expect({ code, said, changed }).toEqual({ code: 7, said: [expect.anything()], changed: false });
    expect(said[0]!.length).toBeLessThan(1_000);
  });

  test('a directory that is not configured here: 2', async () => {
    const { code, said, changed } = await copyFrom(listed(info('commitlog/0/a')));
    expect({ code, said, changed }).toEqual({
      code: 2,
      said: [expect.stringContaining('commitlog/0')],
      changed: false,
    });
  });

  test('nothing, where something is here: 6', async () => {
    expect(await copyFrom(listed())).toMatchObject({ code: 6, said: [expect.anything()], changed: false });
  });

  test('a disk that could hold it is asked for first: 8', async () => {
    const { code, said, changed } = await copyFrom(listed(info('data/0/a', { size: Number.MAX_SAFE_INTEGER })));
    expect({ code, said, changed }).toEqual({
      code: 8,
      said: [expect.stringMatching(/space|room/)],
      changed: expect.any(Boolean),
    });
  });
});

test('a complete source with an end beyond the calendar is told as nonsense', async () => {
  for (const command of ['copy', 'verify']) {
    const lies: Lies = { status: json('{"state":"COMPLETED","endTime":9007199254740991}') };
    expect(await besieged({ respond: answering(lies), command: [command] })).toMatchObject({ code: 7, changed: false });
  }
});

const head =
  (status: number, headers: Record<string, string | number>, body: string | Buffer = '') =>
  (response: ServerResponse): void =>
    void response.writeHead(status, headers).end(body);

describe('a file that is not what the document said', () => {
  test.each<[string, number[], NonNullable<Lies['file']>]>(
    sample(3, [
      ['longer', [3], sized(7)],
      ['shorter', [3], sized(1)],
      ['gone', [3], head(404, { 'content-length': 0 })],
      ['forbidden', [3], head(403, { 'content-length': 0 })],
      ['elsewhere', [7], head(302, { location: 'http://127.0.0.1:1/', 'content-length': 0 })],
      ['of no length', [7], (response) => void response.writeHead(200).end('canary')],
      ['packed', [7], head(200, { 'content-encoding': 'gzip', 'content-length': 6 }, 'canary')],
      [
        'without end',
        [3],
        (response) => drip(response.writeHead(200, { 'content-length': 9e14 }), Buffer.alloc(60_000)),
      ],
      [
        'an error without end',
        [7],
        (response) => drip(response.writeHead(400, { 'content-length': 9e14 }), 'x'.repeat(60_000)),
      ],
      ['forbidden, with a word for the terminal', [3], head(403, { 'content-length': 23 }, '{"message":"\\u001b[2J"}')],
    ]),
  )('%s: never under its name', async (_, codes, file) => {
    const { code, said, stderr } = await copyFrom({ file });
    expect({ codes, stderr }).toEqual({ codes: expect.arrayContaining([code]), stderr });
    expect(said.length).toBeLessThan(10);
  });

  test.each<[string, (response: ServerResponse, first: number, length: number) => void]>(
    sample(3, [
      [
        'another range',
        (response, first, length) =>
          head(206, { 'content-range': `bytes ${first + 1}-${first + length}/${BIG}` }, Buffer.alloc(length))(response),
      ],
      ['no range', (response, _, length) => head(206, {}, Buffer.alloc(length))(response)],
      ['the whole of it', (response) => sized(BIG)(response)],
      [
        'a range that is too long',
        (response, first, length) =>
          head(
            206,
            { 'content-range': `bytes ${first}-${first + length}/${BIG}`, 'content-length': length + 1 },
            Buffer.alloc(length + 1),
          )(response),
      ],
    ]),
  )('%s of a big one: never under its name', async (_, answer) => {
    const lies: Lies = {
      ...listed(info('data/0/big', { size: 9 * BIG })),
      file(response, range) {
        const [first, last] = (/bytes=(\d+)-(\d+)/.exec(range ?? '') ?? []).slice(1).map(Number);
        answer(response, first ?? 0, (last ?? 0) - (first ?? 0) + 1);
      },
    };
    const { code } = await copyFrom(lies);
    expect([3, 7]).toContain(code);
  });
});

const HERE = { a: 'canary', d: { kind: 'dir', children: { x: 'canary'.repeat(500) } } } as const;

describe('lies about digests', () => {
  test.each<[string, number, NonNullable<Lies['digest']>]>(
    sample(3, [
      ['a false one', 4, json('{"digest":"feed","digestAlgorithm":"xxhash32"}')],
      ['one for the terminal', 4, json('{"digest":"\\u001b[2J","digestAlgorithm":"xxhash32"}')],
      ['another algorithm', 4, json('{"digest":"feed","digestAlgorithm":"\\u001b[2J"}')],
      ['a number', 7, json('{"digest":7,"digestAlgorithm":"xxhash32"}')],
      ['50,000 digits', 7, json(`{"digest":"${'f'.repeat(50_000)}","digestAlgorithm":"xxhash32"}`)],
      [
        'without end',
        7,
        (response) => drip(response.writeHead(200, { 'content-type': 'application/json' }), '{"digest":"'),
      ],
      ['a deep nest', 7, json('['.repeat(60_000))],
      ['a page', 7, noise],
    ]),
  )('%s: nothing is changed by verifying', async (_, code, digest) => {
    const survived = await besieged({ respond: answering({ digest }), here: HERE, command: ['verify'] });
    expect(survived).toMatchObject({ code, changed: false });
    if (code === 7) expect(survived.said).toHaveLength(1);
    expect(survived.stdout.length).toBeLessThan(20_000);
  });
});

/** One thing a document may get wrong; what it is replaced by may be anything. */
const wrong = fc.record({
  at: fc.nat(HONEST.length - 1),
  member: fc.constantFrom('fileUrl', 'size', 'fileType', 'lastModifiedTime'),
  by: fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(
      ...['data/0', 'data/0/a', 'data/0/d', 'data/0/a/x', 'data/0/..', 'data/1/a'].map((key) => `${FILES}/${key}`),
    ),
    fc.constantFrom(-1, 0, 1e300, -1e300, 2 ** 53, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
  ),
});

test(
  'whatever is in its document',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(wrong, { maxLength: 2 }), damage, fc.boolean(), async (wrongs, harm, damaged) => {
        const files = structuredClone(HONEST);
        for (const { at, member, by } of wrongs) files[at]![member] = by;
        const text = Buffer.from(documentOf(files));
        const { code, said, changed } = await copyFrom({ listing: json(damaged ? harm(text) : text) });
        expect([0, 2, 3, 5, 6, 7, 8]).toContain(code);
        expect(said.length).toBeLessThan(10);
        if (code === 2 || code === 7) expect(changed).toBe(false);
      }),
      fuzz(3),
    );
  },
  fuzzTimeoutMs,
);
