// What is excluded: `glob:` and `regex:` patterns with placeholders, made one test on keys. Reads no directory.

import { LmError, printable } from '../errors.js';
import { MATCH_SECONDS, matchWithin, safeLengthOf } from './bounded-match.js';
import { type EntryKey, type Exclusions, isWithin, parentOf, type RootKey } from './entry.js';
import { type Fail, globSource, STAND_IN } from './java-glob.js';
import { regexSource } from './java-regex.js';

/** One side's patterns with that side's own directories, which the patterns are about. Plain data: crosses threads. */
export interface FilterSpec {
  exclusions: Exclusions;
  roots: { key: RootKey; path: string }[];
}

/** True for an entry that is excluded by a pattern of its own; whoever walks does not enter an excluded directory. */
export interface Filter {
  (key: EntryKey, kind: 'file' | 'directory'): boolean;
  /** False when nothing of the kind is excluded in the root, whatever its key. */
  hasPatterns(root: RootKey, kind: 'file' | 'directory'): boolean;
}

/** The filter without patterns; compare with it to skip asking at all. */
export const excludeNothing: Filter = Object.assign(() => false, { hasPatterns: () => false });

/** The names patterns may use, and the root type each stands for (LiveMigrationPlaceholderUtil). `DATA_FILE_DIR_0` names one root. */
const PLACEHOLDERS = new Map([
  ['DATA_FILE_DIR', 'data'],
  ['COMMITLOG_DIR', 'commitlog'],
  ['HINTS_DIR', 'hints'],
  ['SAVED_CACHES_DIR', 'saved_caches'],
  ['CDC_RAW_DIR', 'cdc_raw'],
  ['LOCAL_SYSTEM_DATA_FILE_DIR', 'local_system_data'],
]);

/** Excluded by any of the specs. Throws `usage`, naming the setting and the pattern, for a pattern that has no certain meaning. */
export function compileFilter(...specs: FilterSpec[]): Filter {
  const areas = new Map<RootKey, Area>();
  for (const { exclusions, roots } of specs) {
    const files = exclusions.filesToExclude.map((text) => parsePattern('files_to_exclude', text));
    const directories = exclusions.dirsToExclude.map((text) => parsePattern('dirs_to_exclude', text));
    for (const root of roots) {
      const area = areas.get(root.key) ?? { key: root.key, file: [], directory: [] };
      area.file.push(...testsFor(root, files));
      area.directory.push(...testsFor(root, directories));
      areas.set(root.key, area);
    }
  }
  return overAreas([...areas.values()].filter((area) => area.file.length + area.directory.length > 0));
}

/** Throws `usage` for the first pattern `compileFilter` would refuse. */
export function checkPatterns(exclusions: Exclusions): void {
  for (const text of exclusions.filesToExclude) parsePattern('files_to_exclude', text);
  for (const text of exclusions.dirsToExclude) parsePattern('dirs_to_exclude', text);
}

/** Whether a file with this key is out of reach: excluded itself, or below an excluded directory or root. */
export function isKeyExcluded(filter: Filter, key: EntryKey): boolean {
  if (filter === excludeNothing) return false;
  if (filter(key, 'file')) return true;
  for (let dir = parentOf(key); dir.includes('/'); dir = parentOf(dir)) if (filter(dir, 'directory')) return true;
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
function testsFor(root: { key: RootKey; path: string }, patterns: Pattern[]): Test[] {
  const onKey: Matcher[] = [];
  const onPath: Matcher[] = [];
  for (const pattern of patterns) {
    const { source, owner, isAnchored } = pattern;
    if (owner !== undefined && !isWithin(root.key, owner)) continue;
    const prefix = isAnchored ? root.key : root.path;
    const regex = new RegExp(
      source.replaceAll(STAND_IN, () => escapeLiteral(prefix)),
      'u',
    );
    (isAnchored ? onKey : onPath).push(matcherOf(regex, pattern));
  }
  const tests: Test[] = [];
  if (onKey.length > 0) tests.push((key) => anyMatches(onKey, key));
  if (onPath.length > 0) tests.push((key) => anyMatches(onPath, root.path + key.slice(root.key.length)));
  return tests;
}

type Matcher = (text: string) => boolean;

/** Throws `usage` for a pattern that gets lost in a path: it would hold up a run for hours, in silence. */
function matcherOf(regex: RegExp, { setting, text, safeLength }: Pattern): Matcher {
  let lost: LmError | undefined; // its next path would cost as much time, and end the same way
  return (path) => {
    if (path.length <= safeLength) return regex.test(path);
    const matches = lost ? undefined : matchWithin(regex, path);
    if (matches !== undefined) return matches;
    const reason = `cannot be told in ${MATCH_SECONDS} s whether it matches ${printable(path)}`;
    lost ??= new LmError('usage', `${setting}: ${printable(text)}: ${reason}`, {
      hint: 'what is repeated within a repeated group, as in (a+)+, has too many ways to fail: write it without',
    });
    throw lost;
  };
}

function anyMatches(matchers: Matcher[], text: string): boolean {
  for (const matches of matchers) if (matches(text)) return true;
  return false;
}

/**
 * Java puts a directory into the text of the pattern, where a `[` or `+` in its name turns into syntax and the exclusion silently
 * misses. Here it goes in after the translation and stands for itself.
 */
const escapeLiteral = (text: string): string => text.replace(/[\^$\\.*+?()[\]{}|/]/g, '\\$&');

interface Pattern {
  /** Where it was given, and how. */
  setting: string;
  text: string;
  /** Of a regular expression (flag `u`) for a whole path, STAND_IN at the place of the root's. */
  source: string;
  /** What the placeholder stands for: a type (`data`), a root (`data/0`), or undefined without a placeholder: any root. */
  owner: string | undefined;
  /** The path begins with the root's, and the root is mentioned nowhere else. */
  isAnchored: boolean;
  /** Of paths that are matched in good time for sure. */
  safeLength: number;
}

function parsePattern(setting: string, text: string): Pattern {
  const refuse = (reason: string, hint?: string): never => {
    throw new LmError('usage', `${setting}: ${printable(text)}: ${reason}`, hint === undefined ? {} : { hint });
  };
  const colon = text.indexOf(':');
  const syntax = text.slice(0, Math.max(colon, 0)).toLowerCase();
  if (syntax !== 'glob' && syntax !== 'regex') return refuse('a pattern begins with glob: or regex:');
  const { body, name } = withStandIn(text.slice(colon + 1), refuse);
  const fail: Fail = (reason, index) =>
    refuse(index === undefined ? reason : `${reason} at index ${originalIndex(index)}`);
  /** Indexes are into the text as it was given, where each placeholder is longer than its stand-in. */
  const originalIndex = (index: number): number =>
    colon + 1 + index + (body.slice(0, index).split(STAND_IN).length - 1) * ((name?.length ?? 0) + 2);
  const source = syntax === 'glob' ? globSource(body, fail) : regexSource(body, fail);
  const isAnchored = syntax === 'glob' && body.lastIndexOf(STAND_IN) === 0;
  const owner = name === undefined ? undefined : ownerOf(name, refuse);
  return { setting, text, source, owner, isAnchored, safeLength: safeLengthOf(source) };
}

/** The pattern with its placeholder, which may come more than once, replaced by STAND_IN. */
function withStandIn(body: string, refuse: (reason: string) => never): { body: string; name: string | undefined } {
  if (body.includes(STAND_IN)) refuse('U+FDD0 is not a character');
  const names = new Set(Array.from(body.matchAll(/\$\{(\w+)\}/g), (match) => match[1]!));
  // The Sidecar expands the first and takes the second by the letter, which no operator can have meant.
  if (names.size > 1) refuse('a pattern can hold one kind of placeholder only');
  const [name] = names;
  if (name === undefined) return { body, name };
  return { body: body.replaceAll(`\${${name}}`, STAND_IN), name };
}

function ownerOf(name: string, refuse: (reason: string, hint: string) => never): string {
  const type = PLACEHOLDERS.get(name);
  if (type !== undefined) return type;
  const index = /^DATA_FILE_DIR_(0|[1-9]\d*)$/.exec(name)?.[1];
  if (index !== undefined) return `data/${index}`;
  return refuse(
    `unknown placeholder \${${name}}`,
    `known are ${[...PLACEHOLDERS.keys()].join(', ')} and DATA_FILE_DIR_0, DATA_FILE_DIR_1, …`,
  );
}
