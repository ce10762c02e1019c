// Compiles a shell glob for keys with micromatch to the source of a regular expression.

import micromatch from 'micromatch';
import type { Fail } from './java-glob.js';

/** `dot`: `*` matches names that begin with a dot too, unlike in a shell: who excludes files means those as well. */
const OPTIONS = { dot: true, nonegate: true, strictBrackets: true, posix: true } as const;

interface ShellGlob {
  /** The source of a regular expression (flag `u`) for a whole key. */
  source: string;
  /** The glob ends in a slash: it matches directories only. */
  directories: boolean;
}

/** A glob without a slash matches names in any directory, one with a slash matches keys such as `data/0/ks/t/x.db`. */
export function shellGlob(glob: string, fail: Fail): ShellGlob {
  const directories = glob.endsWith('/');
  const text = directories ? glob.slice(0, -1) : glob;
  if (text === '') fail('it holds no name');
  if (/^!(?!\()/.test(text)) fail('a leading ! would exclude everything else; write \\! for a name that begins so');
  if (text.startsWith('/')) fail('a key begins with its root, such as data/0, and not with a slash');
  if (/(^|\/)\.{0,2}(\/|$)/.test(text)) fail("a key holds no empty name, '.' or '..'");
  if (text.includes('\0')) fail('a name cannot hold NUL');
  if (/(^|[^\\])(\\\\)*\\$/.test(text)) fail('nothing follows the backslash');
  const anywhere = text.includes('/') ? text : `**/${text}`;
  return { source: sourceOf(anywhere, fail), directories };
}

function sourceOf(glob: string, fail: Fail): string {
  try {
    return plain(micromatch.makeRe(literalLetters(glob), OPTIONS).source);
  } catch (error) {
    return fail(`it cannot be compiled: ${(error as Error).message}`);
  }
}

/** Removes the backslash of `\d`: a shell reads it as the letter, but micromatch passes it on. */
const literalLetters = (glob: string): string =>
  glob.replace(/\\(\\|[\p{L}\p{N}])/gu, (both, c) => (c === '\\' ? both : c));

/**
 * Rewrites escapes that flag `u` does not allow. Removes from `**` the test for `.` and `..` at each step, which no key holds, so that the
 * time of a match is bounded by the length (`lengthWithin`).
 */
const plain = (source: string): string =>
  source.replaceAll(ANY_PATH, '[^]*?').replace(/\\([^\w^$\\.*+?()[\]{}|/])/gu, (_, c: string) => `\\u{${hex(c)}}`);

const ANY_PATH = String.raw`(?:(?!(?:^|\/)\.{1,2}(?:\/|$)).)*?`;

const hex = (c: string): string => c.codePointAt(0)!.toString(16);
