import { expect, test } from '@jest/globals';
import type { Event } from '../../src/events.js';
import { paceWishes, warnOfPace } from '../../src/migration/reading-pace.js';
import { createLiveLimit } from '../../src/pace/live-limit.js';
import { type LocalPace, startLocalPace } from '../../src/pace/local-pace.js';
import { parseRateLimit } from '../../src/settings/values/rate-limit.js';

function warnings(wishes: ReturnType<typeof paceWishes>, keepsPace: boolean, here?: LocalPace): string[] {
  const events: Event[] = [];
  warnOfPace(wishes, { keepsPace, kind: 'lm' }, here, (event) => void events.push(event));
  return events.map((event) => ('text' in event ? event.text : event.type));
}

const limitOf = (text: string) => createLiveLimit(parseRateLimit(text));
const limit = limitOf('5B/s');

const yieldingIn = (pressureFile: string | undefined) => ({ limit, yieldFloor: 3, pressureFile });

test('a floor counts only where reading yields', () => {
  const yieldFloor = 3;
  expect(paceWishes(limit, { yieldToIo: true, yieldFloor })).toEqual({ limit, yieldFloor });
  expect(paceWishes(limit, { yieldToIo: false, yieldFloor })).toEqual({ limit, yieldFloor: undefined });
});

test.each([
  [{ limit }, '--limit-rate'],
  [{ yieldFloor: 3 }, '--yield-to-io'],
  [{ limit, yieldFloor: 3 }, '--limit-rate and --yield-to-io'],
])('an older source is named, with what it does not know: %j, %s', (wishes, options) => {
  expect(warnings(wishes, false)).toEqual([
    expect.stringMatching(new RegExp(`^the source has an older lm, which knows no ${options} for digests: `)),
  ]);
  expect(warnings(wishes, true)).toEqual([]);
});

test('nothing is said where nothing was asked for', () =>
  expect(warnings({ limit: limitOf('off') }, false)).toEqual([]));

test('a host that cannot know its pressure says so, and what holds in its place', () => {
  const here = startLocalPace(yieldingIn('/none'));
  expect(warnings(yieldingIn('/none'), true, here)).toEqual([
    expect.stringMatching(/^this host does not yield: there is no \/none: .*; --limit-rate alone holds$/),
  ]);
  here.close();
});
