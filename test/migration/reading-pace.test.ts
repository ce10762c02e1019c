import { expect, test } from '@jest/globals';
import type { Event } from '../../src/events.js';
import { paceWishes, warnOfPace } from '../../src/migration/reading-pace.js';
import { type LocalPace, startLocalPace } from '../../src/pace/local-pace.js';

function warnings(wishes: ReturnType<typeof paceWishes>, keepsPace: boolean, here?: LocalPace): string[] {
  const events: Event[] = [];
  warnOfPace(wishes, { keepsPace, kind: 'lm' }, here, (event) => void events.push(event));
  return events.map((event) => ('text' in event ? event.text : event.type));
}

const yieldingIn = (pressureFile: string | undefined) => ({ limitRate: 5, yieldFloor: 3, pressureFile });

test('a floor counts only where reading yields', () => {
  const [limitRate, yieldFloor] = [5, 3];
  expect(paceWishes({ limitRate, yieldToIo: true, yieldFloor })).toEqual({ limitRate, yieldFloor });
  expect(paceWishes({ limitRate, yieldToIo: false, yieldFloor })).toEqual({ limitRate, yieldFloor: undefined });
});

test.each([
  [{ limitRate: 5 }, '--limit-rate'],
  [{ yieldFloor: 3 }, '--yield-to-io'],
  [{ limitRate: 5, yieldFloor: 3 }, '--limit-rate and --yield-to-io'],
])('an older source is named, with what it does not know: %j', (wishes, options) => {
  expect(warnings({ limitRate: undefined, ...wishes }, false)).toEqual([
    expect.stringMatching(new RegExp(`^the source has an older lm, which knows no ${options} for digests: `)),
  ]);
  expect(warnings({ limitRate: undefined, ...wishes }, true)).toEqual([]);
});

test('nothing is said where nothing was asked for', () =>
  expect(warnings(paceWishes({ limitRate: undefined }), false)).toEqual([]));

test('a host that cannot know its pressure says so, and what holds in its place', () => {
  const here = startLocalPace(yieldingIn('/none'));
  expect(warnings(yieldingIn('/none'), true, here)).toEqual([
    expect.stringMatching(/^this host does not yield: there is no \/none: .*; --limit-rate alone holds$/),
  ]);
  here.close();
});
