// Formats one line of progress to fit a width.

import { formatBytes, formatCount, formatEta, formatRate } from '../amounts.js';
import type { Progress, Reading } from './meter.js';

const MAX_BAR = 40;
const MIN_BAR = 10;

/**
 * `41% [====------] 1.2 GiB of 2.9 GiB, 88.0 MiB/s, 812 of 2000 files, ETA 21s`, at most `width` characters.
 * What does not fit is left out, the least important first: files, then bytes, then the bar, then the rate; how an end yields goes last.
 */
export function barLine(reading: Reading, width: number): string {
  const { percent, rate, eta, bytes, files, yielding } = words(reading);
  const head = `${String(percent).padStart(2)}%`;
  const choices = [[bytes, rate, files, eta], [bytes, rate, eta], [rate, eta], [eta]];
  const withYielding = yielding.length > 0 ? choices.map((parts) => [...parts, ...yielding]) : [];
  for (const parts of [...withYielding, ...choices]) {
    const tail = parts.join(', ');
    const room = width - head.length - tail.length - ' [] '.length;
    if (room >= MIN_BAR) return `${head} ${bar(percent, Math.min(room, MAX_BAR))} ${tail}`;
    if (parts.length <= 2 + yielding.length && head.length + 1 + tail.length <= width) return `${head} ${tail}`;
  }
  return head.slice(0, Math.max(0, width));
}

/** Without a bar, for logs: `iteration 0: 41%, 1.2 GiB of 2.9 GiB, 88.0 MiB/s, 812 of 2000 files, ETA 21s`. */
export function logLine(reading: Reading): string {
  const { percent, rate, eta, bytes, files, yielding } = words(reading);
  const { doing, iteration } = reading.progress;
  const subject = SUBJECTS[doing] ?? `iteration ${iteration}${doing === 'compare' ? ', comparing' : ''}`;
  return `${subject}: ${[`${percent}%`, bytes, rate, files, eta, ...yielding].join(', ')}`;
}

/** Without iterations. */
const SUBJECTS: Partial<Record<Progress['doing'], string>> = { verify: 'verifying', repair: 'repairing' };

function words({ percent, bytesPerSecond, etaMs, progress }: Reading) {
  const { bytesDone, bytesTotal, bytesReused = 0, filesDone, filesTotal } = progress;
  const begun = bytesDone > bytesReused;
  const left = bytesDone >= bytesTotal ? 'finishing' : bytesPerSecond === 0 && begun ? 'stalled' : 'ETA ?';
  return {
    percent,
    rate: bytesPerSecond === undefined ? '? B/s' : formatRate(bytesPerSecond),
    eta: etaMs === undefined ? left : `ETA ${formatEta(etaMs)}`,
    bytes: `${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`,
    files: `${filesDone} of ${formatCount(filesTotal, 'file')}`,
    yielding: yieldingWords(progress.yielding),
  };
}

/** `yielding to I/O at the source: 12.0 MiB/s, pressure 34%`, of the slower end where both do. None or one. */
function yieldingWords({ source, destination }: NonNullable<Progress['yielding']> = {}): string[] {
  const isThere = source && !(destination && destination.bytesPerSecond < source.bytesPerSecond);
  const state = isThere ? source : destination;
  if (!state) return [];
  const where = isThere ? 'at the source' : 'here';
  return [
    `yielding to I/O ${where}: ${formatRate(state.bytesPerSecond)}, pressure ${Math.round(state.pressure * 100)}%`,
  ];
}

function bar(percent: number, width: number): string {
  const full = Math.floor((percent / 100) * width);
  return `[${'='.repeat(full)}${'-'.repeat(width - full)}]`;
}
