// Bounds the time of a match: a regular expression can take for ever to find that a text does not match.

import { createContext, Script } from 'node:vm';

/** The limit of one match; a usual pattern takes microseconds. */
export const MATCH_SECONDS = 3;

/**
 * The length up to which any text is matched within `steps`; a second has about a thousand million. A text may take as many steps as its
 * length to the power of the number of repetitions. 0 where a group is repeated, as in `(a+)+`: there the number of ways to divide the
 * text among the repetitions is exponential.
 */
export function lengthWithin(source: string, steps: number): number {
  let repetitions = 0;
  for (const [token] of source.matchAll(TOKENS)) {
    if (token.startsWith(')')) return 0;
    if (/^[*+{]/.test(token)) repetitions++;
  }
  return steps ** (1 / repetitions);
}

/** Escapes and classes, in which nothing is repeated; repeated groups; repetitions of single characters. */
const TOKENS = /\\(?:[upP]\{[^}]*\}|.)|\[(?:\\.|[^\]\\])*\]|\)[*+{]|[*+]|\{\d+,\d*\}/gsu;

/** `regex.test(text)`; undefined when that takes longer than MATCH_SECONDS. Costs 60 µs. */
export function matchWithin(regex: RegExp, text: string): boolean | undefined {
  context ??= createContext({ match: undefined });
  context.match = () => regex.test(text);
  try {
    return script.runInContext(context, { timeout: MATCH_SECONDS * 1000 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return undefined;
    throw error;
  }
}

/** A script with a timeout: nothing else in Node can be stopped in the middle of a match. */
const script = new Script('match()');
let context: { match?: () => boolean } | undefined;
