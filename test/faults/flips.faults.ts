// One bit is another: in the bytes here that serve a file's new state, at rest or in the middle of a patch, or in what is said of them on the
// line. The copy finds it, ends exact, and fetches the page in which it is.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { HAS_BTRFS } from '../support/btrfs.js';
import { flipBit } from '../support/flip-bit.js';
import type { Finished } from '../support/lm.js';
import {
  CHANGED_BLOCKS,
  type Delta,
  type Deltas,
  DUE,
  expectSame,
  type Here,
  PAGE,
  pageAt,
  receivedBy,
  startDeltas,
} from './delta.js';
import { chance, describeIf, inForm, tally } from './form.js';
import { type Answer, startHostileProxy } from './hostile-proxy.js';

let deltas: Deltas;

beforeAll(async () => {
  deltas = await startDeltas();
});

afterAll(() => deltas.close());

/** In a block of which all else is the source's, and in one of which another page is not. */
const AT_REST = [pageAt(2) + 17, pageAt(5) + 3 * PAGE];

const SEALS = '"seals":"alone"';
const PAGES = '"kind":"pages"';

async function ends(all: Delta, ended: Finished, due: number): Promise<void> {
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect(receivedBy(ended)).toBeLessThanOrEqual(due);
  await expectSame(all.to, all.from);
}

/** Copies over a line; `act` is called once, before the first request with `text` is passed on. */
async function copyWith(all: Delta, text: string, act: (request: Buffer) => void): Promise<Finished> {
  let isDone = false;
  const line = await all.proxy(deltas.url, {
    asked(request) {
      if (isDone || !request.includes(text)) return;
      isDone = true;
      act(request);
    },
  });
  const ended = await all.copy({ url: line.url });
  expect(isDone).toBe(true);
  return ended;
}

const cases = (here: Here): void => {
  test(`in a ${here} at rest: its page comes`, async () => {
    const all = await deltas.begin(here);
    for (const at of AT_REST) flipBit(here === 'basis' ? all.part : join(all.to, 'big'), at);
    const ended = await all.copy();
    expect(ended.stdout.includes('of older versions here were cloned')).toBe(here === 'clone');
    expect(receivedBy(ended)).toBe(DUE + AT_REST.length * PAGE);
    await ends(all, ended, DUE + AT_REST.length * PAGE);
    tally('other faults', `bit flipped in a ${here}`);
  });

  test(`in a ${here} that is being patched: its page comes`, async () => {
    const all = await deltas.begin(here);
    const ended = await copyWith(all, PAGES, () => {
      flipBit(all.part, pageAt(CHANGED_BLOCKS[1]!) + 4 * PAGE);
      expect(all.older?.equals(readFileSync(join(all.to, 'big')))).toBe(here === 'basis' ? undefined : true);
    });
    expect(receivedBy(ended)).toBe(DUE + PAGE);
    await ends(all, ended, DUE + PAGE);
    tally('other faults', `bit flipped in a patched ${here}`);
  });
};

describe('a bit is flipped here', () => {
  for (const here of ['version', 'basis'] as const) cases(here);
});

describeIf(HAS_BTRFS, 'a bit is flipped here, where there are reflinks', 'root and mkfs.btrfs', () => {
  cases('clone');

  test('in a clone before it is compared: its page comes, and the published version has no part in it', async () => {
    const all = await deltas.begin('clone');
    const ended = await copyWith(all, SEALS, () => {
      flipBit(all.part, AT_REST[0]!);
      expect(all.older?.equals(readFileSync(join(all.to, 'big')))).toBe(true);
    });
    expect(receivedBy(ended)).toBe(DUE + PAGE);
    await ends(all, ended, DUE + PAGE);
    tally('other faults', 'bit flipped in a clone');
  });
});

describe('a bit is flipped on the line', () => {
  const HERES = HAS_BTRFS ? (['clone', 'version', 'basis'] as const) : (['version', 'basis'] as const);
  const FRAME_HEAD = 5;
  /** In front of the pages: the digest of the request, the number of blocks, a row for each, and a checksum. */
  const TABLE = 8 + 1 + 25 * CHANGED_BLOCKS.length + 8;

  /** What passes beside pages at most: statuses, listings, seals, heads. */
  const BESIDE = 64 << 10;

  test.each([
    { what: 'the seals', of: SEALS, from: () => 0, to: ({ bodyBytes }: Answer) => bodyBytes!, more: 0 },
    { what: 'the table of pages', of: PAGES, from: () => 0, to: () => FRAME_HEAD + TABLE, more: 0 },
    {
      ...{ what: 'a page', of: PAGES, from: () => FRAME_HEAD + TABLE, to: ({ bodyBytes }: Answer) => bodyBytes! },
      more: PAGE,
    },
  ])('in $what', async ({ what, of, from, to, more }) => {
    const draw = chance(`flips in ${what}`);
    for (let round = 0; round < inForm(30, 1); round++) {
      const all = await deltas.begin(draw.pick(HERES));
      let isDone = false;
      const line = await startHostileProxy(deltas.url, {
        during(answer) {
          if (isDone || !answer.text.includes(of)) return undefined;
          isDone = true;
          const at = answer.headBytes + from() + draw.below(to(answer) - from());
          return { do: 'flip', at, bit: draw.below(8) };
        },
      });
      all.defer(() => line.stop());
      await ends(all, await all.copy({ url: line.url }), DUE + more);
      expect(line.done).toEqual(['flip']);
      expect(line.passed()).toBeLessThan(DUE + more + BESIDE);
      tally('other faults', `bit flipped in ${what}`);
    }
  });

  test.each([
    {
      what: 'a hash of a page',
      of: PAGES,
      from: ({ length }: Buffer) => length - 512 * CHANGED_BLOCKS.length,
      to: ({ length }: Buffer) => length,
    },
    {
      what: 'what pages are asked for',
      of: PAGES,
      from: (request: Buffer) => request.indexOf(PAGES) - 5,
      to: ({ length }: Buffer) => length - 512 * CHANGED_BLOCKS.length,
    },
    {
      what: 'what seals are asked for',
      of: SEALS,
      from: (request: Buffer) => request.indexOf('{"kind"'),
      to: ({ length }: Buffer) => length,
    },
  ])('in $what', async ({ what, of, from, to }) => {
    const draw = chance(`flips in ${what}`);
    for (let round = 0; round < inForm(30, 1); round++) {
      const all = await deltas.begin(draw.pick(HERES));
      const ended = await copyWith(all, of, (request) => {
        request[from(request) + draw.below(to(request) - from(request))]! ^= 1 << draw.below(8);
      });
      await ends(all, ended, DUE);
      tally('other faults', `bit flipped in ${what}`);
    }
  });
});
