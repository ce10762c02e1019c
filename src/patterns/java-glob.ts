// Gives a glob the meaning Java's PathMatcher gives it, compiled by micromatch. Knows no settings and tests no path.

import micromatch from 'micromatch';

/** Refuses a pattern: what is wrong and, where known, at which UTF-16 index of the pattern, as Java counts. */
export type Fail = (reason: string, index?: number) => never;

/**
 * A noncharacter that keeps a place in a pattern for text that is put in after the translation, and so stands for itself
 * whatever it holds.
 */
export const STAND_IN = '\ufdd0';

/**
 * micromatch is a shell's matcher: it hides leading dots, forgives what is malformed, and reads `!`, `@(…)`, `{1..3}`, `"…"` and
 * a `**` between letters in its own way. Character classes, groups and their quantifiers it hands through as regular
 * expressions, so a Java glob is rewritten in those alone and whatever micromatch would interpret is switched off.
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

/** Java's `**` is `.*`, and its dot stops at line terminators. Ranges, because a negated class would make micromatch add `/`. */
const WITHIN_LINE = '[\u0001-\t\v\f\u000e-\u0084\u0086-\u2027\u202a-\u{10ffff}]';

/**
 * The source of a regular expression (flag `u`) that matches a whole path exactly when `sun.nio.fs.Globs` does on Unix.
 * Patterns Java would let through to its regular expressions half translated, such as `[A-[x]`, are refused.
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

/** A class of one keeps micromatch from reading anything into a character, wherever it stands. */
function literal(glob: string, at: number, fail: Fail): string {
  const c = glob[at]!;
  if (c === '\0') fail('a path cannot hold NUL', at);
  return /[\w/\u0080-\uffff]/.test(c) ? c : `[${member(c)}]`;
}

/** A backslash goes by number, because micromatch thins out a run of them. */
const member = (c: string): string => (c === '\\' ? '\\x5c' : /[\][^-]/.test(c) ? `\\${c}` : c);

/** `[…]` from its bracket at `start`; `end` is the index of the closing one. Step for step as Java reads it, oddities included. */
function readSet(glob: string, start: number, fail: Fail): { text: string; end: number } {
  const negated = glob[start + 1] === '!';
  let i = start + (negated ? 2 : 1);
  let members = '';
  let spansSlash = false;
  let last: string | undefined; // what may begin a range
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
