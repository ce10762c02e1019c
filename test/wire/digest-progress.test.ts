import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { followSource, paceInHead, type SourceProgress } from '../../src/wire/digest-progress.js';

function follow(total: number) {
  const reports: SourceProgress[] = [];
  return { reports, follower: followSource(total, (far) => void reports.push(far)) };
}

const said = (bytes: number) => ({ type: 'progress', bytes }) as const;

describe('followSource', () => {
  test('counts bytes as they are read, and answers of a source that says nothing of it', () => {
    const { reports, follower } = follow(100);
    follower.begin();
    expect(follower.said(said(30))).toBe(true);
    follower.answered(20);
    follower.answered(30);
    expect(reports.map(({ bytes }) => bytes)).toEqual([30, 30, 50]);
  });

  test('the same count once more is a sign of life, and no progress', () => {
    const { follower } = follow(100);
    follower.begin();
    expect([said(10), said(10), said(11), said(9)].map(follower.said)).toEqual([true, false, true, false]);
  });

  test('a request that is repeated begins at what was answered, and does not go back', () => {
    const { reports, follower } = follow(100);
    follower.begin();
    follower.answered(20);
    follower.said(said(60)); // the connection breaks
    follower.begin();
    expect([said(10), said(50)].map(follower.said)).toEqual([false, true]);
    expect(reports.at(-1)).toEqual({ bytes: 70, yielding: undefined });
  });

  test('more than there is to read is not believed: no count of a source keeps a client waiting for ever', () => {
    const { reports, follower } = follow(100);
    follower.begin();
    expect([said(1e15), said(2e15)].map(follower.said)).toEqual([true, false]);
    expect(reports.at(-1)!.bytes).toBe(100);
  });

  test('law: never falls, and stays within what there is', () => {
    const step = fc.record({ kind: fc.constantFrom('begin', 'answered', 'said'), bytes: fc.nat(200) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const { reports, follower } = follow(100);
        for (const { kind, bytes } of steps) {
          if (kind === 'begin') follower.begin();
          else if (kind === 'answered') follower.answered(bytes);
          else follower.said(said(bytes));
        }
        const all = reports.map(({ bytes }) => bytes);
        expect(all).toEqual(all.toSorted((a, b) => a - b));
        expect(Math.max(0, ...all)).toBeLessThanOrEqual(100);
      }),
    );
  });

  test('passes on how the source yields', () => {
    const { reports, follower } = follow(100);
    const yielding = { bytesPerSecond: 5, pressure: 0.5 };
    follower.said({ ...said(1), yielding });
    expect(reports).toEqual([{ bytes: 1, yielding }]);
  });
});

test.each([
  [{}, {}],
  [{ limitRate: 7 }, { client: 'me', limitRate: 7 }],
  [{ yieldFloor: 9 }, { client: 'me', yieldToIo: true, yieldFloor: 9 }],
])('%j in the head of a request', (wishes, head) => expect(paceInHead('me', wishes)).toEqual(head));
