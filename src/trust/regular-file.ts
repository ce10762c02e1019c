// Opens files of which nothing but the name is known, and reads small ones whole: what is no regular file, or too big, ends in an error.
// Waits for nobody.

import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { normalize } from 'node:path';
import { errnoOf, LmError, printable } from '../errors.js';
import { type End, type Fault, faultOf, follow, type TrustOptions } from './trust.js';

const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;

/** `judge` is handed the very file that is read, whatever happens to its name meanwhile. Throws `usage`, and the system's error. */
export function readRegular(path: string, mostBytes: number, judge: Judge = () => {}): Buffer {
  refuseOtherKinds(path, statSync(path)); // to open a device may already do something
  return readOpened(path, O_RDONLY, mostBytes, judge);
}

export type Judge = (stat: Stats, fd: number) => void;

/** To read what may be long; the caller closes it. Throws `usage`, and the system's error. */
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
 * What root or the caller has written, and nobody else could have; see trust.ts. Throws `usage`, naming the file and what is wrong, and the
 * system's error.
 */
export function readTrusted(path: string, mostBytes: number, options: TrustOptions = {}): Buffer {
  for (let again = true; ; again = false) {
    const end = endOf(path, options);
    refuseOtherKinds(path, end.stat);
    try {
      return readOpened(end.path, O_RDONLY | O_NOFOLLOW, mostBytes, (stat) => {
        const fault = faultOf(end.path, stat, options);
        if (fault) throw notObeyed(path, fault);
      });
    } catch (error) {
      if (!again || errnoOf(error) !== 'ENOENT') throw error; // a ConfigMap was replaced just now: its links lead elsewhere
    }
  }
}

function endOf(path: string, options: TrustOptions): End {
  try {
    const end = follow(path, options);
    if (!('why' in end)) return end;
    statSync(path); // what is not there has no fault
    throw notObeyed(path, end);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') refuseOtherKinds(path, statSync(path)); // /dev/fd/63, whose link is no path
    throw error;
  }
}

const notObeyed = (what: string, { path, why, command }: Fault): LmError =>
  new LmError(
    'usage',
    `${printable(what)} is not obeyed: ${path === normalize(what) ? 'it' : printable(path)} ${why}`,
    {
      hint: `only what root or you alone can write is obeyed; if it is right as it is: ${command}`,
    },
  );

function readOpened(path: string, flags: number, mostBytes: number, judge: Judge): Buffer {
  const fd = openAs(path, flags);
  try {
    const stat = fstatSync(fd);
    judge(stat, fd);
    if (stat.size > mostBytes) throw tooBig(path, mostBytes); // before a byte of it is kept
    return bytesOf(fd, path, mostBytes);
  } finally {
    closeSync(fd);
  }
}

const CHUNK_BYTES = 1 << 16;

function bytesOf(fd: number, path: string, mostBytes: number): Buffer {
  const chunks: Buffer[] = [];
  for (let bytes = 0; ; ) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const got = readSync(fd, chunk);
    if (got === 0) return Buffer.concat(chunks);
    bytes += got;
    if (bytes > mostBytes) throw tooBig(path, mostBytes);
    chunks.push(chunk.subarray(0, got));
  }
}

const tooBig = (path: string, mostBytes: number): LmError =>
  new LmError('usage', `${printable(path)} is too big: takes ${mostBytes} bytes at most`);

/** A directory is the system's error, as for whoever reads one. */
function refuseOtherKinds(path: string, stat: Stats): void {
  if (stat.isFile()) return;
  if (stat.isDirectory()) throw Object.assign(new Error(`EISDIR: ${path}`), { code: 'EISDIR' });
  const kind = stat.isFIFO() ? 'a pipe' : stat.isSocket() ? 'a socket' : 'a device';
  throw new LmError('usage', `${printable(path)} is ${kind}, takes a regular file`);
}
