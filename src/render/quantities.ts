// How people read what a run measures: rates, spans of time, shares. Exact numbers are for JSON and never pass here.

import { formatBytes } from '../amounts.js';

export { formatBytes, formatEntries, formatLeft, formatShare } from '../amounts.js';

/** Bytes per second: `88.0 MiB/s`. */
export const formatRate = (bytesPerSecond: number): string => `${formatBytes(bytesPerSecond)}/s`;

/** `0.4 s`, `45s`, `3m20s`, `1h05m`, `2d04h`: the two units that matter. */
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
