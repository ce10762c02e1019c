// Opens and reads files that the operator names. Refuses what is not a regular file or is too big, and never blocks on a pipe.

import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { normalize } from 'node:path';
import { errnoOf, LmError, printable } from '../errors.js';
import { type Fault, faultOf, follow, type Resolved, type TrustOptions } from './trust.js';

const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;

/** `check` gets the stat of the file that is read, even if its name is replaced meanwhile. Throws `usage`, and the system's error. */
export function readRegular(path: string, maxBytes: number, check: Check = () => {}): Buffer {
  refuseOtherKinds(path, statSync(path)); // before it is opened: opening a device may have an effect
  return readOpened(path, O_RDONLY, maxBytes, check);
}

export type Check = (stat: Stats, fd: number) => void;

/** For a file that may be long; the caller closes it. Throws `usage`, and the system's error. */
export function openRegular(path: string): number {
  refuseOtherKinds(path, statSync(path));
  return openAs(path, O_RDONLY);
}

function openAs(path: string, flags: number): number {
  const fd = openSync(path, flags | O_NONBLOCK);
  try {
    refuseOtherKinds(path, fstatSync(fd));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * Reads a file that only root or the caller could have written; see trust.ts. Throws `usage`, naming the file and what is wrong, and the
 * system's error.
 */
export function readTrusted(path: string, maxBytes: number, options: TrustOptions = {}): Buffer {
  for (let again = true; ; again = false) {
    const end = resolvedPath(path, options);
    refuseOtherKinds(path, end.stat);
    try {
      return readOpened(end.path, O_RDONLY | O_NOFOLLOW, maxBytes, (stat) => {
        const fault = faultOf(end.path, stat, options);
        if (fault) throw notTrusted(path, fault);
      });
    } catch (error) {
      if (!again || errnoOf(error) !== 'ENOENT') throw error; // the links of a ConfigMap were replaced meanwhile
    }
  }
}

function resolvedPath(path: string, options: TrustOptions): Resolved {
  try {
    const end = follow(path, options);
    if (!('why' in end)) return end;
    statSync(path); // a file that does not exist fails with ENOENT instead
    throw notTrusted(path, end);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') refuseOtherKinds(path, statSync(path)); // /dev/fd/63, whose link is no path
    throw error;
  }
}

const notTrusted = (what: string, { path, why, command }: Fault): LmError =>
  new LmError(
    'not-trusted',
    `${printable(what)} is not trusted: ${path === normalize(what) ? 'it' : printable(path)} ${why}`,
    {
      hint: `only what root or you alone can write is trusted; if its content is right: ${command}`,
    },
  );

function readOpened(path: string, flags: number, maxBytes: number, check: Check): Buffer {
  const fd = openAs(path, flags);
  try {
    const stat = fstatSync(fd);
    check(stat, fd);
    if (stat.size > maxBytes) throw tooBig(path, maxBytes); // before it is read
    return bytesOf(fd, path, maxBytes);
  } finally {
    closeSync(fd);
  }
}

const CHUNK_BYTES = 1 << 16;

function bytesOf(fd: number, path: string, maxBytes: number): Buffer {
  const chunks: Buffer[] = [];
  for (let bytes = 0; ; ) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const got = readSync(fd, chunk);
    if (got === 0) return Buffer.concat(chunks);
    bytes += got;
    if (bytes > maxBytes) throw tooBig(path, maxBytes);
    chunks.push(chunk.subarray(0, got));
  }
}

const tooBig = (path: string, maxBytes: number): LmError =>
  new LmError('settings-file', `${printable(path)} is too big: takes ${maxBytes} bytes at most`);

/** A directory gives EISDIR, as reading one does. */
function refuseOtherKinds(path: string, stat: Stats): void {
  if (stat.isFile()) return;
  if (stat.isDirectory()) throw Object.assign(new Error(`EISDIR: ${path}`), { code: 'EISDIR' });
  const kind = stat.isFIFO() ? 'a pipe' : stat.isSocket() ? 'a socket' : 'a device';
  throw new LmError('settings-file', `${printable(path)} is ${kind}, takes a regular file`);
}
