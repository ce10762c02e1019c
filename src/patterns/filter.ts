// Compiles exclusions (`glob:` and `regex:` patterns with placeholders, shell globs) into one test of keys.

import { type EntryKey, isWithin, parentOf, type RootKey } from '../files/entry.js';
import type { Exclusions } from '../files/listing.js';
import { type Matcher, matcherOf, type SlowMatches } from './matcher.js';
import { type Pattern, type PatternSide, readPatterns, regexOf } from './pattern.js';

/** The patterns of one side, and its own directories, to which they apply. Plain data, so that it can be sent to threads. */
export interface FilterSpec {
  exclusions: Exclusions;
  roots: { key: RootKey; path: string }[];
  /** `local` by default. */
  side?: PatternSide;
}

/** True for an entry that a pattern matches. Entries below an excluded directory are not tested: a walk does not enter it. */
export interface Filter {
  (key: EntryKey, kind: 'file' | 'directory'): boolean;
  /** False when no pattern can exclude an entry of this kind in this root. */
  hasPatterns(root: RootKey, kind: 'file' | 'directory'): boolean;
}

/** The filter without patterns; callers compare with it to skip all tests. */
export const excludeNothing: Filter = Object.assign(() => false, { hasPatterns: () => false });

/** The filter excludes what any of the specs excludes. Throws `usage` (`protocol` for patterns of the source) for an ambiguous pattern. */
export function compileFilter(...specs: FilterSpec[]): Filter {
  const areas = new Map<RootKey, Area>();
  const spent: SlowMatches = { slowMs: 0 };
  for (const { exclusions, roots, side } of specs) {
    const { files, directories } = readPatterns(exclusions, side);
    for (const root of roots) {
      const area = areas.get(root.key) ?? { key: root.key, file: [], directory: [] };
      area.file.push(...testsFor(root, files, spent));
      area.directory.push(...testsFor(root, directories, spent));
      areas.set(root.key, area);
    }
  }
  return overAreas([...areas.values()].filter((area) => area.file.length + area.directory.length > 0));
}

/** Throws `usage` for the first pattern that `compileFilter` would refuse. */
export const checkPatterns = (exclusions: Exclusions): void => void readPatterns(exclusions);

/** Whether a file with this key is left out: excluded itself, or below an excluded directory or root. */
export function isKeyExcluded(filter: Filter, key: EntryKey): boolean {
  const steps = judgeKey(filter, key);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** The same, one level per step, so that a caller can pause: there may be thousands of levels. */
export function* judgeKey(filter: Filter, key: EntryKey): Generator<void, boolean> {
  if (filter === excludeNothing) return false;
  if (filter(key, 'file')) return true;
  for (let dir = parentOf(key); dir.includes('/'); dir = parentOf(dir)) {
    if (filter(dir, 'directory')) return true;
    yield;
  }
  return false;
}

type Test = (key: EntryKey) => boolean;

/** The tests for the entries of one root. */
interface Area {
  key: RootKey;
  file: Test[];
  directory: Test[];
}

/** A walk stays in one root for long, so the last area is tried first. */
function overAreas(areas: Area[]): Filter {
  const first = areas[0];
  if (!first) return excludeNothing;
  let last = first;
  const excludes = (key: EntryKey, kind: 'file' | 'directory'): boolean => {
    if (!isWithin(key, last.key)) {
      const found = areas.find((area) => isWithin(key, area.key));
      if (!found) return false;
      last = found;
    }
    for (const test of last[kind]) if (test(key)) return true;
    return false;
  };
  const hasPatterns: Filter['hasPatterns'] = (root, kind) =>
    areas.some((area) => area.key === root && area[kind].length > 0);
  return Object.assign(excludes, { hasPatterns });
}

/**
 * A pattern that begins with its root, as most do, is tested against the key itself: its expression has the key of the root in place of
 * the path. For other patterns the path is built, once per entry.
 */
function testsFor(root: { key: RootKey; path: string }, patterns: Pattern[], spent: SlowMatches): Test[] {
  const onKey: Matcher[] = [];
  const onPath: Matcher[] = [];
  const below: Matcher[] = [];
  for (const pattern of patterns) {
    const { owner, isAnchored, isBelow } = pattern;
    if (owner !== undefined && !isWithin(root.key, owner)) continue;
    const regex = regexOf(pattern, isAnchored ? root.key : root.path);
    (isBelow ? below : isAnchored ? onKey : onPath).push(matcherOf(regex, pattern, spent));
  }
  const tests: Test[] = [];
  if (below.length > 0) tests.push((key) => key.length > root.key.length && anyMatches(below, key));
  if (onKey.length > 0) tests.push((key) => anyMatches(onKey, key));
  if (onPath.length > 0) tests.push((key) => anyMatches(onPath, root.path + key.slice(root.key.length)));
  return tests;
}

function anyMatches(matchers: Matcher[], text: string): boolean {
  for (const matches of matchers) if (matches(text)) return true;
  return false;
}
