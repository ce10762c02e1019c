// The C library's own functions, called through an optional package, koffi, which nothing else knows. Where it is not installed, was not made
// for this machine, or answers otherwise than Node, there are none, and callers do without.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { platform } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { createStatBuffer, STAT_MEMBERS } from './stat.js';

/** Each returns -1 where it failed; `errno` tells why until the next call. Descriptors are the same as Node's. */
export interface Libc {
  /** For reading, whatever it is: a pipe is not waited for. Follows no link. No other process inherits it. `flags` are added. */
  openat(directory: number, name: string, flags: number): number;
  close(fd: number): number;
  pread(fd: number, buffer: Uint8Array, bytes: number, position: number): number;
  renameat(from: number, name: string, to: number, newName: string): number;
  lseek(fd: number, offset: number, whence: number): number;
  fallocate(fd: number, mode: number, offset: number, bytes: number): number;
  /** Fills a buffer of `createStatBuffer`. Follows no link. An empty name is the descriptor's own file. */
  statx(directory: number, name: string, buffer: Uint8Array): number;
  /** `asked`: so many of struct pollfd. */
  poll(asked: Uint8Array, count: number, timeoutMs: number): number;
  errno(): number;
}

/** Null: there are none. */
let known: Libc | null | undefined;
let fault: string | undefined;

/** Loads koffi when it is first called: that takes a thread 10 to 20 ms of processor time, and the process 10 MB. */
export function libc(): Libc | undefined {
  if (known === undefined) known = load() ?? null;
  return known ?? undefined;
}

/** Why the C library's functions cannot be called, for people; undefined where they can. */
export const whyNoLibc = (): string | undefined => (libc() ? undefined : fault);

/** The error that Node would throw. */
export function systemError(call: string, errno: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${code}: ${call}`), { code, errno: -errno, syscall: call });
}

/** What is used of koffi. Its own types are not there where it was not installed. */
interface Koffi {
  load(path: null): { func(declaration: string): unknown };
  errno(): number;
}

/** Node adds it to the flags of each file that it opens, and has no constant for it. */
const O_CLOEXEC = 0o2000000;
const READING = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | O_CLOEXEC;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
/** STATX_BASIC_STATS and STATX_BTIME, as Node asks for. */
const STATX_MASK = 0xfff;

function load(): Libc | undefined {
  if (platform() !== 'linux') return without(`this is ${platform()}`);
  try {
    const koffi: Koffi = createRequire(import.meta.url)('koffi');
    const library = koffi.load(null);
    const declared = <Call>(declaration: string): Call => library.func(declaration) as Call;
    const statx = declared<
      (directory: number, name: string, flags: number, mask: number, buffer: Uint8Array) => number
    >('int statx(int directory, const char *name, int flags, unsigned int mask, void *buffer)');
    const openat = declared<(directory: number, name: string, flags: number) => number>(
      'int openat(int directory, const char *name, int flags)',
    );
    const found: Libc = {
      openat: (directory, name, flags) => openat(directory, name, READING | flags),
      close: declared('int close(int fd)'),
      pread: wide((suffix) => declared(`int64_t pread${suffix}(int fd, void *buffer, size_t bytes, int64_t position)`)),
      renameat: declared('int renameat(int from, const char *name, int to, const char *new_name)'),
      lseek: wide((suffix) => declared(`int64_t lseek${suffix}(int fd, int64_t offset, int whence)`)),
      fallocate: wide((suffix) => declared(`int fallocate${suffix}(int fd, int mode, int64_t offset, int64_t bytes)`)),
      statx: (directory, name, buffer) =>
        statx(directory, name, name === '' ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW, STATX_MASK, buffer),
      poll: declared('int poll(void *asked, unsigned long count, int timeout)'),
      errno: () => koffi.errno(),
    };
    return agreesWithNode(found) ? found : without('it answers otherwise than Node');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return without(
      code === 'MODULE_NOT_FOUND' ? 'koffi is not installed' : `koffi does not work here: ${message.split('\n')[0]}`,
    );
  }
}

function without(why: string): undefined {
  fault = why;
}

/** glibc has another name for functions whose offsets have 64 bits; those of musl take no others. */
function wide<Call>(declared: (suffix: '' | '64') => Call): Call {
  try {
    return declared('64');
  } catch {
    return declared('');
  }
}

/** The running program: it is there whatever else is. */
const SAMPLE = '/proc/self/exe';
/** A directory with a file in it, and that file. */
const [DIRECTORY, FILE] = ['/proc/self', 'status'];
const SAMPLE_BYTES = 64;
const SAMPLE_POSITION = 1;

/**
 * Stats and reads one file both ways. A structure of another layout, and a kernel or a sandbox that refuses a call, show here, before anything
 * depends on them.
 */
function agreesWithNode({ openat, close, statx, pread }: Libc): boolean {
  const fd = openSync(SAMPLE, constants.O_RDONLY);
  const directory = openSync(DIRECTORY, constants.O_RDONLY);
  try {
    const opened = openat(directory, FILE, 0);
    if (opened < 0 || openat(directory, 'exe', 0) >= 0) return false; // that one is a link
    if (close(opened) !== 0) return false;
    const buffer = createStatBuffer();
    if (statx(fd, '', buffer.bytes) !== 0) return false;
    const [seen, stat] = [buffer.stat(), fstatSync(fd, { bigint: true })];
    if (STAT_MEMBERS.some((member) => seen[member] !== stat[member])) return false;
    const [read, expected] = [Buffer.alloc(SAMPLE_BYTES), Buffer.alloc(SAMPLE_BYTES)];
    readSync(fd, expected, 0, SAMPLE_BYTES, SAMPLE_POSITION);
    return pread(fd, read, SAMPLE_BYTES, SAMPLE_POSITION) === SAMPLE_BYTES && read.equals(expected);
  } finally {
    closeSync(directory);
    closeSync(fd);
  }
}
