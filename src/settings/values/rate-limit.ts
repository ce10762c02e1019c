// Reads a limit: a rate, `off`, or a timetable such as `Mon-Fri 08:00-18:00=50MiB/s, else 400MiB/s`. Refuses one that leaves a minute of the
// week without a rate, or gives it two.

import { DAYS, dayText, MINUTES_A_DAY, MINUTES_A_WEEK, type RateLimit, timeText } from '../../pace/rate-limit.js';
import { parseRate } from '../units.js';

/** `limit`, or for people what is wrong. */
type Read = { limit: RateLimit } | { fault: string };

interface Window {
  text: string;
  days: readonly number[];
  /** Minutes of the day; a window that ends no later than it begins ends on the next day. */
  from: number;
  to: number;
  rate: Rate;
}

/** Bytes a second, or no limit. */
type Rate = number | 'off';

export function parseRateLimit(text: string): RateLimit | undefined {
  const read = readRateLimit(text);
  return 'limit' in read ? read.limit : undefined;
}

export function faultInRateLimit(text: string): string | undefined {
  const read = readRateLimit(text);
  return 'fault' in read ? read.fault : undefined;
}

export const isTimetable = (text: string): boolean => /=|^\s*(else|zone)\s/i.test(text);

function readRateLimit(text: string): Read {
  if (isTimetable(text)) return readTimetable(text);
  const rate = rateIn(text.trim());
  if (rate === undefined) return { fault: faultInRate(text.trim()) };
  return { limit: { text: text.trim(), steps: [stepOf(0, rate)], zone: undefined } };
}

function readTimetable(text: string): Read {
  const windows: Window[] = [];
  let otherwise: Rate | undefined;
  let otherwiseText = '';
  let zone: string | undefined;
  for (const item of text.split(',').map((one) => one.trim())) {
    const [, word = '', rest = ''] = /^(else|zone)\s+(.*)$/is.exec(item) ?? [];
    if (word === '') {
      const window = readWindow(item);
      if ('fault' in window) return window;
      windows.push(window);
    } else if (word.toLowerCase() === 'else') {
      if (otherwise !== undefined) return { fault: "'else' stands there twice" };
      otherwise = rateIn(rest);
      otherwiseText = `else ${rest}`;
      if (otherwise === undefined) return { fault: `in '${item}': ${faultInRate(rest)}` };
    } else {
      if (zone !== undefined) return { fault: "'zone' stands there twice" };
      zone = zoneOf(rest);
      if (zone === undefined)
        return { fault: `'${rest}' is no time zone; they have names such as Europe/Berlin or UTC` };
    }
  }
  if (windows.length === 0) return { fault: "a timetable has a window, such as '08:00-18:00=50MiB/s'" };
  const rates = paint(windows, otherwise);
  if (!Array.isArray(rates)) return rates;
  zone ??= zoneOf(Intl.DateTimeFormat().resolvedOptions().timeZone);
  if (zone === undefined) return { fault: "the time zone of this host is not known (TZ): add 'zone NAME'" };
  const shown = [
    ...windows.map((window) => window.text),
    ...(otherwise === undefined ? [] : [otherwiseText]),
    `zone ${zone}`,
  ];
  const steps = rates.flatMap((rate, minute) =>
    minute === 0 || rate !== rates[minute - 1] ? [stepOf(minute, rate)] : [],
  );
  return { limit: { text: shown.join(', '), steps, zone } };
}

const stepOf = (fromMinute: number, rate: Rate) => ({ fromMinute, bytesPerSecond: rate === 'off' ? undefined : rate });

const SHAPE = /^(?:([a-z]{3})(?:-([a-z]{3}))?)?\s*(?:(\d{1,2}:\d\d)\s*-\s*(\d{1,2}:\d\d))?$/i;

/** `08:00-18:00=50MiB/s`, `Mon-Fri 08:00-18:00=50MiB/s`, `Sat-Sun=off` */
function readWindow(item: string): Window | { fault: string } {
  const [when, word, more] = item.split('=').map((one) => one.trim());
  if (word === undefined || more !== undefined || !when)
    return { fault: `'${item}' is neither a window, such as '08:00-18:00=50MiB/s', nor 'else RATE' nor 'zone NAME'` };
  const rate = rateIn(word);
  if (rate === undefined) return { fault: `in '${item}': ${faultInRate(word)}` };
  const found = SHAPE.exec(when);
  if (!found) return { fault: `'${when}' is no time, such as '08:00-18:00' or 'Mon-Fri 22:00-06:00'` };
  const [, firstDay, lastDay, begin, end] = found;
  const days = daysOf(firstDay, lastDay);
  if (!days) return { fault: `in '${when}': the days are ${DAYS.join(', ')}` };
  const [from, to] = [begin === undefined ? 0 : minutesOf(begin), end === undefined ? MINUTES_A_DAY : minutesOf(end)];
  if (from === undefined || to === undefined || from === MINUTES_A_DAY)
    return { fault: `in '${when}': times are from 00:00 to 24:00` };
  if (from === to) return { fault: `'${when}' has no length; a whole day is 00:00-24:00` };
  return { text: `${when}=${word}`, days, from, to, rate };
}

/** All of them where none is named; `Sat-Mon` goes over the end of the week. */
function daysOf(first: string | undefined, last = first): number[] | undefined {
  if (first === undefined || last === undefined) return DAYS.map((_, day) => day);
  const [from, to] = [first, last].map((name) => DAYS.findIndex((day) => day.toLowerCase() === name.toLowerCase()));
  if (from === undefined || to === undefined || from < 0 || to < 0) return undefined;
  return Array.from({ length: ((to - from + 7) % 7) + 1 }, (_, i) => (from + i) % 7);
}

function minutesOf(time: string): number | undefined {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  const all = hours * 60 + minutes;
  return minutes < 60 && all <= MINUTES_A_DAY ? all : undefined;
}

/** The rate of each minute of the week. A window that goes past midnight belongs to the day on which it begins. */
function paint(windows: readonly Window[], otherwise: Rate | undefined): Rate[] | { fault: string } {
  const owners = new Array<Window | undefined>(MINUTES_A_WEEK).fill(undefined);
  for (const window of windows) {
    const length = window.to > window.from ? window.to - window.from : window.to + MINUTES_A_DAY - window.from;
    for (const day of window.days)
      for (let i = 0; i < length; i++) {
        const minute = (day * MINUTES_A_DAY + window.from + i) % MINUTES_A_WEEK;
        const other = owners[minute];
        if (other) return { fault: `'${other.text}' and '${window.text}' both hold ${atText(minute)}` };
        owners[minute] = window;
      }
  }
  const gap = owners.indexOf(undefined);
  if (gap >= 0 && otherwise === undefined)
    return { fault: `nothing holds ${atText(gap)}: add 'else RATE', or 'else off' for no limit` };
  return owners.map((window) => window?.rate ?? otherwise!);
}

const atText = (minute: number): string => `on ${dayText(minute)} at ${timeText(minute % MINUTES_A_DAY)}`;

const rateIn = (word: string): Rate | undefined => (word.toLowerCase() === 'off' ? 'off' : parseRate(word));

const faultInRate = (word: string): string =>
  /^0+(\.0+)? ?([A-Za-z]+\/s)?$/.test(word)
    ? 'nothing would ever move at a rate of 0; off is no limit'
    : `'${word}' is no rate, such as 200MiB/s, 25MB/s or 1Gbit/s, and not off`;

/** Its name as the platform spells it; undefined for one that it does not know, such as the host's with a wrong TZ. */
function zoneOf(name: string | undefined): string | undefined {
  if (!name) return undefined;
  try {
    const { timeZone } = new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions();
    return timeZone === 'Etc/Unknown' ? undefined : timeZone;
  } catch {
    return undefined;
  }
}
