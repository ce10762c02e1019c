import { describe, expect, test } from '@jest/globals';
import { pacedReads, readInTime, turnOf } from '../../src/pace/paced-reads.js';
import { bookedIn, createPace, createPacer, setLimit } from '../../src/pace/rate.js';

const none = (): void => {};

describe('pacedReads', () => {
  test('without a pace there is nothing to call', () => expect(pacedReads([], none)).toBeUndefined());

  test('waits, so that what is read stays below the limit', () => {
    const rate = 4 << 20;
    const wait = pacedReads([createPace(rate)], none)!;
    const begun = performance.now();
    let read = 0;
    for (; read < 1 << 20; read += 256 << 10) wait(256 << 10);
    const seconds = (performance.now() - begun) / 1000;
    expect(read).toBeLessThanOrEqual(rate * (seconds + 0.05) * 1.5);
  });

  test('books a read piece by piece: others wait for two pieces, each of a tenth of a second, at most', () => {
    const pace = createPace(2 << 20);
    const other = createPacer([pace]);
    let longest = 0;
    const wait = pacedReads([pace], () => {
      longest = Math.max(longest, other.take(0));
    })!;
    wait(512 << 10);
    wait(512 << 10);
    expect(longest).toBeLessThanOrEqual(201);
    expect(bookedIn(pace)).toBe(1 << 20);
  });

  test('ends in the middle of a long wait once nobody waits for the bytes', () => {
    const gone = new Error('gone');
    let asked = 0;
    const wait = pacedReads([createPace(1)], () => {
      if (++asked > 2) throw gone;
    })!;
    expect(() => wait(1 << 20)).toThrow(gone); // at 1 byte a second it would take twelve days
  });
});

describe('a wait in which the limit is raised', () => {
  const DAYS = 1 << 20; // at 1 byte a second twelve days

  test('ends, in a thread that is blocked', () => {
    const pace = createPace(1);
    let asked = 0;
    const wait = pacedReads([pace], () => {
      if (++asked === 2) setLimit(pace, undefined);
    })!;
    wait(DAYS);
    expect(asked).toBeGreaterThanOrEqual(2);
    expect(bookedIn(pace)).toBe(DAYS);
  });

  test('ends, and so it does at an abort', async () => {
    const pace = createPace(1);
    const pacer = createPacer([pace]);
    pacer.take(DAYS);
    const turn = turnOf(pacer, pacer.take(0));
    setLimit(pace, 1e9);
    await turn;
    setLimit(pace, 1);
    pacer.take(DAYS);
    const stop = new AbortController();
    const aborted = turnOf(pacer, pacer.take(0), stop.signal);
    stop.abort();
    await expect(aborted).rejects.toThrow();
  });
});

describe('readInTime', () => {
  test('books what is read, and waits for its turn', async () => {
    const pace = createPace(4 << 20);
    const pacer = createPacer([pace]);
    const begun = performance.now();
    for (let read = 0; read < 1 << 20; read += 256 << 10) await readInTime(pacer, 256 << 10, 60_000);
    expect(bookedIn(pace)).toBe(1 << 20);
    expect((performance.now() - begun) / 1000).toBeGreaterThan(0.1); // and 0.25 but for the credit and the last piece
  });

  test('does not wait for longer than allowed, nor make others wait for what had no turn', async () => {
    const pace = createPace(1);
    const pacer = createPacer([pace]);
    await readInTime(pacer, 1 << 20, 50); // at 1 byte a second it would take twelve days
    expect(bookedIn(pace)).toBe(pacer.chunkBytes); // whose turn was at once
    await readInTime(pacer, 1 << 20, 50);
    expect(bookedIn(pace)).toBe(pacer.chunkBytes);
  });
});
