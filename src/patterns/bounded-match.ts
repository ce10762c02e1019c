// Regular expressions that could take for ever to find no match, kept from it. Knows nothing of what they are for.

import { createContext, Script } from 'node:vm';

/** Of one match, which an honest pattern is done with in microseconds. */
export const MATCH_SECONDS = 3;

/**
 * The length up to which any text is matched in so many steps, of which a second has about a thousand million: a text may take its
 * length to the power of the repetitions. That of no text where a group is repeated, as in `(a+)+`: what it matches may be shared out
 * among its turns in exponentially many ways.
 */
export function lengthWithin(source: string, steps: number): number {
  let repetitions = 0;
  for (const [token] of source.matchAll(TOKENS)) {
    if (token.startsWith(')')) return 0;
    if (/^[*+{]/.test(token)) repetitions++;
  }
  return steps ** (1 / repetitions);
}

/** Escapes and classes, in which nothing repeats; repeated groups; repetitions of single characters. */
const TOKENS = /\\(?:[upP]\{[^}]*\}|.)|\[(?:\\.|[^\]\\])*\]|\)[*+{]|[*+]|\{\d+,\d*\}/gsu;

/** `regex.test(text)`; undefined when that takes too long to be told. Costs 60 µs. */
export function matchWithin(regex: RegExp, text: string): boolean | undefined {
  world ??= createContext({ match: undefined });
  world.match = () => regex.test(text);
  try {
    return script.runInContext(world, { timeout: MATCH_SECONDS * 1000 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return undefined;
    throw error;
  }
}

/** Nothing else in Node can be stopped in the middle of a match. */
const script = new Script('match()');
let world: { match?: () => boolean } | undefined;
