// Writes and reads the NDJSON body that /fetch and /digests share: the files that a native request is for. One to /digests may have lines of the
// agent's own listing instead.

import { hexOf } from '../digest/digest.js';
import { createXxh64, type Xxh64 } from '../digest/kernels/xxh64.js';
import { LmError } from '../errors.js';
import type { EntryKey } from '../files/entry.js';
import { checkName, MAX_KEY } from '../files/roots.js';

/** A file as the listing had it, all strings as in `Entry`: the source sends no byte of a file that now differs in any of them. */
export type RequestedFile = [name: string, size: string, mtimeNs: string, ino: string];

export type RequestedDirectory = [dir: EntryKey, files: RequestedFile[]];

export const FILE_REQUEST_TYPE = 'application/x-ndjson';

/**
 * Sent with a request for bytes of files: the XXH64 of its body, in hexadecimal digits. An agent that got another body answers 400, with that of
 * what it got: a flipped bit may ask for all bytes instead of their hashes, or for another file. An older agent does not look.
 */
export const BODY_HASH_HEADER = 'lm-body-xxh64';

export function bodyHash(body: Uint8Array): string {
  hash ??= createXxh64();
  hash.update(body);
  return hexOf(hash.digest());
}

let hash: Xxh64 | undefined;

export const sealedHeaders = (type: string, body: Uint8Array): Record<string, string> => ({
  'Content-Type': type,
  [BODY_HASH_HEADER]: bodyHash(body),
});

/** Limits of one request, which both ends keep. The agent answers 413 beyond the first, 400 beyond the second. */
export const MAX_REQUEST_BYTES = 4 << 20;
export const MAX_REQUESTED_FILES = 8192;

/** Of the first line, in UTF-16 units; `writeFileRequest` writes a few dozen. */
export const MAX_HEAD_CHARACTERS = 4096;

/** The first line is the request's own head; each further line holds the files of one directory, one at least. */
export function writeFileRequest(head: object, dirs: readonly RequestedDirectory[]): Uint8Array {
  let text = `${JSON.stringify(head)}\n`;
  for (const dir of dirs) text += `${JSON.stringify(dir)}\n`;
  return Buffer.from(text);
}

/** The head has `lines: true`; each further line is one of the agent's listing, byte for byte. */
export function writeLinesRequest(head: object, lines: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from(`${JSON.stringify(head)}\n`)];
  for (const line of lines) parts.push(line, ...(line.at(-1) === NEWLINE ? [] : [LINE_END]));
  return Buffer.concat(parts);
}

const NEWLINE = 10;
const LINE_END = Buffer.of(NEWLINE);

/** A request is for one or the other. What its lines say is not looked at here. */
export interface FileRequest {
  head: Record<string, unknown>;
  dirs: RequestedDirectory[];
  lines: Uint8Array[];
}

/** Throws `protocol` for anything but what the writers above write, and for names that no valid listing holds. */
export function readFileRequest(body: Uint8Array): FileRequest {
  const end = body.indexOf(NEWLINE) + 1 || body.length;
  const head = readHead(new TextDecoder().decode(body.subarray(0, end)));
  const rest = body.subarray(end);
  if (head['lines'] === true) return { head, dirs: [], lines: [...linesIn(rest)] };
  return { head, dirs: [...readDirs(new TextDecoder().decode(rest), 0)], lines: [] };
}

/** Of a listing, a thousand entries with names of 255 bytes stay below that. To parse as many brackets takes 45 MB. */
const MAX_LISTED_LINE_BYTES = 1 << 20;

function* linesIn(bytes: Uint8Array): Generator<Uint8Array> {
  let count = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(NEWLINE, at) + 1 || bytes.length;
    if (end - at > MAX_LISTED_LINE_BYTES)
      throw malformedRequest(`line ${count + 2} has more than ${MAX_LISTED_LINE_BYTES} bytes`);
    if (++count > MAX_REQUESTED_FILES) throw malformedRequest(`it asks for more than ${MAX_REQUESTED_FILES} lines`);
    yield bytes.slice(at, end);
    at = end;
  }
}

function readHead(line: string): Record<string, unknown> {
  if (line.length > MAX_HEAD_CHARACTERS)
    throw malformedRequest(`its first line has more than ${MAX_HEAD_CHARACTERS} characters`);
  let head: unknown;
  try {
    head = JSON.parse(line);
  } catch (cause) {
    throw malformedRequest('its first line is not JSON', cause);
  }
  if (typeof head !== 'object' || head === null || Array.isArray(head))
    throw malformedRequest('its first line is no object');
  return head as Record<string, unknown>;
}

/**
 * Reads file by file, up to the first that is wrong. JSON.parse would make 180 MB of 4 MiB of brackets before they could be refused, and
 * takes twice as long for a valid body.
 */
function* readDirs(text: string, start: number): Generator<RequestedDirectory> {
  let count = 0;
  for (let at = start, line = 2; at < text.length; line++) {
    const cut = (form: RegExp): RegExpExecArray => {
      form.lastIndex = at;
      const match = form.exec(text);
      if (!match) throw malformedRequest(`line ${line} is not ${LINE}`);
      at = form.lastIndex;
      return match;
    };
    const dir = unescaped(cut(DIRECTORY_START)[1]!);
    const files: RequestedFile[] = [];
    for (let separator: string | undefined = ','; separator === ','; ) {
      const [, escaped, size, mtimeNs, ino, after] = cut(FILE_TUPLE);
      if (++count > MAX_REQUESTED_FILES) throw malformedRequest(`it asks for more than ${MAX_REQUESTED_FILES} files`);
      const name = unescaped(escaped!);
      checkName(name, `${dir}/${name}`);
      files.push([name, size!, mtimeNs!, ino!]);
      separator = after;
    }
    yield [dir, files];
  }
}

const LINE = `[directory, [[name, size, mtimeNs, ino], …]], of decimal strings and at most ${MAX_KEY} characters a directory`;

/**
 * The inside of a string as JSON.stringify writes it, one UTF-16 unit after the other. Without a limit, a match of megabytes would fail
 * only after it had been tried at every length.
 */
const STRING = String.raw`((?:[ !#-[\]-\uffff]|\\["\\bfnrt]|\\u[\da-f]{4}){0,${MAX_KEY}})`;
const DIRECTORY_START = new RegExp(String.raw`\["${STRING}",\[`, 'y');
const FILE_TUPLE = new RegExp(
  String.raw`\["${STRING}","(\d{1,20})","(-?\d{1,28})","(\d{1,20})"\](?:(,)|\]\](?:\n|$))`,
  'y',
);

const unescaped = (inside: string): string => (inside.includes('\\') ? JSON.parse(`"${inside}"`) : inside);

export const malformedRequest = (why: string, cause?: unknown): LmError =>
  new LmError('protocol', `malformed request: ${why}`, { cause });
