// Formats amounts for people, in every message: binary sizes, rates, counts of entries, shares, durations. JSON has the exact numbers.

import type { Share } from './events.js';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `0 B`, `1023 B`, `1.0 KiB`, `12.3 GiB`: whole bytes below 1 KiB, one decimal above. -1, the Sidecar's unknown, is `?`. */
export function formatBytes(bytes: number): string {
  if (bytes < 0) return '?';
  let value = bytes;
  let unit = 0;
  // 1023.95 would print as 1024.0: it belongs to the next unit.
  while (value >= (unit === 0 ? 1024 : 1023.95) && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${Math.floor(value)} B` : `${value.toFixed(1)} ${UNITS[unit]}`;
}

/** Bytes per second: `88.0 MiB/s`. */
export const formatRate = (bytesPerSecond: number): string => `${formatBytes(bytesPerSecond)}/s`;

/** `1 file`, `812 files`; `several` is given where the plural does not just end in s. */
export const formatCount = (count: number, one: string, several = `${one}s`): string =>
  `${count} ${count === 1 ? one : several}`;

/** `1 entry`, `812 entries`. */
export const formatEntries = (count: number): string => formatCount(count, 'entry', 'entries');

/** `1 socket, pipe or device is not copied`; `where` goes before the verb. */
export const formatSpecial = (count: number, where = ''): string =>
  [
    formatCount(count, 'socket, pipe or device', 'sockets, pipes or devices'),
    ...(where === '' ? [] : [where]),
    count === 1 ? 'is not copied' : 'are not copied',
  ].join(' ');

/** A share of one as `99.98 %`, rounded down: only 1 itself reads `100 %`. */
export function formatShare(ratio: number): string {
  if (ratio >= 1) return '100 %';
  const hundredths = Math.floor(ratio * 10_000 + 1e-9);
  return `${Math.min(hundredths, 9_999) / 100} %`;
}

/** Follows a share of matching bytes, and names what it does not count: ` (3 hot files, 96.0 MiB, left for the final pass)`, or ''. */
export function formatLeft({ entries, bytes }: Share = { entries: 0, bytes: 0 }): string {
  if (entries === 0) return '';
  return ` (${formatCount(entries, 'hot file')}, ${formatBytes(bytes)}, left for the final pass)`;
}

/** A duration: `0.4 s`, `45s`, `3m20s`, `1h05m`, `2d04h`. */
export function formatSpan(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return formatEta(ms);
}

/** Like `formatSpan` in whole seconds rounded up, so that it reads 0 only for 0. */
export function formatEta(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  const pad = (n: number) => String(n).padStart(2, '0');
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${pad(seconds % 60)}s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h${pad(Math.floor((seconds % 3_600) / 60))}m`;
  return `${Math.floor(seconds / 86_400)}d${pad(Math.floor((seconds % 86_400) / 3_600))}h`;
}
