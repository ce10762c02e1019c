// What becomes of measurements: rounds, medians, ratios, verdicts and how they are shown.
import { describe, expect, test } from '@jest/globals';
import { growth } from './entries.js';
import { alternate, type Contender, type InReadyMemory, median, spread } from './measure.js';
import { missing } from './peers/peer.js';
import { fillIn, formatTable, judge, type Line } from './table.js';

const line = (fields: Partial<Line>): Line => ({ row: 'plain', work: 'some', unit: 'seconds', ours: [], ...fields });

describe('numbers', () => {
  test.each([
    [[3], 3],
    [[9, 1, 5], 5],
    [[10, 2, 9, 1], 5.5],
  ])('the median of %j is %d', (values, expected) => expect(median(values)).toBe(expected));

  test('there is no median of nothing', () => expect(() => median([])).toThrow(RangeError));

  test('spread is half of what lies between the extremes', () => expect(spread([9, 10, 11])).toBeCloseTo(0.1));

  test.each([
    ['linear, whatever a start costs', [5.1, 5.3, 6], 1],
    ['quadratic', [1, 9, 100], 3.25],
  ])('growth: %s', (_, seconds, expected) => expect(growth([100, 300, 1000], seconds)).toBeCloseTo(expected));
});

describe('verdicts', () => {
  const against = { ours: [1, 2, 3], peer: 'rsync', theirs: [4, 5, 3] };
  test.each<[string, Partial<Line>, string]>([
    ['a ratio at the target', { ...against, target: 0.5 }, 'met'],
    ['a ratio above it', { ...against, target: 0.49 }, 'missed'],
    ['a ratio without one', against, 'no target'],
    ['a value at its limit', { ours: [300], unit: 'bytes', target: 300 }, 'met'],
    ['a value above it', { ours: [301], unit: 'bytes', target: 300 }, 'missed'],
    ['a peer that is not there', { ...against, theirs: undefined, target: 9 }, 'not measured'],
    ['a problem, whatever was measured before it', { ...against, target: 9, problem: 'it fell' }, 'not measured'],
  ])('%s', (_, fields, verdict) => expect(judge(line(fields)).verdict).toBe(verdict));
});

test('the table names who is missing beside who is there', () => {
  const lines = [
    line({ peer: 'rsync', target: 0.6 }),
    line({ peer: 'rclone', target: 0.85, problem: missing(['no-such-program', 'sh']) }),
  ];
  const times = new Map([
    ['lm', { seconds: [0.9, 1, 1.1] }],
    ['rsync', { seconds: [2] }],
  ]);
  expect(formatTable(fillIn(lines, 'lm', times).map(judge)).split('\n')).toEqual([
    "row    work  lm           peer    peer's  ratio  target  verdict",
    '-----  ----  -----------  ------  ------  -----  ------  --------------------------------------------',
    'plain  some  1.00 s ±10%  rsync   2.00 s  0.50   ≤ 0.60  met',
    'plain  some  1.00 s ±10%  rclone  -              ≤ 0.85  not measured: not installed: no-such-program',
  ]);
});

describe('rounds', () => {
  const ready: number[] = [];
  const noted: InReadyMemory = (bytes, turn) => {
    ready.push(bytes);
    return turn();
  };
  const options = { rounds: 2, signal: new AbortController().signal, tell: () => {}, inReadyMemory: noted };
  const contender = (name: string, turns: string[], fields: Partial<Contender> = {}): Contender => ({
    name,
    run: async () => turns.push(name),
    ...fields,
  });

  test('everybody takes turns, the order turns too, and the first round does not count', async () => {
    const turns: string[] = [];
    const times = await alternate([contender('a', turns), contender('b', turns)], options);
    expect(turns).toEqual(['a', 'b', 'b', 'a', 'a', 'b']);
    expect(Object.fromEntries(times)).toEqual({ a: { seconds: [4, 5] }, b: { seconds: [3, 6] } });
  });

  test('who made a bad copy is out, is tidied after, and the others go on', async () => {
    const turns: string[] = [];
    const check = () => Promise.reject(new Error('not the same bytes'));
    const tidy = async () => void turns.push('tidied');
    const times = await alternate([contender('a', turns, { check, tidy }), contender('b', turns)], options);
    expect(turns).toEqual(['a', 'tidied', 'b', 'b', 'b']);
    expect(times.get('a')).toEqual({ seconds: [], problem: 'not the same bytes' });
    expect(times.get('b')?.seconds).toHaveLength(2);
  });

  test('memory is made ready for what each turn writes', async () => {
    ready.length = 0;
    await alternate([contender('a', [], { writesBytes: 7 }), contender('b', [])], { ...options, rounds: 1 });
    expect(ready).toEqual([7, 0, 0, 7]);
  });
});
