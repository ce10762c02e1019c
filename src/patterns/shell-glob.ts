// A shell's glob on keys, as micromatch understands it, made the source of a regular expression. Knows no settings and tests no key.

import micromatch from 'micromatch';
import type { Fail } from './java-glob.js';

/** A key's names may begin with a dot, which a shell hides from `*` and an operator who excludes does not. */
const OPTIONS = { dot: true, nonegate: true, strictBrackets: true, posix: true } as const;

export interface ShellGlob {
  /** Of a regular expression (flag `u`) for a whole key. */
  source: string;
  /** It ends in a slash, and so means directories alone. */
  directories: boolean;
}

/** Without a slash it is about names, in whatever directory; with one, about keys such as `data/0/ks/t/x.db`. */
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

/** micromatch hands `\d` through, which a shell reads as the letter. */
const literalLetters = (glob: string): string =>
  glob.replace(/\\(\\|[\p{L}\p{N}])/gu, (both, c) => (c === '\\' ? both : c));

/**
 * The same with every escape one that flag `u` allows, and `**` without its look at each step for `.` and `..`, which no key holds: so
 * it is known to take a time that is bounded by the length (`lengthWithin`).
 */
const plain = (source: string): string =>
  source.replaceAll(ANY_PATH, '[^]*?').replace(/\\([^\w^$\\.*+?()[\]{}|/])/gu, (_, c: string) => `\\u{${hex(c)}}`);

const ANY_PATH = String.raw`(?:(?!(?:^|\/)\.{1,2}(?:\/|$)).)*?`;

const hex = (c: string): string => c.codePointAt(0)!.toString(16);
