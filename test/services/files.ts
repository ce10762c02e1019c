// What lies below a directory that others write to.

import { existsSync, readdirSync } from 'node:fs';

/** Paths below `dir`, without it, that match. None where it is not there yet. */
export function filesIn(dir: string, pattern: RegExp): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => pattern.test(name));
}
