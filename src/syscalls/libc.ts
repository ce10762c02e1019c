// The C library's own functions, called through an optional package, koffi, which nothing else knows. Where it is not installed, was not made
// for this machine, or answers otherwise than Node, there are none, and callers do without.

import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { platform } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { createStatBuffer, STAT_MEMBERS } from './stat.js';

/** Each returns -1 where it failed; `errno` tells why until the next call. Descriptors are the same as Node's. */
export interface Libc {
  /** Opens with O_CLOEXEC, as Node does. */
  openat(directory: number, name: string, flags: number): number;
  pread(fd: number, buffer: Uint8Array, bytes: number, position: number): number;
  close(fd: number): number;
  lseek(fd: number, offset: number, whence: number): number;
  fallocate(fd: number, mode: number, offset: number, bytes: number): number;
  /** Fills a buffer of `createStatBuffer`. Follows no link. An empty name is the descriptor's own file. */
  statx(directory: number, name: string, buffer: Uint8Array): number;
  errno(): number;
}

/** Null: there are none. */
let known: Libc | null | undefined;

/** Loads koffi when it is first called: that takes a thread 10 to 20 ms of processor time, and the process 10 MB. */
export function libc(): Libc | undefined {
  if (known === undefined) known = load() ?? null;
  return known ?? undefined;
}

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

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
/** STATX_BASIC_STATS and STATX_BTIME, as Node asks for. */
const STATX_MASK = 0xfff;
/** Node has no constant for it. It has another value on a few old architectures, for which koffi is not made. */
const O_CLOEXEC = 0o2000000;

function load(): Libc | undefined {
  if (platform() !== 'linux') return undefined;
  try {
    const koffi: Koffi = createRequire(import.meta.url)('koffi');
    const library = koffi.load(null);
    const declared = <Call>(declaration: string): Call => library.func(declaration) as Call;
    const openat = declared<Libc['openat']>('int openat(int directory, const char *name, int flags)');
    const statx = declared<
      (directory: number, name: string, flags: number, mask: number, buffer: Uint8Array) => number
    >('int statx(int directory, const char *name, int flags, unsigned int mask, void *buffer)');
    const found: Libc = {
      openat: (directory, name, flags) => openat(directory, name, flags | O_CLOEXEC),
      pread: wide((suffix) => declared(`int64_t pread${suffix}(int fd, void *buffer, size_t bytes, int64_t position)`)),
      close: declared('int close(int fd)'),
      lseek: wide((suffix) => declared(`int64_t lseek${suffix}(int fd, int64_t offset, int whence)`)),
      fallocate: wide((suffix) => declared(`int fallocate${suffix}(int fd, int mode, int64_t offset, int64_t bytes)`)),
      statx: (directory, name, buffer) =>
        statx(directory, name, name === '' ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW, STATX_MASK, buffer),
      errno: () => koffi.errno(),
    };
    return agreesWithNode(found) ? found : undefined;
  } catch {
    return undefined; // it is not installed, or not made for this machine
  }
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
const SAMPLE_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;
const SAMPLE_BYTES = 64;
const SAMPLE_POSITION = 1;

/**
 * Opens, stats and reads one file both ways. A structure or a flag of another layout, and a kernel or a sandbox that refuses a call, show here,
 * before anything depends on them.
 */
function agreesWithNode({ openat, statx, pread, close }: Libc): boolean {
  const root = openSync('/', constants.O_RDONLY | constants.O_DIRECTORY);
  const theirs = openSync(SAMPLE, SAMPLE_FLAGS);
  const ours = openat(root, SAMPLE.slice(1), SAMPLE_FLAGS);
  try {
    if (ours < 0 || flagsOf(ours) !== flagsOf(theirs)) return false;
    const buffer = createStatBuffer();
    const [read, expected] = [Buffer.alloc(SAMPLE_BYTES), Buffer.alloc(SAMPLE_BYTES)];
    if (statx(ours, '', buffer.bytes) !== 0) return false;
    const [seen, stat] = [buffer.stat(), fstatSync(theirs, { bigint: true })];
    if (STAT_MEMBERS.some((member) => seen[member] !== stat[member])) return false;
    readSync(theirs, expected, 0, SAMPLE_BYTES, SAMPLE_POSITION);
    return pread(ours, read, SAMPLE_BYTES, SAMPLE_POSITION) === SAMPLE_BYTES && read.equals(expected);
  } finally {
    if (ours >= 0) close(ours);
    closeSync(theirs);
    closeSync(root);
  }
}

/** Those that an open file has, close-on-exec among them, as the kernel shows them (proc(5)). */
const flagsOf = (fd: number): string | undefined =>
  /^flags:.*$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[0];
