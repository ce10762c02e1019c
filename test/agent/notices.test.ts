import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { createNotices } from '../../src/agent/notices.js';

let reported: string[];

beforeEach(() => {
  reported = [];
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

const start = () => createNotices((kind, text) => reported.push(`${kind}: ${text}`), 60_000);

test('the first notice of a kind is reported at once, those after it in one line a minute', () => {
  const { notice } = start();
  for (let i = 1; i <= 5; i++) notice('refused', `${i}`);
  notice('root', 'lost');
  expect(reported.splice(0)).toEqual(['refused: 1', 'root: lost']);
  jest.advanceTimersByTime(60_000);
  expect(reported.splice(0)).toEqual(['refused: 5 (and 3 more like it since the last line)']);
  notice('refused', '6');
  expect(reported).toEqual([]); // the minute after that line
  jest.advanceTimersByTime(60_000);
  expect(reported.splice(0)).toEqual(['refused: 6']);
  jest.advanceTimersByTime(60_000);
  notice('refused', '7');
  expect(reported).toEqual(['refused: 7']);
});

test('what was counted is reported when notices are closed, and nothing after that', () => {
  const { notice, close } = start();
  for (const text of ['a', 'b', 'c']) notice('unread', text);
  close();
  expect(reported).toEqual(['unread: a', 'unread: c (and 1 more like it since the last line)']);
  expect(jest.getTimerCount()).toBe(0);
});
