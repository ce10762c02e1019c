import { expect, test } from '@jest/globals';
import { inTurns, oneAtATime, SLICE_MS } from '../../src/threads/in-turns.js';

test('long work lets other work run in between, and short work does not wait', async () => {
  function* steps(count: number): Generator<void, string> {
    for (let i = 0; i < count; i++) {
      for (const end = performance.now() + SLICE_MS; performance.now() < end; );
      yield;
    }
    return 'done';
  }
  const order: string[] = [];
  setImmediate(() => order.push('another'));
  order.push(await inTurns(steps(0)));
  order.push(await inTurns(steps(2)));
  expect(order).toEqual(['done', 'another', 'done']);
});

test('simultaneous calls share a run that began after them', async () => {
  const begun: ((result: number) => void)[] = [];
  const ask = oneAtATime(() => new Promise<number>((resolve) => begun.push(resolve)));
  const first = ask();
  await Promise.resolve();
  const later = [ask(), ask(), ask()];
  expect(begun).toHaveLength(1);
  begun[0]!(1);
  expect(await first).toBe(1);
  await new Promise(setImmediate);
  expect(begun).toHaveLength(2);
  begun[1]!(2);
  expect(await Promise.all(later)).toEqual([2, 2, 2]);
});

test('a run that fails does not fail the next one', async () => {
  let runs = 0;
  const ask = oneAtATime(async () => {
    if (++runs === 1) throw new Error('the first');
    return runs;
  });
  await expect(ask()).rejects.toThrow('the first');
  expect(await ask()).toBe(2);
});
