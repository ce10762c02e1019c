// Verdicts of a real JDK (OpenJDK 17, Linux, UTF-8) on patterns and paths, recorded in fixtures. Decides nothing itself.

import { readFileSync } from 'node:fs';

export interface Verdict {
  pattern: string;
  /** What `FileSystems.getDefault().getPathMatcher(…)` matched; null when it threw PatternSyntaxException. */
  matched: string[] | null;
}

/** The first line of a fixture holds the paths every pattern was tried on, each further one a pattern and its matches. */
export function readVectors(name: string): { paths: string[]; verdicts: Verdict[] } {
  const lines = readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8')
    .trimEnd()
    .split('\n');
  const [paths, ...rows] = lines.map((line) => JSON.parse(line));
  return { paths, verdicts: rows.map(([pattern, matched]) => ({ pattern, matched })) };
}

/** Where a translator refuses a pattern, a test wants an exception that says so. */
export const refuse = (reason: string, index?: number): never => {
  throw new SyntaxError(`${reason} at ${index}`);
};
