// Formats what comes next in a migration, and why, as the last lines of what is told of it.

import { printable } from '../../errors.js';
import type { Next } from '../../migration/standing/next.js';

/** As many as `nextLines` makes. */
export const NEXT_LINES = 2;

export const nextLines = (next: Next | null): string[] =>
  next === null
    ? []
    : [
        `next: ${[next.first, next.command]
          .filter((one) => one !== undefined)
          .map(printable)
          .join(', then ')}`,
        `why: ${next.why}`,
      ];
