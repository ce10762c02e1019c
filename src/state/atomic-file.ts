// Writes files that appear whole or not at all, so that no crash leaves half of one, and reads small records. A file that does not hold
// the record it should is an error, never an absent record.

import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, renameSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ZodType } from 'zod';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import { lstatIfThere } from '../files/if-there.js';
import { writeAll } from '../files/write-all.js';
import { type Check, readRegular } from '../trust/regular-file.js';

/** Replaces `path`, or creates it, readable by its owner alone. On return the new content and its name are on disk. */
export function writeFileAtomically(path: string, content: string): void {
  publishContent(path, content, (file) => file.replace());
}

/** As above, but returns false and changes nothing when `path` exists already. */
export function createFileAtomically(path: string, content: string): boolean {
  return publishContent(path, content, (file) => file.create());
}

/** False when the name was taken. */
function publishContent(path: string, content: string, publish: (file: PendingFile) => void): boolean {
  let file: PendingFile | undefined;
  try {
    file = new PendingFile(path);
    file.write(Buffer.from(content));
    publish(file);
    syncPath(dirname(path));
    return true;
  } catch (error) {
    file?.discard();
    if (errnoOf(error) === 'EEXIST') return false;
    throw localError('write', path, error);
  }
}

/** A file that is written under a temporary name, and gets its own name once all of it is on disk. Its methods throw system errors. */
export class PendingFile {
  readonly #path: string;
  readonly #temporary: string;
  #fd: number | undefined;
  #isPublished = false;

  /** The temporary name is beside `path`, and its own: two writers must not share an inode. */
  constructor(path: string) {
    this.#path = path;
    this.#temporary = `${path}.${randomUUID()}.new`;
    this.#fd = openSync(this.#temporary, 'wx', 0o600);
  }

  write(bytes: Uint8Array): void {
    writeAll(this.#fd!, bytes);
  }

  /** Takes the place of a file that has the name. On return the content is on disk; the name is, once its directory is synced. */
  replace(): void {
    this.#publish(() => renameSync(this.#temporary, this.#path));
  }

  /** Throws EEXIST when the name is taken. */
  create(): void {
    this.#publish(() => {
      linkSync(this.#temporary, this.#path); // unlike rename, refuses to replace
      unlinkSync(this.#temporary);
    });
  }

  #publish(name: () => void): void {
    fsyncSync(this.#fd!);
    this.#close();
    name();
    this.#isPublished = true;
  }

  /** Removes the file unless it has its name. Does not throw: what failed before is the error to report. */
  discard(): void {
    if (this.#isPublished) return;
    try {
      this.#close();
      unlinkSync(this.#temporary);
    } catch {}
  }

  #close(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    closeSync(fd);
  }
}

/** Removes `path`; true when there was something to remove. */
export function removeFile(path: string): boolean {
  try {
    unlinkSync(path);
    syncPath(dirname(path));
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw localError('remove', path, error);
  }
}

/** Many times the size of any record. */
const MAX_BYTES = 2 ** 26;

/**
 * The content of `path`; undefined when nothing has that name, not even a dangling link. For `check` see `readRegular`. Throws `usage` for
 * what is no regular file, `local` for what cannot be read.
 */
export function readFileIfThere(path: string, check?: Check): string | undefined {
  try {
    return readRegular(path, MAX_BYTES, check).toString();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && !lstatIfThere(path)?.isSymbolicLink()) return undefined;
    throw localError('read', path, error);
  }
}

/** The JSON record in `path`, or undefined when there is no such file. `hint` says what to do when it is damaged. */
export function readRecord<T>(path: string, shape: ZodType<T>, hint: string, judge?: Check): T | undefined {
  const text = readFileIfThere(path, judge);
  return text === undefined ? undefined : parseRecord(text, path, shape, hint);
}

function parseRecord<T>(text: string, path: string, shape: ZodType<T>, hint: string): T {
  try {
    return shape.parse(JSON.parse(text));
  } catch (cause) {
    throw new LmError('damaged-record', `${printable(path)} is damaged: it does not hold the record it should`, {
      hint,
      cause,
    });
  }
}

export const recordText = (record: object): string => `${JSON.stringify(record)}\n`;

/** Returns when a file, or the names in a directory, are on disk. */
export function syncPath(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
