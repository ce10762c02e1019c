// Small whole files in the state directory: read as a whole, replaced as a whole, so that no crash leaves half of one.
// Refuses to guess: what cannot be read as the record it should be is an error, never an absent record.

import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ZodType } from 'zod';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import { lstatIfThere } from '../files/if-there.js';
import { type Judge, readRegular } from '../trust/regular-file.js';

/** Replaces `path`, or makes it, readable by its owner alone. On return the new content and its name are on disk. */
export function writeFileAtomically(path: string, content: string): void {
  placing(path, content, (temporary) => renameSync(temporary, path));
}

/** As above, but returns false and changes nothing when `path` is there already. */
export function createFileAtomically(path: string, content: string): boolean {
  return placing(path, content, (temporary) => {
    linkSync(temporary, path); // unlike rename, refuses to replace
    unlinkSync(temporary);
  });
}

/** False when the name was taken. */
function placing(path: string, content: string, place: (temporary: string) => void): boolean {
  const temporary = `${path}.${randomUUID()}.new`; // a name of its own: two writers must not share an inode
  try {
    writeFileSync(temporary, content, { mode: 0o600, flush: true });
    place(temporary);
    syncDirectory(dirname(path));
    return true;
  } catch (error) {
    discard(temporary);
    if (errnoOf(error) === 'EEXIST') return false;
    throw localError('write', path, error);
  }
}

/** Why it cannot be removed, if it cannot, is what kept it from being written. */
function discard(temporary: string): void {
  try {
    unlinkSync(temporary);
  } catch {}
}

/** Removes `path`; true when there was something to remove. */
export function removeFile(path: string): boolean {
  try {
    unlinkSync(path);
    syncDirectory(dirname(path));
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw localError('remove', path, error);
  }
}

/** Many times what any of them holds. */
const MOST_BYTES = 2 ** 26;

/**
 * The content of `path`, or undefined when there is no such file, and no link that leads nowhere. For `judge` see `readRegular`. Throws `usage` for what is no file, `local`
 * for what cannot be read.
 */
export function readFileIfAny(path: string, judge?: Judge): string | undefined {
  try {
    return readRegular(path, MOST_BYTES, judge).toString();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && !lstatIfThere(path)?.isSymbolicLink()) return undefined;
    throw localError('read', path, error);
  }
}

/** The JSON record in `path`, or undefined when there is no such file. `hint` says what to do when it is damaged. */
export function readRecord<T>(path: string, shape: ZodType<T>, hint: string, judge?: Judge): T | undefined {
  const text = readFileIfAny(path, judge);
  return text === undefined ? undefined : parseRecord(text, path, shape, hint);
}

function parseRecord<T>(text: string, path: string, shape: ZodType<T>, hint: string): T {
  try {
    return shape.parse(JSON.parse(text));
  } catch (cause) {
    throw new LmError('local', `${printable(path)} is damaged: it does not hold the record it should`, { hint, cause });
  }
}

export const recordText = (record: object): string => `${JSON.stringify(record)}\n`;

export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
