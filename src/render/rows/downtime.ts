// Formats what the time since the final copy began was spent on, for people.

import { formatSpan } from '../../amounts.js';
import type { Downtime } from '../../report/downtime.js';

export const downtimeText = ({ totalMs, parts }: Downtime): string =>
  `${formatSpan(totalMs)} since the final copy began: ${spansText(parts)}`;

export const downtimeRows = (downtime: Downtime | undefined): [string, string][] =>
  downtime === undefined ? [] : [['downtime', downtimeText(downtime)]];

/** `list 1.4 s, fetch 45s`: parts that would read `0.0 s` are left out. */
export const spansText = (parts: readonly { name: string; ms: number }[]): string =>
  parts.flatMap(({ name, ms }) => (ms < SHORTEST_TOLD_MS ? [] : [`${name} ${formatSpan(ms)}`])).join(', ');

const SHORTEST_TOLD_MS = 50;
