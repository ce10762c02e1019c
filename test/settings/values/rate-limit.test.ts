// What --limit-rate takes: what of it holds when, and what is said of a text that means nothing, or two things.

import { describe, expect, test } from '@jest/globals';
import { holdingAt, lowestRate, rateAt } from '../../../src/pace/rate-limit.js';
import { read } from '../../../src/settings/layers.js';
import { faultInRateLimit, parseRateLimit } from '../../../src/settings/values/rate-limit.js';
import { refusalOf } from '../../support/settings.js';

const MIB = 1 << 20;

/** In MiB a second; null for none. 2026-06-01 is a Monday. */
function ratesOf(text: string, ...times: string[]): (number | null)[] {
  const limit = parseRateLimit(text)!;
  return times
    .map((time) => (rateAt(limit, Date.parse(time)) ?? Number.NaN) / MIB)
    .map((n) => (Number.isNaN(n) ? null : n));
}

describe('what holds when', () => {
  test('one rate, or none, always', () => {
    expect(ratesOf('50MiB/s', '2026-06-01T00:00Z', '2026-06-07T23:59Z')).toEqual([50, 50]);
    expect(ratesOf('OFF', '2026-06-01T00:00Z')).toEqual([null]);
  });

  test('a window from its first minute to the one before its end, every day', () => {
    const text = '08:00-18:00=50MiB/s, else 400MiB/s, zone UTC';
    const times = ['07:59:59.999', '08:00', '17:59:59.999', '18:00'].map((time) => `2026-06-06T${time}Z`);
    expect(ratesOf(text, ...times)).toEqual([400, 50, 50, 400]);
  });

  test('days of the week, and a window past midnight that belongs to the day on which it begins', () => {
    const text =
      'Mon-Fri 22:00-06:00=200MiB/s, sat-sun=off, mon 06:00-22:00=1MiB/s, Tue-Fri 06:00-22:00=2MiB/s, zone UTC';
    expect(faultInRateLimit(text)).toBe("'Mon-Fri 22:00-06:00=200MiB/s' and 'sat-sun=off' both hold on Sat at 00:00");
    const apart = 'Mon-Thu 22:00-06:00=200MiB/s, Fri 22:00-Fri=1MiB/s';
    expect(faultInRateLimit(apart)).toContain("'Fri 22:00-Fri' is no time");
    const week = 'Mon-Thu 22:00-06:00=200MiB/s, Sat-Sun=off, else 7MiB/s, zone UTC';
    expect(
      ratesOf(
        week,
        '2026-06-04T23:00Z',
        '2026-06-05T05:59Z',
        '2026-06-05T06:00Z',
        '2026-06-05T23:00Z',
        '2026-06-06T00:00Z',
        '2026-06-08T00:00Z',
      ),
    ).toEqual([200, 200, 7, 7, null, 7]);
  });

  test('over the end of the week', () => {
    const text = 'Sun 23:00-01:00=3MiB/s, else off, zone UTC';
    expect(ratesOf(text, '2026-06-07T22:59Z', '2026-06-07T23:30Z', '2026-06-08T00:59Z', '2026-06-08T01:00Z')).toEqual([
      null,
      3,
      3,
      null,
    ]);
    expect(
      ratesOf(
        'Sat-Mon=3MiB/s, else off, zone UTC',
        '2026-06-05T23:59Z',
        '2026-06-06T00:00Z',
        '2026-06-08T23:59Z',
        '2026-06-09T00:00Z',
      ),
    ).toEqual([null, 3, 3, null]);
  });

  test('windows that leave nothing need no else, and up to 24:00 is up to midnight', () =>
    expect(
      ratesOf('00:00-12:00=1MiB/s, 12:00-24:00=2MiB/s, zone UTC', '2026-06-01T11:59Z', '2026-06-01T23:59Z'),
    ).toEqual([1, 2]));

  test('by the clock of its zone, through both changes of the clocks in Berlin', () => {
    const text = '02:30-04:00=1MiB/s, else 9MiB/s, zone europe/berlin';
    expect(parseRateLimit(text)!.zone).toBe('Europe/Berlin');
    // On 2026-03-29 01:00 UTC is 03:00 there: the window has but an hour. On 2026-10-25 02:00 to 03:00 comes twice.
    const spring = ['2026-03-29T00:59Z', '2026-03-29T01:00Z', '2026-03-29T01:59Z', '2026-03-29T02:00Z'];
    expect(ratesOf(text, ...spring)).toEqual([9, 1, 1, 9]);
    const autumn = [
      '2026-10-25T00:29Z',
      '2026-10-25T00:30Z',
      '2026-10-25T01:00Z',
      '2026-10-25T01:30Z',
      '2026-10-25T02:59Z',
      '2026-10-25T03:00Z',
    ];
    expect(ratesOf(text, ...autumn)).toEqual([9, 1, 9, 1, 1, 9]);
  });

  test('says until when, with the day where that is a day away or more', () => {
    const limit = parseRateLimit('Mon-Fri 08:00-18:00=50MiB/s, else off, zone UTC')!;
    expect(holdingAt(limit, Date.parse('2026-06-01T17:00Z'))).toEqual({
      bytesPerSecond: 50 * MIB,
      next: expect.objectContaining({ at: '18:00', bytesPerSecond: undefined }),
    });
    expect(holdingAt(limit, Date.parse('2026-06-05T18:00Z')).next).toMatchObject({
      at: 'Mon 08:00',
      bytesPerSecond: 50 * MIB,
    });
    expect(holdingAt(parseRateLimit('50MiB/s')!, 0)).toEqual({ bytesPerSecond: 50 * MIB });
    expect([lowestRate(limit), lowestRate(parseRateLimit('off')), lowestRate(undefined)]).toEqual([
      50 * MIB,
      undefined,
      undefined,
    ]);
  });
});

test('is shown with its zone, that of this host where none is given, and reads back as the same', () => {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const shown = parseRateLimit(' Mon-Fri 08:00 - 18:00 = 50MiB/s ,else  400MiB/s')!;
  expect(shown).toMatchObject({
    text: `Mon-Fri 08:00 - 18:00=50MiB/s, else 400MiB/s, zone ${timeZone}`,
    zone: timeZone,
  });
  expect(parseRateLimit(shown.text)).toEqual(shown);
});

test.each([
  ['08:00-18:00=50MiB/s', "nothing holds on Mon at 00:00: add 'else RATE', or 'else off' for no limit"],
  ['Mon-Sat=50MiB/s, zone UTC', "nothing holds on Sun at 00:00: add 'else RATE', or 'else off' for no limit"],
  [
    '08:00-18:00=1MiB/s, 17:00-19:00=2MiB/s, else off',
    "'08:00-18:00=1MiB/s' and '17:00-19:00=2MiB/s' both hold on Mon at 17:00",
  ],
  [
    '22:00-06:00=1MiB/s, 05:00-07:00=2MiB/s, else off',
    "'22:00-06:00=1MiB/s' and '05:00-07:00=2MiB/s' both hold on Mon at 05:00",
  ],
  [
    '08:00-18:00=50, else off',
    "in '08:00-18:00=50': '50' is no rate, such as 200MiB/s, 25MB/s or 1Gbit/s, and not off",
  ],
  ['08:00-18:00=50MiB/s, else 0', "in 'else 0': nothing would ever move at a rate of 0; off is no limit"],
  ['0', 'nothing would ever move at a rate of 0; off is no limit'],
  ['0MiB/s', 'nothing would ever move at a rate of 0; off is no limit'],
  ['08:00-08:00=50MiB/s, else off', "'08:00-08:00' has no length; a whole day is 00:00-24:00"],
  ['08:00-24:01=50MiB/s, else off', "in '08:00-24:01': times are from 00:00 to 24:00"],
  ['24:00-08:00=50MiB/s, else off', "in '24:00-08:00': times are from 00:00 to 24:00"],
  ['08:60-09:00=50MiB/s, else off', "in '08:60-09:00': times are from 00:00 to 24:00"],
  ['8-18=50MiB/s, else off', "'8-18' is no time, such as '08:00-18:00' or 'Mon-Fri 22:00-06:00'"],
  ['Mon-Fry 08:00-18:00=50MiB/s, else off', "in 'Mon-Fry 08:00-18:00': the days are Mon, Tue, Wed, Thu, Fri, Sat, Sun"],
  [
    '08:00-18:00=50MiB/s, otherwise off',
    "'otherwise off' is neither a window, such as '08:00-18:00=50MiB/s', nor 'else RATE' nor 'zone NAME'",
  ],
  ['08:00-18:00=50MiB/s, else off, else 1MiB/s', "'else' stands there twice"],
  [
    '08:00-18:00=50MiB/s, else off, zone Berlin',
    "'Berlin' is no time zone; they have names such as Europe/Berlin or UTC",
  ],
  ['else 50MiB/s', "a timetable has a window, such as '08:00-18:00=50MiB/s'"],
])('refuses %s', async (text, fault) => {
  expect(faultInRateLimit(text)).toBe(fault);
  expect(await refusalOf(() => read('limit-rate', text, { source: 'file', where: 'lm.yaml:3' }, '/'))).toEqual({
    code: 'usage',
    message: expect.stringMatching(/^limit_rate \(lm\.yaml:3\): got '.*', takes a rate, .* off, or a timetable/),
    hint: expect.stringContaining(text === '0' || text === '0MiB/s' ? 'rate of 0' : fault),
  });
});
