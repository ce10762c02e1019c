// What moves of a big file of which another state is here: pages, and not much beside them. Counted on the line, in both directions.

import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { IS_ROOT } from '../support/as-user.js';
import { changePages, type Mend, mender, writePages } from '../support/basis.js';
import { flipBit } from '../support/flip-bit.js';
import { LONG, sample } from '../support/form.js';
import { longTest } from '../support/long-test.js';
import { sandbox } from '../support/sandbox.js';
import { settled } from '../support/settled.js';

const PAGE = 8 << 10;
const MIB = 1 << 20;

/** A GiB takes a minute; a sixteenth of it shows the same. */
const SIZE = LONG ? 1024 * MIB : 64 * MIB;
const SHARE = (1024 * MIB) / SIZE;

async function twoStates(bytes: number): Promise<{ now: string; basis: string; mend: Mend }> {
  const box = sandbox();
  const from = box.source.write('data', {});
  box.destination.write('spool', {});
  const [now, basis] = [`${from}/big`, `${box.dir}/basis`];
  writePages(basis, bytes);
  copyFileSync(basis, now);
  return { now, basis, mend: await mender(box, from) };
}

test.each(
  sample(2, [
    [100, 2],
    [1_000, 16],
  ] as const),
)('a GiB in which %d pages differ moves at most %d MiB', async (pages, mib) => {
  const { now, basis, mend } = await twoStates(SIZE);
  const changed = changePages(now, Math.round(pages / SHARE));
  const { isEqual, passed, received, done, counts } = await mend(basis, now, { concurrency: 4 });
  expect({ isEqual, received, done }).toEqual({ isEqual: true, received: changed.length * PAGE, done: 0 });
  expect(passed).toBeGreaterThan(changed.length * PAGE);
  expect(passed).toBeLessThanOrEqual((mib * MIB) / SHARE);
  expect(counts).toMatchObject({ filesDownloaded: 1, bytesReused: SIZE - received });
});

test('what is appended moves, and less than a MiB beside it', async () => {
  const { now, basis, mend } = await twoStates(SIZE + 12_345);
  const more = 3 * MIB + 77;
  appendFileSync(now, readFileSync(now).subarray(0, more));
  const { isEqual, passed, done } = await mend(basis, now, { concurrency: 4 });
  expect({ isEqual, done }).toEqual({ isEqual: true, done: 0 });
  expect(passed).toBeLessThan(more + MIB);
});

test('so it is where an older version is published, of which the last block was short', async () => {
  const { now, basis, mend } = await twoStates(4 * MIB + 12_345);
  appendFileSync(now, Buffer.alloc(3 * PAGE, 'more'));
  const { isEqual, received } = await mend(basis, now, { older: basis, isUnknown: true });
  expect(isEqual).toBe(true);
  expect(received).toBeLessThanOrEqual(5 * PAGE);
});

/** Ends of the heads of HTTP in what passed, and so where bodies begin. */
function bodiesOf(text: Buffer): number[] {
  const starts: number[] = [];
  for (let at = text.indexOf('\r\n\r\n'); at >= 0; at = text.indexOf('\r\n\r\n', at + 4)) starts.push(at + 4);
  return starts;
}

describe('one flipped bit', () => {
  const BLOCKS = 20;
  const CHANGED = 12;

  async function prepared() {
    const states = await twoStates(BLOCKS * MIB);
    changePages(states.now, CHANGED);
    const [answers, requests]: [Buffer[], Buffer[]] = [[], []];
    const heard = (answer: Buffer): void => void answers.push(Buffer.from(answer));
    const asked = (request: Buffer): void => void requests.push(Buffer.from(request));
    const sound = await states.mend(states.basis, states.now, { heard, asked });
    expect(sound).toMatchObject({ isEqual: true, received: CHANGED * PAGE, done: 0, retried: [] });
    return { ...states, sound, answers: Buffer.concat(answers), requests: Buffer.concat(requests) };
  }

  /** Where a body begins in the answers: the seals alone, and the pages. */
  const HEAD = 5;
  const table = (blocks: number): number => 8 + 1 + 25 * blocks + 8;

  /** What one more request and its answer have beside pages: heads, and hashes of all blocks. */
  const HEADS = 1_000 + 512 * BLOCKS;

  test('on the line is found wherever it is, and costs a page at most', async () => {
    const { now, basis, mend, sound, answers, requests } = await prepared();
    const [, seals, pages] = bodiesOf(answers) as [number, number, number];
    const [, range, hashes] = bodiesOf(requests) as [number, number, number];
    const blocks = (requests.length - hashes) >> 9;
    const inAnswer = [
      ...[0, 1, 4].map((at) => ['the head of the seals', seals + at] as const),
      ...[0, 1, 8, 9 * 7, 9 * 7 + 3].map((at) => ['a seal', seals + HEAD + at] as const),
      ...[0, 2].map((at) => ['the head of the pages', pages + at] as const),
      ...[0, 7].map((at) => ['the digest of the request', pages + HEAD + at] as const),
      ['the number of blocks', pages + HEAD + 8] as const,
      ...[9, 10, 9 + 25].map((at) => ['a seal of the table', pages + HEAD + at] as const),
      ...[18, 33].map((at) => ['a bitmap', pages + HEAD + at] as const),
      ['the checksum of the table', pages + HEAD + table(blocks) - 1] as const,
      ...[0, PAGE - 1, PAGE, 5 * PAGE].map((at) => ['a page', pages + HEAD + table(blocks) + at] as const),
    ];
    for (const [what, at] of sample(3, inAnswer)) {
      const { isEqual, done, received, passed } = await mend(basis, now, { flipAt: at });
      const more = what === 'a page' ? PAGE : 0;
      const due = { what, at, isEqual: true, done: 0, received: CHANGED * PAGE + more };
      expect({ what, at, isEqual, done, received }).toEqual(due);
      expect([what, at, passed < sound.passed + more + HEADS]).toEqual([what, at, true]);
    }
    const text = requests.indexOf('{"kind":"pages"', hashes);
    const inRequest = [
      ['a hash', requests.length - 1],
      ['the seals that are asked for', requests.indexOf('"alone"', range) + 1],
      ['where they begin', requests.indexOf('"offset":', range) + 9],
      ['the name of the file', requests.indexOf('"big"', text) + 1],
      ['the length of the text', hashes],
      ['the kind', text + 12],
      ['how many seals are asked for', requests.indexOf('"length":', range) + 9],
      ['the blocks that are asked for', requests.indexOf('"blocks":[[', text) + 11],
      ['the size of the file', requests.indexOf('"big"', text) + 7],
    ] as const;
    for (const [what, at] of sample(3, inRequest)) {
      const { isEqual, done, received, passed } = await mend(basis, now, { flipRequestAt: at });
      const seen = { what, at, isEqual, done, received };
      expect(seen).toEqual({ what, at, isEqual: true, done: 0, received: CHANGED * PAGE });
      expect([what, at, passed < sound.passed + HEADS]).toEqual([what, at, true]);
    }
  }, 300_000);

  test('in the seal of a block of zeros costs nothing', async () => {
    const { now, basis, mend } = await twoStates(4 * MIB);
    for (const path of [now, basis]) writeAt(path, MIB, '\0'.repeat(MIB));
    const answers: Buffer[] = [];
    await mend(basis, now, { heard: (answer) => void answers.push(Buffer.from(answer)) });
    const [, seals] = bodiesOf(Buffer.concat(answers)) as [number, number];
    for (const at of [0, 3]) {
      const { isEqual, received } = await mend(basis, now, { flipAt: seals + HEAD + 9 + at });
      expect({ at, isEqual, received }).toEqual({ at, isEqual: true, received: 0 });
    }
  });

  test('in what is here costs a page, also in the middle of a patch', async () => {
    const { now, basis, mend } = await prepared();
    const flip = (part: string, at: number): void => flipBit(part, at);
    const atRest = await mend(basis, now, { begin: ({ part }) => flip(part, 3 * MIB + 5) });
    expect(atRest).toMatchObject({ isEqual: true, done: 0 });
    expect(atRest.received).toBeLessThanOrEqual((CHANGED + 1) * PAGE);

    let part = '';
    const between = await mend(basis, now, {
      begin: (made) => {
        part = made.part;
      },
      asked: (request) => {
        const at = request.indexOf('"blocks":[[');
        if (at >= 0) flip(part, Number(/\d+/.exec(request.toString('latin1', at))) * MIB + 1); // its pages have been hashed
      },
    });
    expect(between).toMatchObject({ isEqual: true, done: 0 });
    expect(between.received).toBe((CHANGED + 1) * PAGE);
  }, 300_000);
});

describe('a patch', () => {
  test('of a file that changes meanwhile is a basis, and nothing is published', async () => {
    const { now, basis, mend } = await twoStates(20 * MIB);
    changePages(now, 30);
    let isLate = false;
    const seen = await mend(basis, now, {
      asked(request) {
        if (isLate || !request.includes('"kind":"pages"')) return;
        isLate = true;
        changePages(now, 1, 9);
      },
    });
    expect(seen).toMatchObject({ problem: { result: 'changed' }, isEqual: false });
    expect(seen.journal.at(-1)).toBe('kept');
    expect(seen.counts).toMatchObject({ filesChanged: 1, filesDownloaded: 0 });
  });

  test('whose answer is cut goes on with what is missing', async () => {
    const { now, basis, mend } = await twoStates(20 * MIB);
    changePages(now, 60);
    let answered = 0;
    const count = (bytes: number): void => {
      answered += bytes;
    };
    await mend(basis, now, { heard: ({ length }) => count(length) });
    const seen = await mend(basis, now, { cutAfter: answered - 20 * PAGE });
    expect(seen).toMatchObject({ isEqual: true, done: 0 });
    expect(seen.retried).toHaveLength(1);
  });

  test('is announced in the journal before it is written, and recorded once it is proved', async () => {
    const { now, basis, mend } = await twoStates(4 * MIB);
    changePages(now, 1);
    await settled(dirname(now));
    const { journal } = await mend(basis, now);
    const begun = journal.findIndex((line) => line.startsWith('begun'));
    expect(journal[begun]).toMatch(/^begun [0-3] 1$/);
    expect(journal.slice(begun + 1)).toEqual([journal[begun]!.replace('begun', 'done'), 'ended']);
  });

  test('of adjoining blocks is announced at once', async () => {
    const { now, basis, mend } = await twoStates(8 * MIB);
    for (const block of [2, 3, 4, 6]) writeAt(now, block * MIB, 'page');
    const { isEqual, journal } = await mend(basis, now);
    expect(isEqual).toBe(true);
    expect(journal.filter((line) => line.startsWith('begun'))).toEqual(['begun 2 3', 'begun 6 1']);
  });

  test('is of no use with an agent that knows none: the blocks come whole', async () => {
    const { now, basis, mend } = await twoStates(20 * MIB);
    changePages(now, 3);
    const { isEqual, received, done } = await mend(basis, now, { withoutPages: true });
    expect({ isEqual, done }).toEqual({ isEqual: true, done: 0 });
    expect(received % MIB).toBe(0);
  });
});

describe('a file that is young', () => {
  test('is compared once more before it is published', async () => {
    const { now, basis, mend } = await twoStates(4 * MIB);
    changePages(now, 3);
    const asked: string[] = [];
    const { isEqual, received, done, counts } = await mend(basis, now, {
      asked: (request) => asked.push(...(`${request}`.match(/"seals":"alone"|"kind":"pages"/g) ?? [])),
    });
    expect(asked).toEqual(['"seals":"alone"', '"kind":"pages"', '"seals":"alone"']);
    expect({ isEqual, received, done }).toEqual({ isEqual: true, received: 3 * PAGE, done: 0 });
    expect(counts).toMatchObject({ filesDownloaded: 1, bytesReused: 4 * MIB - received });
  });

  if (!IS_ROOT) process.stderr.write('not run: a file whose ctime stays as it is, for want of root\n');

  (IS_ROOT ? longTest : test.skip)(
    'and was written to between two reads, which left it the same times, is a basis',
    async () => {
      const box = sandbox();
      const from = box.source.path('data');
      mkdirSync(from);
      box.destination.write('spool', {});
      mountWithoutNanoseconds(box, from);
      const [now, basis] = [`${from}/big`, `${box.dir}/basis`];
      writePages(basis, 8 * MIB);
      copyFileSync(basis, now);
      const write = (text: string, ...blocks: number[]): void => {
        for (const block of blocks) writeAt(now, block * MIB, text);
        utimesSync(now, 1_000_000, 1_000_000);
      };
      const mend = await mender(box, from);
      let ctimes: number[] = [];
      const look = (): number => ctimes.push(statSync(now).ctimeMs);
      const changing = async () => {
        ctimes = [];
        copyFileSync(basis, now);
        utimesSync(now, 1_000_000, 1_000_000);
        return await mend(basis, now, {
          begin() {
            while (Date.now() % 1_000 > 20); // a second lies before us
            write('one', 6);
            look();
          },
          asked(request) {
            if (!request.includes('"kind":"pages"')) return;
            write('two', 1, 6); // the first of them has been compared
            look();
          },
        });
      };
      let seen = await changing();
      while (ctimes[1] !== ctimes[0]) seen = await changing(); // this host was too busy
      expect(seen).toMatchObject({ problem: { result: 'changed' }, isEqual: false });
      expect(seen.journal.at(-1)).toBe('kept');

      expect(await mend(basis, now)).toMatchObject({ isEqual: true });
    },
  );
});

test('a hole of an older version leaves nothing in a part of which nothing is known', async () => {
  const { now, basis, mend } = await twoStates(4 * MIB);
  const older = `${basis}-older`;
  for (const path of [now, older]) {
    truncateSync(path === now ? path : openEmpty(path), 0);
    truncateSync(path, 4 * MIB);
    writeAt(path, 0, 'data');
  }
  const { isEqual, received } = await mend(basis, now, { older, isUnknown: true });
  expect({ isEqual, received }).toEqual({ isEqual: true, received: 0 });
});

test('a hole that a file has got since is one here, in whole blocks and in pages', async () => {
  const { now, basis, mend } = await twoStates(6 * MIB);
  const punch = (offset: number, bytes: number) =>
    execFileSync('fallocate', ['--punch-hole', '--offset', `${offset}`, '--length', `${bytes}`, now]);
  punch(MIB, 2 * MIB + 16 * PAGE);
  writeAt(basis, 4 * MIB, '\0'.repeat(MIB)); // as it came while it was torn
  punch(4 * MIB, MIB);
  writeAt(now, 5 * MIB, 'page');
  let to = '';
  const { isEqual, received } = await mend(basis, now, {
    begin({ part }) {
      to = dirname(part);
    },
  });
  expect({ isEqual, received }).toEqual({ isEqual: true, received: 17 * PAGE });
  const moreBytes = (statSync(`${to}/big`).blocks - statSync(now).blocks) * 512;
  expect(moreBytes).toBeLessThan(8 * PAGE); // the map of its blocks, which may be longer: half of the smallest hole
});

function writeAt(path: string, offset: number, text: string): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, text, offset);
  closeSync(fd);
}

function openEmpty(path: string): string {
  closeSync(openSync(path, 'w'));
  return path;
}

/** Mounts an ext4 whose inodes are too short for more than the seconds of times. */
function mountWithoutNanoseconds(box: ReturnType<typeof sandbox>, at: string): void {
  const image = `${box.dir}/image`;
  truncateSync(openEmpty(image), 64 * MIB);
  execFileSync('mkfs.ext4', ['-q', '-I', '128', image], { stdio: 'ignore' });
  execFileSync('mount', ['-o', 'loop', image, at]);
  box.defer(() => execFileSync('umount', ['--lazy', at]));
}
