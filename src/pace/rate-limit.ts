// A limit that an operator has stated: one rate, or a timetable of the week. Says what holds at a moment; it reads no clock.

export interface RateLimit {
  /** As an operator writes it; of a timetable with its zone. */
  text: string;
  /** By the minute of the week at which each begins, Monday 00:00 being 0, in that order; the first is of minute 0. */
  steps: readonly Step[];
  /** The IANA name of the zone whose clock the timetable goes by; undefined where one rate holds always. */
  zone: string | undefined;
}

interface Step {
  fromMinute: number;
  /** Undefined is no limit. */
  bytesPerSecond: number | undefined;
}

export const MINUTES_A_DAY = 24 * 60;
export const MINUTES_A_WEEK = 7 * MINUTES_A_DAY;
export const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;

/** The rate at that moment, in bytes a second; undefined for none. `limit` undefined is none at all. */
export const rateAt = (limit: RateLimit | undefined, ms: number): number | undefined =>
  limit && stepAt(limit, ms).step.bytesPerSecond;

/** The lowest rate that it can come to; undefined where there is none. */
export function lowestRate(limit: RateLimit | undefined): number | undefined {
  const rates = (limit?.steps ?? []).flatMap(({ bytesPerSecond }) => bytesPerSecond ?? []);
  return rates.length === 0 ? undefined : Math.min(...rates);
}

/** What holds at that moment, and of a timetable whose rate changes until when, on the clock of its zone, and what comes then. */
export function holdingAt(limit: RateLimit, ms: number): Holding {
  const { step, next, minute } = stepAt(limit, ms);
  const { bytesPerSecond } = step;
  return { bytesPerSecond, ...(next && { next: { at: clockText(next.fromMinute, minute), ...next } }) };
}

interface Holding {
  bytesPerSecond: number | undefined;
  next?: { at: string; bytesPerSecond: number | undefined };
}

/** `next` is undefined where the rate never changes. */
function stepAt({ steps, zone }: RateLimit, ms: number): { step: Step; next: Step | undefined; minute: number } {
  const minute = zone === undefined ? 0 : minuteOfWeek(zone, ms);
  const at = steps.findLastIndex(({ fromMinute }) => fromMinute <= minute);
  const later = [...steps.slice(at + 1), ...steps.slice(0, at)];
  const next = later.find(({ bytesPerSecond }) => bytesPerSecond !== steps[at]!.bytesPerSecond);
  return { step: steps[at]!, next, minute };
}

/** `18:00`, with its day unless that is less than a day after `minute`. */
function clockText(fromMinute: number, minute: number): string {
  const isSoon = (fromMinute - minute + MINUTES_A_WEEK) % MINUTES_A_WEEK < MINUTES_A_DAY;
  return isSoon
    ? timeText(fromMinute % MINUTES_A_DAY)
    : `${dayText(fromMinute)} ${timeText(fromMinute % MINUTES_A_DAY)}`;
}

export const dayText = (minuteOfWeek: number): string => DAYS[Math.floor(minuteOfWeek / MINUTES_A_DAY)]!;

/** `08:00`, of a minute of the day. */
export const timeText = (minute: number): string =>
  [Math.floor(minute / 60), minute % 60].map((count) => `${count}`.padStart(2, '0')).join(':');

/** By the clock on the wall there: an hour that is left out or repeated when it is set has what the timetable says of its time. */
function minuteOfWeek(zone: string, ms: number): number {
  const parts = clockOf(zone).formatToParts(ms);
  const part = (type: 'weekday' | 'hour' | 'minute'): string => parts.find((one) => one.type === type)!.value;
  const day = DAYS.indexOf(part('weekday') as (typeof DAYS)[number]);
  return day * MINUTES_A_DAY + Number(part('hour')) * 60 + Number(part('minute'));
}

const clocks = new Map<string, Intl.DateTimeFormat>();

function clockOf(zone: string): Intl.DateTimeFormat {
  let clock = clocks.get(zone);
  if (!clock) {
    const fields = { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
    clock = new Intl.DateTimeFormat('en-US', { timeZone: zone, ...fields });
    clocks.set(zone, clock);
  }
  return clock;
}
