// The one error class. Thrown only when a run cannot go on; a file that failed is an outcome, never an exception.

import { constants } from 'node:os';

/** Why a run cannot go on; `exit-codes.ts` gives each its number. */
export type ErrorCode =
  | 'usage' // flags, environment, settings file
  | 'source' // the source is unreachable or at fault for now: run again
  | 'refused' // a guard said no
  | 'protocol' // authentication, TLS or a wire answer that retrying will not mend
  | 'local' // this host's disk: space, permission, I/O, journal
  | 'locked' // another task holds the destination
  | StopCode;

/** A signal ended it; `signals.ts` says which. */
export type StopCode = 'hungUp' | 'interrupted' | 'quit' | 'terminated';

export interface LmErrorOptions {
  /** What the operator can do next; printed on a line of its own. */
  hint?: string | undefined;
  cause?: unknown;
  /** Lines that belong to the message, such as the plan a guard refused. */
  details?: string[] | undefined;
}

/** `message` is lower case, without a full stop, and names what and where. */
export class LmError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: string[];

  constructor(code: ErrorCode, message: string, options: LmErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'LmError';
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? [];
  }
}

/** The `code` of a system error (`ENOENT`), or undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  const { code, errno } = (error ?? {}) as NodeJS.ErrnoException;
  if (errno !== undefined && /^unknown/i.test(code ?? '')) return NAMES.get(-errno) ?? code;
  return typeof code === 'string' ? code : undefined;
}

/** libuv has no name for some that a disk may well answer with: EDQUOT, ESTALE. Node then says UNKNOWN, or, of other calls, `Unknown system error -122`. */
const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** A failed system call on this host as an error the operator can act on: `cannot write /data/x: no space left (ENOSPC)`. */
export function localError(doing: string, path: string, cause: unknown): LmError {
  if (cause instanceof LmError) return cause;
  if (isMemoryFailure(cause)) return memoryFailure(cause);
  const code = errnoOf(cause);
  const text = cause instanceof Error ? cause.message : String(cause);
  return new LmError('local', `cannot ${doing} ${printable(path)}: ${code ?? text}`, {
    cause,
    hint: HINTS[code ?? ''],
  });
}

/** A failed system call that nobody had a better name for, as `local`; undefined for anything else. */
export function systemFailure(error: unknown): LmError | undefined {
  const { syscall, path, message } = (error ?? {}) as NodeJS.ErrnoException;
  const code = errnoOf(error);
  if (isMemoryFailure(error)) return memoryFailure(error);
  if (code === 'ERR_WORKER_INIT_FAILED') return threadFailure(error, /\bE[A-Z]+$/.exec(message)?.[0]);
  if (code === undefined || typeof syscall !== 'string') return undefined;
  if (typeof path === 'string') return localError(syscall, path, error);
  return OF_THIS_HOST.has(code)
    ? new LmError('local', `${syscall}: ${code}`, { cause: error, hint: HINTS[code] })
    : undefined;
}

/** Node names the system's error in its text alone. */
const threadFailure = (cause: unknown, code = 'no reason is known'): LmError =>
  new LmError('local', `cannot start a thread: ${code}`, { cause, hint: HINTS[code] });

/** Of V8, for buffers and WebAssembly memories, and of a thread that has come to the end of its heap. */
const isMemoryFailure = (error: unknown): error is Error =>
  (error instanceof RangeError && /out of memory|could not allocate|allocation failed/i.test(error.message)) ||
  errnoOf(error) === 'ERR_WORKER_OUT_OF_MEMORY';

const memoryFailure = (cause: Error): LmError =>
  new LmError('local', `not enough memory: ${cause.message}`, { cause, hint: MEMORY_HINT });

export const MEMORY_HINT =
  'ulimit -v unlimited: far more addresses are reserved than memory is used; to limit that, use a cgroup (MemoryMax= of systemd)';

/** No peer's doing, whatever the call. */
const OF_THIS_HOST = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EIO', 'ENOSPC', 'EDQUOT', 'EROFS']);

const HINTS: Record<string, string | undefined> = {
  ENOSPC: 'free some space and run the same command again; what was copied is kept',
  EDQUOT: 'raise the quota and run the same command again; what was copied is kept',
  EACCES: 'run as the user who owns the directory',
  EPERM: 'run as the user who owns the directory',
  EFBIG: 'raise the file size limit (ulimit -f), unless the file system takes no files of that size',
  EROFS: 'the file system is mounted read-only',
  ENFILE: 'the whole system has too many files open',
  EMFILE: 'raise the open file limit (ulimit -n)',
  EAGAIN: 'raise the limit of processes and threads (ulimit -u)',
};

/** A name as people may read it: control, format and unpaired characters escaped, so that no name can forge a line. */
export function printable(name: string): string {
  return name.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\\]/gu,
    (c) => ESCAPES[c] ?? `\\u{${c.codePointAt(0)!.toString(16)}}`,
  );
}

/** JSON that a terminal may be shown: what else `printable` escapes becomes `\\u009b`, which is the same text to whoever reads JSON. */
export const printableJson = (json: string): string =>
  json.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) =>
    c
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );

/** The beginning of a text that may be of any length, as people may read it. */
export const excerpt = (text: string, most = 200): string =>
  text.length <= most ? printable(text) : `${printable(text.slice(0, most))}…`;

const ESCAPES: Record<string, string | undefined> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
