// A source that lies about its files: whatever it lists and sends, the client writes nothing outside its roots, ends soon, stays small
// and says why.

import type { ServerResponse } from 'node:http';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Entry } from '../../src/files/entry.js';
import type { Block } from '../../src/files/listing.js';
import { blockLine } from '../../src/listing/listing-lines.js';
import { createSealer, SEALED_TYPE } from '../../src/wire/line-seals.js';
import { besieged, drip, noise, type Survived } from '../support/besieged.js';
import { sample } from '../support/form.js';
import { damage, fuzz, fuzzTimeoutMs } from '../support/fuzz.js';
import {
  answering,
  dir,
  file,
  frame,
  framed,
  HONEST,
  type Lies,
  lines,
  link,
  listed,
  textOf,
} from '../support/hostile-agent.js';
import { sealListing, sealUp } from '../support/seal-up.js';

/** A copy from such a source to a directory with a link out of it, which is the operator's to give away. */
const copyFrom = (lies: Lies, ...flags: string[]): Promise<Survived> =>
  besieged({ respond: answering(lies) }, ...flags);

const inRoot = (...entries: Entry[]): Lies => ({ listing: listed(textOf([{ dir: 'data/0', entries }])) });
const fileWith = (facts: Partial<Entry>): Lies => inRoot({ ...file('f'), ...facts });
const status =
  (headers: Record<string, string>, body: string) =>
  (response: ServerResponse): void =>
    void response.writeHead(200, headers).end(body);

/** Its patterns are about its own directory, whose name is its own to choose. */
const excluding = (...filesToExclude: string[]): Lies => ({
  listing: listed(
    textOf(HONEST)
      .replace('"filesToExclude":[]', `"filesToExclude":${JSON.stringify(filesToExclude)}`)
      .replace('"/srv"', `"/${'a'.repeat(60)}"`),
  ),
});

function deep(levels: number): Block[] {
  const blocks: Block[] = [];
  for (let key = 'data/0', i = 0; i <= levels; i++, key += '/a')
    blocks.push({ dir: key, entries: i < levels ? [dir('a')] : [] });
  return blocks;
}

test('an honest source of the same making is copied', async () => {
  expect(await copyFrom({})).toMatchObject({ code: 0 });
});

test.each<[string, number[], Lies]>(
  sample(3, [
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
        listing: (response) =>
          drip(response.writeHead(200, { 'content-type': SEALED_TYPE }), Buffer.alloc(60_000, 'x')),
      },
    ],
    ['a climb', [7], inRoot(file('../canary'))],
    ['an absolute name', [7], inRoot(file('/etc/passwd'))],
    ['..', [7], inRoot(dir('..'))],
    ['NUL in a link', [7], inRoot(link('l', 'a\0b'))],
    ['a link to nothing', [7], inRoot(link('l', ''))],
    ['a name of 2 MB', [7], inRoot(file('x'.repeat(2 << 20)))],
    ['a user beyond 2^32', [7], fileWith({ owner: { uid: 2 ** 32, gid: 0 } })],
    ['a size of twenty digits', [7], fileWith({ size: '9'.repeat(20) })],
    ['a mode beyond 2^32', [7], fileWith({ mode: 2 ** 40 + 0o100644 })],
    ['a directory of many levels', [7], { listing: listed(textOf(deep(4200))) }],
    ['patterns without number', [7], excluding(...Array(1_001).fill('glob:/x'))],
    ['a pattern that gets lost in any path', [7], excluding('regex:(.+)+x|(.+)+y')],
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
  ]),
)('%s: one line, and nothing outside', async (_, codes, lies) => {
  const { code, said, changed } = await copyFrom(lies);
  expect(codes).toContain(code);
  expect(said).toHaveLength(1);
  expect(said[0]!.length).toBeLessThan(1_000);
  if (!lies.fetch) expect(changed).toBe(false);
});

test('directories without end are told before the memory is full, whatever there is of it', async () => {
  const listing = async (response: ServerResponse): Promise<void> => {
    response.writeHead(200, { 'content-type': SEALED_TYPE });
    const seal = createSealer();
    const send = (text: string): boolean =>
      response.write(Buffer.concat([Buffer.from(text), seal([Buffer.from(text)])]));
    send(`${textOf(HONEST).split('\n', 1)[0]}\n`);
    for (let at = 1e9; !response.destroyed; at += 1_000) {
      const more = send(
        blockLine({ dir: 'data/0', entries: Array.from({ length: 1_000 }, (_, i) => dir(`${at + i}`)) }),
      );
      if (!more) await new Promise<void>((resolve) => response.once('drain', resolve)); // or never, when it is over
    }
  };
  const env = { NODE_OPTIONS: '--max-old-space-size=64' };
  const { code, said, changed } = await besieged({ respond: answering({ listing }), env });
  expect({ code, said, changed }).toEqual({
    ...{ code: 8, changed: false },
    said: [expect.stringMatching(/lists more than \d+ directories, for which this process has no memory/)],
  });
});

test('what was a link becomes a directory, and back, and a file below it is never written through the link', async () => {
  const asLink: Block[] = [{ dir: 'data/0', entries: [link('d', '../beside'), link('out', '../beside')] }];
  const asDirectory: Block[] = [
    { dir: 'data/0', entries: [dir('d'), dir('out')] },
    { dir: 'data/0/d', entries: [file('canary')] },
    { dir: 'data/0/out', entries: [file('canary'), dir('deeper')] },
    { dir: 'data/0/out/deeper', entries: [file('x')] },
  ];
  const turns = [asLink, asDirectory, asLink, asDirectory, asLink, asDirectory].map(textOf);
  const { code } = await copyFrom({ listing: listed(...turns) }, '--max-iterations', '4');
  expect([0, 3]).toContain(code);
});

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
