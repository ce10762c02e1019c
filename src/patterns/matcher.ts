// A pattern's expression, matched with paths for as long as it deserves. Knows no root and no setting.

import { excerpt, type LmError } from '../errors.js';
import { MATCH_SECONDS, matchWithin } from './bounded-match.js';
import type { Pattern } from './pattern.js';

export type Matcher = (text: string) => boolean;

/** What the slow matches of a filter have taken so far, all patterns together. */
export interface Spent {
  slowMs: number;
}

/** A hundred times what a match by an honest pattern takes. */
const SLOW_MS = 10;
const MAX_SLOW_SECONDS = 60;

/** Throws `Pattern.refusal` for a pattern that gets lost in a path, or is slow in many: it would hold up a run for hours, in silence. */
export function matcherOf(regex: RegExp, { refusal, quickLength, safeLength }: Pattern, spent: Spent): Matcher {
  let lost: LmError | undefined; // its next path would cost as much time, and end the same way
  const lose = (reason: string, hint?: string): LmError => {
    lost = refusal(reason, hint === undefined ? {} : { hint });
    return lost;
  };
  const timed = (path: string): boolean => {
    if (lost) throw lost;
    const beganMs = performance.now();
    const matches = path.length <= safeLength ? regex.test(path) : matchWithin(regex, path);
    const tookMs = performance.now() - beganMs;
    if (tookMs > SLOW_MS) spent.slowMs += tookMs;
    if (matches === undefined)
      throw lose(`cannot be told in ${MATCH_SECONDS} s whether it matches ${excerpt(path)}`, SLOW_HINT);
    if (spent.slowMs > MAX_SLOW_SECONDS * 1000) throw lose(`slow patterns have taken ${MAX_SLOW_SECONDS} s`, SLOW_HINT);
    return matches;
  };
  return (path) => {
    try {
      return path.length <= quickLength ? regex.test(path) : timed(path);
    } catch (error) {
      throw lost ?? lose(`cannot be matched: ${(error as Error).message}`); // an expression is compiled when it is first used
    }
  };
}

const SLOW_HINT = 'what is repeated within a repeated group, as in (a+)+, has too many ways to fail: write it without';
