// How people read what a run measures: rates, and all amounts. Exact numbers are for JSON and never pass here.

import { formatBytes } from '../amounts.js';

export { formatBytes, formatCount, formatEntries, formatEta, formatLeft, formatShare, formatSpan } from '../amounts.js';

/** Bytes per second: `88.0 MiB/s`. */
export const formatRate = (bytesPerSecond: number): string => `${formatBytes(bytesPerSecond)}/s`;
