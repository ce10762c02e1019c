import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { Event } from '../../src/events.js';
import { createRepairProgress } from '../../src/verify/repair/repair-progress.js';
import type { WrongFile } from '../../src/verify/repair/wrong-files.js';
import { fileEntry } from '../support/entries.js';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const wrong = (name: string, size: number): WrongFile => {
  const source = fileEntry(name, { size: `${size}` });
  return { dir: 'data/0', source, local: source, digest: undefined, was: 'digest' };
};

test('each byte counts a third when it is read, mended and read again, and one that is given up counts whole', async () => {
  const [a, b] = [wrong('a', 300), wrong('b', 600)];
  const bytes = { look: 1000, mend: 0, verify: 5000 };
  const seen: [bytesDone: number, filesDone: number][] = [];
  const emit = (event: Event): void => {
    if (event.type !== 'progress') return;
    expect(event).toMatchObject({ doing: 'repair', bytesTotal: 900, filesTotal: 2 });
    seen.push([event.bytesDone, event.filesDone]);
  };
  const of = (stage: keyof typeof bytes) => () => bytes[stage];
  const progress = createRepairProgress([a, b], { look: of('look'), mend: of('mend'), verify: of('verify') }, emit);
  const tick = (): void => void jest.advanceTimersByTime(500);
  await progress.during('look', a, async () => {
    bytes.look += 150;
    tick();
    bytes.look += 9000; // it was read more than once
    tick();
  });
  await expect(progress.during('mend', a, async () => Promise.reject(new Error('told')))).rejects.toThrow('told');
  tick();
  await progress.during('look', b, async () => {});
  progress.ended(b);
  tick();
  await progress.during('verify', a, async () => {});
  progress.ended(a);
  progress.close();
  expect(seen).toEqual([
    [50, 0],
    [100, 0],
    [200, 0],
    [800, 1],
    [900, 2],
  ]);
  tick();
  expect(seen).toHaveLength(5);
});
