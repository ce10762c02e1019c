// Compiles a glob with micromatch so that it has the meaning that Java's PathMatcher gives it.

import micromatch from 'micromatch';

/** Refuses a pattern: what is wrong and, where known, at which index of the pattern, in UTF-16 units as in Java. */
export type Fail = (reason: string, index?: number) => never;

/** A noncharacter that stands for a directory during the translation. The directory is put in afterwards, as a literal. */
export const STAND_IN = '\ufdd0';

/**
 * micromatch matches as a shell does: it hides leading dots, accepts malformed patterns, and reads `!`, `@(…)`, `{1..3}`, `"…"` and a `**`
 * between letters in its own way. It passes character classes, groups and their quantifiers on as regular expressions. So a Java glob is
 * rewritten in those alone, and these options switch off whatever micromatch would interpret.
 */
const AS_WRITTEN = {
  fastpaths: false,
  regex: true,
  literalBrackets: false,
  posix: false,
  nobrace: true,
  noextglob: true,
  nonegate: true,
  strictSlashes: true,
  strictBrackets: true,
  debug: true,
} as const;

const WITHIN_COMPONENT = '[^/]';

/** Java's `**` is `.*`, and its dot matches no line terminator. Ranges are used because micromatch would add `/` to a negated class. */
const WITHIN_LINE = '[\u0001-\t\v\f\u000e-\u0084\u0086-\u2027\u202a-\u{10ffff}]';

/**
 * The source of a regular expression (flag `u`) that matches a whole path exactly when `sun.nio.fs.Globs` does on Unix.
 * Refuses patterns that Java would translate only in part, such as `[A-[x]`.
 */
export function globSource(glob: string, fail: Fail): string {
  if (glob === '') fail('nothing follows the colon', 0);
  const rewritten = rewrite(glob, fail);
  try {
    return micromatch.makeRe(rewritten, AS_WRITTEN).source;
  } catch (error) {
    return fail(`micromatch cannot compile it: ${(error as Error).message}`);
  }
}

function rewrite(glob: string, fail: Fail): string {
  let out = '';
  let group = -1;
  for (let i = 0; i < glob.length; i++) {
    const c = glob[i]!;
    if (c === '\\') {
      if (++i === glob.length) fail('nothing follows the backslash', i - 1);
      out += literal(glob, i, fail);
    } else if (c === '[') {
      const set = readSet(glob, i, fail);
      out += set.text;
      i = set.end;
    } else if (c === '{') {
      if (group >= 0) fail('groups cannot be nested', i);
      group = i;
      out += '(?:';
    } else if (c === '}' && group >= 0) {
      group = -1;
      out += ')';
    } else if (c === ',' && group >= 0) {
      out += '|';
    } else if (c === '*') {
      const crossing = glob[i + 1] === '*';
      if (crossing) i++;
      out += `${crossing ? WITHIN_LINE : WITHIN_COMPONENT}*`;
    } else {
      out += c === '?' ? WITHIN_COMPONENT : literal(glob, i, fail);
    }
  }
  if (group >= 0) fail("missing '}'", group);
  return out;
}

/** A class of one character keeps micromatch from interpreting the character. */
function literal(glob: string, at: number, fail: Fail): string {
  const c = glob[at]!;
  if (c === '\0') fail('a path cannot hold NUL', at);
  return /[\w/\u0080-\uffff]/.test(c) ? c : `[${member(c)}]`;
}

/** A backslash is written as `\x5c`, because micromatch shortens a run of backslashes. */
const member = (c: string): string => (c === '\\' ? '\\x5c' : /[\][^-]/.test(c) ? `\\${c}` : c);

/** Reads `[…]` from its bracket at `start`; `end` is the index of the closing one. Follows Java step by step, oddities included. */
function readSet(glob: string, start: number, fail: Fail): { text: string; end: number } {
  const negated = glob[start + 1] === '!';
  let i = start + (negated ? 2 : 1);
  let members = '';
  let spansSlash = false;
  let last: string | undefined; // the character that a range may begin with
  if (glob[i] === '-') {
    members = '\\-';
    i++;
  }
  for (; glob[i] !== ']'; i++) {
    const c = glob[i];
    if (c === undefined) return fail("missing ']'", start);
    if (c === '/') fail("a class cannot hold '/'", i);
    if (c === '\0') fail('a path cannot hold NUL', i);
    if (c === STAND_IN) fail('a placeholder cannot stand within a class', i);
    if (c !== '-') {
      members += member(c);
      last = c;
      continue;
    }
    if (last === undefined) fail('a range lacks its beginning', i);
    const to = glob[i + 1];
    if (to === undefined) return fail("missing ']'", start);
    if (to === ']') {
      members += '\\-';
      continue;
    }
    if (to < last!) fail('a range runs backwards', i - 1);
    if (to === '[' || to === '\\') fail(`a range cannot end in '${to}'`, i + 1);
    spansSlash ||= last! < '/' && to >= '/';
    members += `-${member(to)}`;
    last = undefined;
    i++;
  }
  if (members === '') fail('a class cannot be empty', start);
  if (negated) return { text: `[^/${members}]`, end: i };
  return { text: `${spansSlash ? '(?!/)' : ''}[${members}]`, end: i };
}
