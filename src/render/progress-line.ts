// One line of progress, fitted to a width. Neither draws nor measures.

import type { Reading } from './meter.js';
import { formatBytes, formatCount, formatEta, formatRate } from './quantities.js';

const WIDEST_BAR = 40;
const NARROWEST_BAR = 10;

/**
 * `41% [====------] 1.2 GiB of 2.9 GiB, 88.0 MiB/s, 812 of 2000 files, ETA 21s`, at most `width` characters.
 * What the operator can do without goes first: files, then bytes, then the bar. Percentage, rate and ETA stay.
 */
export function barLine(reading: Reading, width: number): string {
  const { percent, rate, eta, bytes, files } = words(reading);
  const head = `${String(percent).padStart(2)}%`;
  for (const parts of [[bytes, rate, files, eta], [bytes, rate, eta], [rate, eta], [eta]]) {
    const tail = parts.join(', ');
    const room = width - head.length - tail.length - ' [] '.length;
    if (room >= NARROWEST_BAR) return `${head} ${bar(percent, Math.min(room, WIDEST_BAR))} ${tail}`;
    if (parts.length <= 2 && head.length + 1 + tail.length <= width) return `${head} ${tail}`;
  }
  return head.slice(0, Math.max(0, width));
}

/** The same without a bar, for logs: `iteration 0: 41%, 1.2 GiB of 2.9 GiB, 88.0 MiB/s, 812 of 2000 files, ETA 21s`. */
export function logLine(reading: Reading): string {
  const { percent, rate, eta, bytes, files } = words(reading);
  const { doing, iteration } = reading.progress;
  const subject = doing === 'verify' ? 'verifying' : `iteration ${iteration}`;
  return `${subject}: ${percent}%, ${bytes}, ${rate}, ${files}, ${eta}`;
}

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
  };
}

function bar(percent: number, width: number): string {
  const full = Math.floor((percent / 100) * width);
  return `[${'='.repeat(full)}${'-'.repeat(width - full)}]`;
}
