// Appends one line of JSON for each request to a file. Escapes what could forge a line. A failed write is a warning: it never stops the
// agent.

import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { geteuid } from 'node:process';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import { writeAll } from '../files/write-all.js';
import { follow } from '../trust/trust.js';
import type { ServedRequest } from './server.js';

export interface AccessLog {
  write(request: ServedRequest): void;
  /** Opens the path again, after the file was renamed: true when it now leads to another file, which gets the next lines. Throws `local`. */
  reopen(): boolean;
  close(): void;
}

/** Throws `local` when the file cannot be opened; warns once of later failures, until a write succeeds. */
export function openAccessLog(path: string, warn: (text: string) => void, now: () => number = Date.now): AccessLog {
  let fd = open(path);
  let failed = false;
  return {
    write(request) {
      try {
        writeAll(fd, Buffer.from(lineOf(request, now())));
        failed = false;
      } catch (error) {
        if (!failed) warn(`cannot write access log ${printable(path)}: ${errnoOf(error) ?? error}`);
        failed = true;
      }
    },
    reopen() {
      const [before, after] = [fd, open(path)];
      const isNew = !isSameFile(before, after);
      fd = after;
      closeSync(before);
      return isNew;
    },
    close: () => closeSync(fd),
  };
}

const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;

/** O_APPEND: lines stay whole beside another writer, and a truncated log starts anew. O_NONBLOCK: a pipe may have no reader. */
const LOG_FLAGS = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;

function open(path: string): number {
  let fd: number | undefined;
  try {
    const dir = follow(dirname(path), { linksOnly: true });
    if ('why' in dir) throw unsuitable(path, `lies behind the link ${printable(dir.path)}, which ${dir.why}`);
    fd = openSync(path, LOG_FLAGS, 0o640);
    const { nlink } = fstatSync(fd);
    if (!fstatSync(fd).isFile()) throw unsuitable(path, 'is no regular file');
    if (nlink > 1 && geteuid!() === 0)
      throw unsuitable(path, 'has another name besides, so it may be any file of this host');
    return fd;
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    if (errnoOf(error) === 'ELOOP') throw unsuitable(path, 'is a symbolic link');
    if (errnoOf(error) === 'ENXIO') throw unsuitable(path, 'is no regular file');
    throw error instanceof LmError ? error : localError('open access log', path, error);
  }
}

function isSameFile(one: number, other: number): boolean {
  const [a, b] = [fstatSync(one, { bigint: true }), fstatSync(other, { bigint: true })];
  return a.dev === b.dev && a.ino === b.ino;
}

const unsuitable = (path: string, what: string): LmError =>
  new LmError('access-log', `cannot open access log ${printable(path)}: it ${what}`, {
    hint: 'name a regular file, or one that is not there yet',
  });

const lineOf = (request: ServedRequest, atMs: number): string =>
  `${JSON.stringify({
    ts: new Date(atMs).toISOString(),
    ...request,
    target: printable(request.target),
    elapsedMs: Math.round(request.elapsedMs),
  })}\n`;
