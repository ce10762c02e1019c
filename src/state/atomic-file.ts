// Small whole files in the state directory: read as a whole, replaced as a whole, so that no crash leaves half of one.
// Refuses to guess: what cannot be read as the record it should be is an error, never an absent record.

import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ZodType } from 'zod';
import { errnoOf, LmError, localError, printable } from '../errors.js';

/** Replaces `path`, or makes it, readable by its owner alone. On return the new content and its name are on disk. */
export function writeFileAtomically(path: string, content: string): void {
  placing(path, content, (temporary) => renameSync(temporary, path));
}

/** As above, but returns false and changes nothing when `path` is there already. */
export function createFileAtomically(path: string, content: string): boolean {
  return placing(path, content, (temporary) => {
    linkSync(temporary, path); // unlike rename, refuses to replace
    rmSync(temporary);
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
    rmSync(temporary, { force: true });
    if (errnoOf(error) === 'EEXIST') return false;
    throw localError('write', path, error);
  }
}

/** Removes `path`; true when there was something to remove. */
export function removeFile(path: string): boolean {
  try {
    rmSync(path);
    syncDirectory(dirname(path));
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw localError('remove', path, error);
  }
}

/** The content of `path`, or undefined when there is no such file. */
export function readFileIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw localError('read', path, error);
  }
}

/** The JSON record in `path`, or undefined when there is no such file. `hint` says what to do when it is damaged. */
export function readRecord<T>(path: string, shape: ZodType<T>, hint: string): T | undefined {
  const text = readFileIfAny(path);
  return text === undefined ? undefined : parseRecord(text, path, shape, hint);
}

export function parseRecord<T>(text: string, path: string, shape: ZodType<T>, hint: string): T {
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
