// Translates a regular expression of java.util.regex to JavaScript. Refuses what has no equal meaning there.

import { type Fail, STAND_IN } from './java-glob.js';

/** Java's dot and `$` have five line terminators; JavaScript's dot has four. */
const TERMINATORS = '\\n\\r\\x85\\u2028\\u2029';
/** Java's `$` also matches before a line terminator at the end of the text. */
const END = `(?:$|(?=\\r\\n$)|(?<!\\r)(?=\\n$)|(?=[\\r\\x85\\u2028\\u2029]$))`;

/** Members of each character class, without brackets. Java's classes are ASCII; JavaScript's `\s` is not. */
const CLASSES: Record<string, string | undefined> = {
  d: '0-9',
  D: '\\0-/:-\\u{10ffff}',
  w: '\\w',
  W: '\\W',
  s: '\\t-\\r ',
  S: '\\0-\\x08\\x0e-\\x1f!-\\u{10ffff}',
};

const CONTROLS: Record<string, string | undefined> = { t: '\t', n: '\n', r: '\r', f: '\f', a: '\x07', e: '\x1b' };

interface Cursor {
  readonly text: string;
  readonly fail: Fail;
  at: number;
  readonly names: Set<string>;
}

/** The source of a regular expression (flag `u`) that matches a whole path exactly when `Matcher.matches()` does. */
export function regexSource(text: string, fail: Fail): string {
  const cursor: Cursor = { text, fail, at: 0, names: new Set() };
  const [head, letters] = /^\(\?([is]+)\)/.exec(text) ?? ['', ''];
  cursor.at = head!.length;
  const flags: Flags = { ignoreCase: letters!.includes('i'), dotAll: letters!.includes('s') };
  let out = '';
  while (cursor.at < text.length) out += item(cursor, flags);
  try {
    new RegExp(out, 'u'); // before it is wrapped, so that `a)(b` cannot borrow a parenthesis
  } catch (error) {
    fail((error as Error).message.replace(/^.*: /s, '').toLowerCase());
  }
  return `^(?:${out})$`;
}

interface Flags {
  ignoreCase: boolean;
  dotAll: boolean;
}

function item(cursor: Cursor, flags: Flags): string {
  const c = codePoint(cursor);
  switch (c) {
    case '\\':
      return escaped(cursor, flags);
    case '[':
      return readSet(cursor, flags);
    case '(':
      return openGroup(cursor);
    case '.':
      return flags.dotAll ? '[^]' : `[^${TERMINATORS}]`;
    case '$':
      return END;
    case '*':
    case '+':
    case '?':
      return quantifier(cursor, c);
    case '{':
      return quantifier(cursor, bounds(cursor));
    case '^':
    case ')':
    case '|':
      return c;
    default:
      return literal(c, flags);
  }
}

/** Takes the next code point: a character beyond U+FFFF is one character in Java's patterns too. */
function codePoint(cursor: Cursor): string {
  const c = String.fromCodePoint(cursor.text.codePointAt(cursor.at)!);
  cursor.at += c.length;
  return c;
}

/** Java's `(?i)` folds ASCII only, so both cases are written out instead of using JavaScript's flag. */
function literal(c: string, flags: Flags): string {
  const other = flags.ignoreCase ? otherCase(c) : c;
  if (other !== c) return `[${c}${other}]`;
  return /[\^$\\.*+?()[\]{}|/]/.test(c) ? `\\${c}` : c;
}

function otherCase(c: string): string {
  if (/^[a-z]$/.test(c)) return c.toUpperCase();
  return /^[A-Z]$/.test(c) ? c.toLowerCase() : c;
}

function escaped(cursor: Cursor, flags: Flags): string {
  const start = cursor.at - 1;
  if (cursor.text[cursor.at] === 'Q') return quoted(cursor, flags);
  const read = readEscape(cursor, start);
  return 'members' in read ? `[${read.members}]` : literal(read.char, flags);
}

/** `\Q…\E`; the `\E` is optional at the end of the pattern. */
function quoted(cursor: Cursor, flags: Flags): string {
  const from = cursor.at + 1;
  const end = cursor.text.indexOf('\\E', from);
  const inside = cursor.text.slice(from, end < 0 ? undefined : end);
  cursor.at = end < 0 ? cursor.text.length : end + 2;
  return [...inside].map((c) => literal(c, flags)).join('');
}

/** Reads what follows a backslash: one character, or a class. Refuses escapes that JavaScript lacks or reads differently. */
function readEscape(cursor: Cursor, start: number): { char: string } | { members: string } {
  if (cursor.at === cursor.text.length) cursor.fail('nothing follows the backslash', start);
  const c = codePoint(cursor);
  if (CONTROLS[c] !== undefined) return { char: CONTROLS[c] };
  if (CLASSES[c] !== undefined) return { members: CLASSES[c] };
  if (c === 'x' || c === 'u') {
    const rest = cursor.text.slice(cursor.at);
    const digits = (c === 'x' ? /^([0-9A-Fa-f]{2})|^\{([0-9A-Fa-f]{1,6})\}/ : /^([0-9A-Fa-f]{4})/).exec(rest);
    const code = Number.parseInt(digits?.[1] ?? digits?.[2] ?? 'none', 16);
    // A surrogate would join its neighbour in one language and not in the other.
    if (!(code <= 0x10ffff) || (code >= 0xd800 && code < 0xe000)) cursor.fail(`unusable \\${c} escape`, start);
    cursor.at += digits![0].length;
    return { char: String.fromCodePoint(code) };
  }
  if (/[0-9A-Za-z]/.test(c)) cursor.fail(`\\${c} is not supported`, start);
  return { char: c };
}

/** Groups need not capture, as there are no back references. Look-behind is refused: Java limits its length and JavaScript does not. */
function openGroup(cursor: Cursor): string {
  if (cursor.text[cursor.at] !== '?') return '(?:';
  const form = /^\?(?::|=|!|<[A-Za-z][A-Za-z0-9]*>)/.exec(cursor.text.slice(cursor.at))?.[0];
  if (form === undefined)
    return cursor.fail(
      'of the (?…) forms only (?:…), (?=…), (?!…), (?<name>…) and a leading (?i) or (?s) are supported',
      cursor.at - 1,
    );
  if (cursor.names.has(form)) cursor.fail('two groups have the same name', cursor.at - 1);
  cursor.at += form.length;
  if (!form.startsWith('?<')) return `(${form}`;
  cursor.names.add(form);
  return '(?:';
}

function bounds(cursor: Cursor): string {
  const found = /^\d{1,9}(?:,\d{0,9})?\}/.exec(cursor.text.slice(cursor.at))?.[0];
  if (found === undefined)
    return cursor.fail("'{' needs a count such as {2} or {2,3}, or a backslash before it", cursor.at - 1);
  cursor.at += found.length;
  return `{${found}`;
}

function quantifier(cursor: Cursor, text: string): string {
  const next = cursor.text[cursor.at];
  if (next === '+') cursor.fail('possessive quantifiers are not supported', cursor.at);
  if (next !== '?') return text;
  cursor.at++;
  return `${text}?`;
}

/** Reads `[…]` after its opening bracket. Refuses unions and intersections. */
function readSet(cursor: Cursor, flags: Flags): string {
  const start = cursor.at - 1;
  const negated = cursor.text[cursor.at] === '^';
  if (negated) cursor.at++;
  if (cursor.text[cursor.at] === ']')
    cursor.fail("a class cannot begin with ']'; put a backslash before it", cursor.at);
  let members = '';
  while (cursor.text[cursor.at] !== ']') {
    const low = readMember(cursor, start);
    const isRange = cursor.text[cursor.at] === '-' && cursor.text[cursor.at + 1] !== ']';
    if ('members' in low) {
      members += low.members;
    } else if (!isRange) {
      members += range(low.char, low.char, flags);
    } else {
      const at = cursor.at++;
      const high = readMember(cursor, start);
      if ('members' in high) return cursor.fail('a range cannot end in a class', at);
      if (high.char.codePointAt(0)! < low.char.codePointAt(0)!) cursor.fail('a range runs backwards', at);
      members += range(low.char, high.char, flags);
    }
  }
  cursor.at++;
  return `[${negated ? '^' : ''}${members}]`;
}

function readMember(cursor: Cursor, start: number): { char: string } | { members: string } {
  if (cursor.at >= cursor.text.length) cursor.fail("missing ']'", start);
  const at = cursor.at;
  const c = codePoint(cursor);
  if (c === '[') cursor.fail("'[' within a class needs a backslash: unions are not supported", at);
  if (c === '&' && cursor.text[cursor.at] === '&') cursor.fail("'&&' within a class is not supported", at);
  if (c === STAND_IN) cursor.fail('a placeholder cannot stand within a class', at);
  if (c !== '\\') return { char: c };
  if (cursor.text[cursor.at] === 'Q') cursor.fail('\\Q within a class is not supported', at);
  return readEscape(cursor, at);
}

/** Members from `low` to `high`; with `(?i)` also the other case of each ASCII letter among them. */
function range(low: string, high: string, flags: Flags): string {
  const [from, to] = [low.codePointAt(0)!, high.codePointAt(0)!];
  let out = span(from, to);
  if (!flags.ignoreCase) return out;
  for (const [first, last, shift] of [
    [0x41, 0x5a, 0x20],
    [0x61, 0x7a, -0x20],
  ] as const) {
    const [a, b] = [Math.max(from, first), Math.min(to, last)];
    if (a <= b) out += span(a + shift, b + shift);
  }
  return out;
}

const span = (from: number, to: number): string => (from === to ? unit(from) : `${unit(from)}-${unit(to)}`);

const unit = (code: number): string => {
  const c = String.fromCodePoint(code);
  return /[\\\][^-]/.test(c) ? `\\${c}` : c;
};
