// Reads the exclusion patterns of one side: checks their syntax, placeholders, number and length, and translates them.

import { excerpt, LmError, type LmErrorOptions } from '../errors.js';
import type { Exclusions } from '../files/listing.js';
import { lengthWithin } from './bounded-match.js';
import { type Fail, globSource, STAND_IN } from './java-glob.js';
import { regexSource } from './java-regex.js';
import { shellGlob } from './shell-glob.js';

/** For one setting. Operators write a dozen patterns of a hundred characters; reading one takes up to 40 µs per character. */
const MAX_PATTERNS = 1_000;
const MAX_CHARACTERS = 128 << 10;
const MAX_PATTERN_CHARACTERS = 4_096;

/** For a regular expression in which the directory has replaced each placeholder. */
const MAX_SOURCE_CHARACTERS = 1 << 16;

/** Placeholders, and the type of roots that each stands for (LiveMigrationPlaceholderUtil). `DATA_FILE_DIR_0` stands for one root. */
const PLACEHOLDERS = new Map([
  ['DATA_FILE_DIR', 'data'],
  ['COMMITLOG_DIR', 'commitlog'],
  ['HINTS_DIR', 'hints'],
  ['SAVED_CACHES_DIR', 'saved_caches'],
  ['CDC_RAW_DIR', 'cdc_raw'],
  ['LOCAL_SYSTEM_DATA_FILE_DIR', 'local_system_data'],
]);

/** The side whose settings have the pattern. Patterns of the source cannot be corrected on this host. */
export type PatternSide = 'local' | 'source';

export interface Pattern {
  /** The error for this pattern, which names setting and pattern: `usage`, or `protocol` for a pattern of the source. */
  refusal(reason: string, options?: LmErrorOptions): LmError;
  /** The source of a regular expression (flag `u`) for a whole path, with STAND_IN for the path of the root. */
  source: string;
  /** What the placeholder stands for: a type (`data`) or a root (`data/0`). Undefined without a placeholder: any root. */
  owner: string | undefined;
  /** The pattern begins with the path of the root, and has it nowhere else. */
  isAnchored: boolean;
  /** The pattern applies to keys below a root, but not to the root itself: --without leaves that out. */
  isBelow: boolean;
  /** Up to these lengths, any path is matched within a millisecond, or within a second. */
  quickLength: number;
  safeLength: number;
}

const QUICK_STEPS = 1e6; // a millisecond
const SAFE_STEPS = 1e9; // a second

/** Throws `Pattern.refusal` for the first pattern whose meaning is ambiguous, or when there are too many. */
export function readPatterns({ filesToExclude, dirsToExclude, exclude = [] }: Exclusions, side: PatternSide = 'local') {
  const globs = patternsOf('exclude', exclude, side, readGlob);
  return {
    files: [
      ...patternsOf('files_to_exclude', filesToExclude, side, readPattern),
      ...globs.filter((glob) => !glob.directories),
    ],
    directories: [...patternsOf('dirs_to_exclude', dirsToExclude, side, readPattern), ...globs],
  };
}

type Read<P extends Pattern> = (text: string, refusal: Pattern['refusal']) => P;

function patternsOf<P extends Pattern>(
  setting: string,
  texts: readonly string[],
  side: PatternSide,
  read: Read<P>,
): P[] {
  if (texts.length > MAX_PATTERNS)
    throw refused(setting, `got ${texts.length} patterns, takes ${MAX_PATTERNS} at most`, side);
  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  if (texts.length > 1 && characters > MAX_CHARACTERS)
    throw refused(setting, `got ${characters} characters, takes ${MAX_CHARACTERS} in all at most`, side);
  return texts.map((text) => {
    const refusal: Pattern['refusal'] = (reason, options) =>
      refused(setting, `${excerpt(text)}: ${reason}`, side, options);
    if (text.length > MAX_PATTERN_CHARACTERS)
      throw refusal(`got ${text.length} characters, takes ${MAX_PATTERN_CHARACTERS} at most`);
    return read(text, refusal);
  });
}

function refused(setting: string, reason: string, side: PatternSide, options: LmErrorOptions = {}): LmError {
  if (side === 'local') return new LmError('usage', `${setting}: ${reason}`, options);
  return new LmError('source-pattern', `the source's ${setting}: ${reason}`, {
    hint: 'correct the pattern in the settings of the source, then start lm serve there again',
    ...options,
  });
}

function readGlob(text: string, refusal: Pattern['refusal']): Pattern & { directories: boolean } {
  const { source, directories } = shellGlob(text, (reason) => {
    throw refusal(reason);
  });
  return { refusal, source, owner: undefined, isAnchored: true, isBelow: true, directories, ...lengthsFor(source) };
}

function readPattern(text: string, refusal: Pattern['refusal']): Pattern {
  const refuse = (reason: string, hint?: string): never => {
    throw refusal(reason, hint === undefined ? {} : { hint });
  };
  const colon = text.indexOf(':');
  const syntax = text.slice(0, Math.max(colon, 0)).toLowerCase();
  if (syntax !== 'glob' && syntax !== 'regex') return refuse('a pattern begins with glob: or regex:');
  const { body, name } = withStandIn(text.slice(colon + 1), refuse);
  const fail: Fail = (reason, index) =>
    refuse(index === undefined ? reason : `${reason} at index ${originalIndex(index)}`);
  /** The index in the text as it was given, where each placeholder is longer than its stand-in. */
  const originalIndex = (index: number): number =>
    colon + 1 + index + (body.slice(0, index).split(STAND_IN).length - 1) * ((name?.length ?? 0) + 2);
  const source = syntax === 'glob' ? globSource(body, fail) : regexSource(body, fail);
  const isAnchored = syntax === 'glob' && body.lastIndexOf(STAND_IN) === 0;
  const owner = name === undefined ? undefined : ownerOf(name, refuse);
  return { refusal, source, owner, isAnchored, isBelow: false, ...lengthsFor(source) };
}

const lengthsFor = (source: string): Pick<Pattern, 'quickLength' | 'safeLength'> => ({
  quickLength: lengthWithin(source, QUICK_STEPS),
  safeLength: lengthWithin(source, SAFE_STEPS),
});

/** The expression for the entries of a root; `prefix` is the path of the root, or its key. */
export function regexOf({ source, refusal }: Pattern, prefix: string): RegExp {
  const text = source.replaceAll(STAND_IN, () => escapeLiteral(prefix));
  if (text.length > MAX_SOURCE_CHARACTERS) throw refusal('it has too many parts');
  return new RegExp(text, 'u');
}

/**
 * Java puts the directory into the text of the pattern, where a `[` or `+` in its name becomes syntax, and the exclusion silently matches
 * nothing. Here the directory is put in after the translation, as a literal.
 */
const escapeLiteral = (text: string): string => text.replace(/[\^$\\.*+?()[\]{}|/]/g, '\\$&');

/** Replaces the placeholder of a pattern, which may occur more than once, by STAND_IN. */
function withStandIn(body: string, refuse: (reason: string) => never): { body: string; name: string | undefined } {
  if (body.includes(STAND_IN)) refuse('U+FDD0 is not a character');
  const names = new Set(Array.from(body.matchAll(/\$\{(\w+)\}/g), (match) => match[1]!));
  // The Sidecar expands the first and takes the second literally, which no operator can have meant.
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
