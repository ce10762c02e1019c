// Parses numbers with their units: rates, durations, shares, counts. Refuses a number whose unit would have to be guessed.

/** Bytes per unit. Case matters. `b` could be bits or bytes, so bits are spelt out. */
const BYTES_PER_UNIT: Record<string, number | undefined> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  bit: 1 / 8,
  kbit: 1e3 / 8,
  Kbit: 1e3 / 8,
  Mbit: 1e6 / 8,
  Gbit: 1e9 / 8,
  Kibit: 2 ** 10 / 8,
  Mibit: 2 ** 20 / 8,
  Gibit: 2 ** 30 / 8,
};

export const RATE_UNITS: readonly string[] = Object.keys(BYTES_PER_UNIT);

/** `200MiB/s`, `25MB/s`, `1Gbit/s` → bytes per second, from 1 to 2^53; undefined for anything else. */
export function parseRate(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)\/s$/.exec(text) ?? [];
  const perUnit = BYTES_PER_UNIT[unit ?? ''];
  if (amount === undefined || perUnit === undefined) return undefined;
  const bytesPerSecond = Math.floor(Number(amount) * perUnit);
  return bytesPerSecond >= 1 && Number.isSafeInteger(bytesPerSecond) ? bytesPerSecond : undefined;
}

/** `256MiB`, `1 GB` → bytes, from 1 to 2^53; undefined for anything else, bits included. */
export function parseSize(text: string): number | undefined {
  return /bit$/.test(text) ? undefined : parseRate(`${text}/s`);
}

const MS_PER_UNIT: Record<string, number | undefined> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3 };

/** `30s`, `5m`, `1.5h` → milliseconds, from 1 to 2^53; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)$/.exec(text) ?? [];
  const perUnit = MS_PER_UNIT[unit ?? ''];
  if (amount === undefined || perUnit === undefined) return undefined;
  const ms = Math.round(Number(amount) * perUnit);
  return ms > 0 && Number.isSafeInteger(ms) ? ms : undefined;
}

/** A duration that `parseDuration` reads, in the largest unit of which it is a whole number: 90 s are `90s`. */
export function plainDuration(ms: number): string {
  const units = Object.entries(MS_PER_UNIT).reverse();
  const [unit, perUnit] = units.find(([, one]) => ms > 0 && ms % one! === 0) ?? ['s', 1e3];
  return `${ms / perUnit!}${unit}`;
}

/** `0.95` or `95%` → 0.95; undefined outside 0 to 1. */
export function parseRatio(text: string): number | undefined {
  const ratio = parsePercent(text) ?? parseDecimal(text);
  return ratio !== undefined && ratio <= 1 ? ratio : undefined;
}

/** The value of --max-delete: a share, or a number of entries. */
export type DeleteLimit = { kind: 'share'; share: number } | { kind: 'count'; entries: number };

/** `50%` → a share, `1000` → a number of entries. */
export function parseDeleteLimit(text: string): DeleteLimit | undefined {
  const share = parsePercent(text);
  if (share !== undefined) return share <= 1 ? { kind: 'share', share } : undefined;
  const entries = parseInteger(text, 0);
  return entries === undefined ? undefined : { kind: 'count', entries };
}

/** Decimal digits only, from `min` to `max`. */
export function parseInteger(text: string, min: number, max = Number.MAX_SAFE_INTEGER): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

function parsePercent(text: string): number | undefined {
  const amount = text.endsWith('%') ? parseDecimal(text.slice(0, -1)) : undefined;
  return amount === undefined ? undefined : plain(amount / 100);
}

/** Rounds away binary fractions: 1.1 / 100 is 0.011000000000000001. Fifteen decimal digits are exact in both directions. */
export const plain = (value: number): number => Number(value.toPrecision(15));

const parseDecimal = (text: string): number | undefined =>
  /^(?:\d+(?:\.\d*)?|\.\d+)$/.test(text) ? Number(text) : undefined;
