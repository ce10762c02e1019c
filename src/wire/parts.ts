// Which files a native request asks for: the NDJSON body that /fetch and /digests share. Opens nothing.

import { LmError } from '../errors.js';
import type { EntryKey } from '../files/entry.js';
import { checkName, LONGEST_KEY } from '../files/roots.js';

/** A file as the listing had it, all strings as in `Entry`: the source sends no byte of a file that differs in any of them. */
export type Part = [name: string, size: string, mtimeNs: string, ino: string];

export type PartsOfDir = [dir: EntryKey, parts: Part[]];

export const PARTS_CONTENT_TYPE = 'application/x-ndjson';

/** Of one request. Beyond the first the answer is 413, beyond the second 400. */
export const MAX_REQUEST_BYTES = 4 << 20;
export const MAX_PARTS = 8192;

/** Of the first line, in UTF-16 units; what is written has a few dozen. */
const LONGEST_HEAD = 4096;

/** The first line is the request's own head; each further line holds the parts of one directory, one at least. */
export function writeParts(head: object, dirs: readonly PartsOfDir[]): Uint8Array {
  let text = `${JSON.stringify(head)}\n`;
  for (const dir of dirs) text += `${JSON.stringify(dir)}\n`;
  return Buffer.from(text);
}

/** Throws `protocol` for anything but what `writeParts` writes, and for names that no honest listing holds. */
export function readParts(body: Uint8Array): { head: Record<string, unknown>; dirs: PartsOfDir[] } {
  const text = new TextDecoder().decode(body);
  const headEnd = text.indexOf('\n') + 1 || text.length;
  if (headEnd > LONGEST_HEAD) throw malformed(`its first line has more than ${LONGEST_HEAD} characters`);
  return { head: readHead(text.slice(0, headEnd)), dirs: [...readDirs(text, headEnd)] };
}

function readHead(line: string): Record<string, unknown> {
  let head: unknown;
  try {
    head = JSON.parse(line);
  } catch (cause) {
    throw malformed('its first line is not JSON', cause);
  }
  if (typeof head !== 'object' || head === null || Array.isArray(head)) throw malformed('its first line is no object');
  return head as Record<string, unknown>;
}

/**
 * Part by part, up to the first that is wrong: JSON.parse makes 180 MB of 4 MiB of brackets before anything can be said of them, and
 * takes twice as long for what is in order.
 */
function* readDirs(text: string, start: number): Generator<PartsOfDir> {
  let files = 0;
  for (let at = start, line = 2; at < text.length; line++) {
    const cut = (form: RegExp): RegExpExecArray => {
      form.lastIndex = at;
      const match = form.exec(text);
      if (!match) throw malformed(`line ${line} is not ${LINE}`);
      at = form.lastIndex;
      return match;
    };
    const dir = unescaped(cut(DIR)[1]!);
    const parts: Part[] = [];
    for (let separator: string | undefined = ','; separator === ','; ) {
      const [, escaped, size, mtimeNs, ino, after] = cut(PART);
      if (++files > MAX_PARTS) throw malformed(`it asks for more than ${MAX_PARTS} files`);
      const name = unescaped(escaped!);
      checkName(name, `${dir}/${name}`);
      parts.push([name, size!, mtimeNs!, ino!]);
      separator = after;
    }
    yield [dir, parts];
  }
}

const LINE = `[directory, [[name, size, mtimeNs, ino], …]], of decimal strings and at most ${LONGEST_KEY} characters a directory`;

/**
 * The inside of a string as JSON.stringify writes it, unit by UTF-16 unit. Without a limit a match of megabytes would fail only after
 * it had been tried at every length.
 */
const STRING = String.raw`((?:[ !#-[\]-\uffff]|\\["\\bfnrt]|\\u[\da-f]{4}){0,${LONGEST_KEY}})`;
const DIR = new RegExp(String.raw`\["${STRING}",\[`, 'y');
const PART = new RegExp(String.raw`\["${STRING}","(\d{1,20})","(-?\d{1,28})","(\d{1,20})"\](?:(,)|\]\](?:\n|$))`, 'y');

const unescaped = (inside: string): string => (inside.includes('\\') ? JSON.parse(`"${inside}"`) : inside);

export const malformed = (why: string, cause?: unknown): LmError =>
  new LmError('protocol', `malformed request: ${why}`, { cause });
