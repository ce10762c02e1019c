// What is excluded: `glob:` and `regex:` patterns with placeholders and shell globs, made one test on keys. Reads no directory.

import { type EntryKey, type Exclusions, isWithin, parentOf, type RootKey } from '../files/entry.js';
import { type Matcher, matcherOf, type Spent } from './matcher.js';
import { type Pattern, readPatterns, regexOf, type Whose } from './pattern.js';

/** One side's patterns with that side's own directories, which the patterns are about. Plain data: crosses threads. */
export interface FilterSpec {
  exclusions: Exclusions;
  roots: { key: RootKey; path: string }[];
  /** `ours` unless it says so. */
  whose?: Whose;
}

/** True for an entry that is excluded by a pattern of its own; whoever walks does not enter an excluded directory. */
export interface Filter {
  (key: EntryKey, kind: 'file' | 'directory'): boolean;
  /** False when nothing of the kind is excluded in the root, whatever its key. */
  hasPatterns(root: RootKey, kind: 'file' | 'directory'): boolean;
}

/** The filter without patterns; compare with it to skip asking at all. */
export const excludeNothing: Filter = Object.assign(() => false, { hasPatterns: () => false });

/** Excluded by any of the specs. Throws `usage`, or `protocol` for a pattern of the source's, for one that has no certain meaning. */
export function compileFilter(...specs: FilterSpec[]): Filter {
  const areas = new Map<RootKey, Area>();
  const spent: Spent = { slowMs: 0 };
  for (const { exclusions, roots, whose } of specs) {
    const { files, directories } = readPatterns(exclusions, whose);
    for (const root of roots) {
      const area = areas.get(root.key) ?? { key: root.key, file: [], directory: [] };
      area.file.push(...testsFor(root, files, spent));
      area.directory.push(...testsFor(root, directories, spent));
      areas.set(root.key, area);
    }
  }
  return overAreas([...areas.values()].filter((area) => area.file.length + area.directory.length > 0));
}

/** Throws `usage` for the first pattern `compileFilter` would refuse. */
export const checkPatterns = (exclusions: Exclusions): void => void readPatterns(exclusions);

/** Whether a file with this key is out of reach: excluded itself, or below an excluded directory or root. */
export function isKeyExcluded(filter: Filter, key: EntryKey): boolean {
  const steps = judgeKey(filter, key);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** The same, a level a step: there may be thousands. */
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

/** A walk stays in one root for long, so the area met last is tried first. */
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
 * A pattern that begins with its root, as most do, is tested against the key itself, its path standing for its key; for the
 * others the path is built, once an entry.
 */
function testsFor(root: { key: RootKey; path: string }, patterns: Pattern[], spent: Spent): Test[] {
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
