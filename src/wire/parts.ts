// Which files a native request asks for: the NDJSON body that /fetch and /digests share. Opens nothing.

import { LmError, printable } from '../errors.js';
import type { EntryKey } from '../files/entry.js';
import { checkName, LONGEST_KEY } from '../files/roots.js';

/** A file as the listing had it, all strings as in `Row`: the source sends no byte of a file that differs in any of them. */
export type Part = [name: string, size: string, mtimeNs: string, ino: string];

export type PartsOfDir = [dir: EntryKey, parts: Part[]];

export const PARTS_CONTENT_TYPE = 'application/x-ndjson';

/** Of one request. Beyond the first the answer is 413, beyond the second 400. */
export const MAX_REQUEST_BYTES = 4 << 20;
export const MAX_PARTS = 8192;

/** The first line is the request's own head; each further line holds the parts of one directory. */
export function writeParts(head: object, dirs: readonly PartsOfDir[]): Uint8Array {
  let text = `${JSON.stringify(head)}\n`;
  for (const dir of dirs) text += `${JSON.stringify(dir)}\n`;
  return Buffer.from(text);
}

/** Throws `protocol` for anything but what `writeParts` writes, and for names that no honest listing holds. */
export function readParts(body: Uint8Array): { head: Record<string, unknown>; dirs: PartsOfDir[] } {
  const [first, ...lines] = new TextDecoder().decode(body).trimEnd().split('\n');
  const head = parseLine(first!);
  if (typeof head !== 'object' || head === null || Array.isArray(head)) throw malformed('its first line is no object');
  const dirs = lines.map((line) => toPartsOfDir(parseLine(line)));
  const count = dirs.reduce((sum, [, parts]) => sum + parts.length, 0);
  if (count > MAX_PARTS) throw malformed(`it asks for ${count} files, at most ${MAX_PARTS} are allowed`);
  return { head: head as Record<string, unknown>, dirs };
}

function toPartsOfDir(line: unknown): PartsOfDir {
  if (!Array.isArray(line) || line.length !== 2) throw malformed('a line is not [directory, files]');
  const [dir, parts] = line;
  if (typeof dir !== 'string' || !Array.isArray(parts)) throw malformed('a line is not [directory, files]');
  if (dir.length > LONGEST_KEY) throw malformed(`a directory of ${dir.length} characters`);
  for (const part of parts) checkPart(dir, part);
  return [dir, parts];
}

function checkPart(dir: EntryKey, part: unknown): void {
  if (!Array.isArray(part) || part.length !== 4 || typeof part[0] !== 'string')
    throw malformed(`a file of ${printable(dir)} is not [name, size, mtimeNs, ino]`);
  const [name, size, mtimeNs, ino] = part;
  checkName(name, `${dir}/${name}`);
  if (!isDecimal(size) || !isDecimal(mtimeNs, SIGNED) || !isDecimal(ino))
    throw malformed(`the size, time or inode of ${printable(`${dir}/${name}`)} is no decimal string`);
}

const UNSIGNED = /^\d{1,20}$/;
const SIGNED = /^-?\d{1,20}$/;

const isDecimal = (value: unknown, form = UNSIGNED): boolean => typeof value === 'string' && form.test(value);

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw malformed('a line is not JSON', cause);
  }
}

export const malformed = (why: string, cause?: unknown): LmError =>
  new LmError('protocol', `malformed request: ${why}`, { cause });
