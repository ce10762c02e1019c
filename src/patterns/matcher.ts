// Matches the expression of a pattern with paths, and gives up on a pattern that takes too long.

import { excerpt, type LmError } from '../errors.js';
import { MATCH_SECONDS, matchWithin } from './bounded-match.js';
import type { Pattern } from './pattern.js';

export type Matcher = (text: string) => boolean;

/** The time that slow matches of a filter have taken so far, of all its patterns together. */
export interface SlowMatches {
  slowMs: number;
}

/** A hundred times the duration of a match by a usual pattern. */
const SLOW_MS = 10;
const MAX_SLOW_SECONDS = 60;

/** Throws `Pattern.refusal` for a pattern that takes too long in one path, or in many together: it would hold up a run for hours. */
export function matcherOf(regex: RegExp, { refusal, quickLength, safeLength }: Pattern, spent: SlowMatches): Matcher {
  let failure: LmError | undefined; // kept, because the next path would take as long and fail the same way
  const fail = (reason: string, hint?: string): LmError => {
    failure = refusal(reason, hint === undefined ? {} : { hint });
    return failure;
  };
  const timed = (path: string): boolean => {
    if (failure) throw failure;
    const beganMs = performance.now();
    const matches = path.length <= safeLength ? regex.test(path) : matchWithin(regex, path);
    const tookMs = performance.now() - beganMs;
    if (tookMs > SLOW_MS) spent.slowMs += tookMs;
    if (matches === undefined) throw fail(`it takes more than ${MATCH_SECONDS} s to match ${excerpt(path)}`, SLOW_HINT);
    if (spent.slowMs > MAX_SLOW_SECONDS * 1000) throw fail(`slow patterns have taken ${MAX_SLOW_SECONDS} s`, SLOW_HINT);
    return matches;
  };
  return (path) => {
    try {
      return path.length <= quickLength ? regex.test(path) : timed(path);
    } catch (error) {
      throw failure ?? fail(`cannot be matched: ${(error as Error).message}`); // V8 compiles an expression when it is first used
    }
  };
}

const SLOW_HINT = 'what is repeated within a repeated group, as in (a+)+, has too many ways to fail: write it without';
