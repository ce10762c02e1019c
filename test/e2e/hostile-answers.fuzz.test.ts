// A source that lies about digests and about who has its files open: nothing that is right is lost, nothing proved, and one line says why.

import type { ServerResponse } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SEALED_TYPE } from '../../src/wire/line-seals.js';
import { besieged, drip, noise, type Survived } from '../support/besieged.js';
import { sample } from '../support/form.js';
import { damage, fuzz, fuzzTimeoutMs } from '../support/fuzz.js';
import { answering, HONEST, honestDigests, type Lies, lines, linesOf, textOf } from '../support/hostile-agent.js';
import { sealListing, sealUp } from '../support/seal-up.js';

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
  test.each<[string, number, Lies]>(
    sample(3, [
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
    ]),
  )('%s: one line, and nothing changed', async (_, code, lies) => {
    const { said, ...survived } = await verifying(lies);
    expect({ ...survived, said }).toMatchObject({ code, said: [expect.anything()], changed: false });
    expect(said[0]!.length).toBeLessThan(1_000);
  });

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
  });
});

test('digests that are damaged each time are given up after five tries, the listing not begun again for them', async () => {
  let [listings, tries] = [0, 0];
  const lies: Lies = {
    listing(response) {
      listings++;
      lines(response, sealListing(textOf(HONEST)));
    },
    digests(response, sizes) {
      tries++;
      lines(response, sealUp(linesOf(honestDigests(sizes))).fill('x', 3, 4));
    },
  };
  const { code, said, changed } = await doubting(lies);
  expect({ code, said, changed, listings, tries }).toEqual({
    ...{ code: 5, said: [expect.stringMatching(/digests were damaged/)], changed: false },
    ...{ listings: 1, tries: 5 },
  });
});

const opened = (text: string | Buffer): Lies => ({ openFiles: (response) => lines(response, sealUp(text)) });
const WRITER = '{"pid":7,"command":"\\u001b[2J","path":"/d/\\u009b31m"}';

describe('lies about open files', () => {
  test.each<[string, number, Lies]>(
    sample(3, [
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
    ]),
  )('%s: no success, and one line', async (_, code, lies) => {
    const { said, ...survived } = await besieged({ respond: answering(lies) });
    expect(survived.code).toBe(code);
    expect(said).toHaveLength(1);
    expect(said[0]!.length).toBeLessThan(1_000);
  });
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
