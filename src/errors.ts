// The one error class. It is thrown only when a run cannot go on; a file that failed is an outcome, not an exception.

import { constants } from 'node:os';
import { meaningOf } from './error-codes.js';
import { codeOf, type ErrorKind } from './errors/kinds.js';
import type { ErrorCode } from './errors/row.js';

export type { ErrorCode, StopCode } from './errors/row.js';

export interface LmErrorOptions {
  /** What the operator can do next; printed on a line of its own. */
  hint?: string | undefined;
  cause?: unknown;
  /** More lines of the message, such as the plan that a guard refused. */
  details?: string[] | undefined;
}

/** `message` is lower case, without a full stop, and names what and where. The table of `errors/` has the rest that is said of its kind. */
export class LmError extends Error {
  readonly kind: ErrorKind;
  /** The class of the kind, by which the exit code is chosen. */
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: string[];

  constructor(kind: ErrorKind, message: string, options: LmErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'LmError';
    this.kind = kind;
    this.code = codeOf(kind);
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

/** libuv has no name for EDQUOT and ESTALE, among others: Node then says UNKNOWN or, for other calls, `Unknown system error -122`. */
const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** Turns a failed system call on this host into an error that the operator can act on: `cannot write /data/x: ENOSPC`, with a hint. */
export function localError(doing: string, path: string, cause: unknown): LmError {
  if (cause instanceof LmError) return cause;
  if (isMemoryFailure(cause)) return memoryFailure(cause);
  const code = errnoOf(cause);
  const text = cause instanceof Error ? cause.message : String(cause);
  return new LmError(localKind(code), `cannot ${doing} ${printable(path)}: ${code ?? text}`, {
    cause,
    hint: meaningOf(code).hint,
  });
}

const localKind = (code: string | undefined): ErrorKind =>
  code === 'ENOSPC' || code === 'EDQUOT' ? 'no-space' : 'local';

/** An LmError, or a failed system call as one; undefined for anything else, which is a bug. */
export const knownError = (error: unknown): LmError | undefined =>
  error instanceof LmError ? error : systemFailure(error);

/** Turns a failed system call that no code has described better into a `local` error; undefined for anything else. */
export function systemFailure(error: unknown): LmError | undefined {
  const { syscall, path, message } = (error ?? {}) as NodeJS.ErrnoException;
  const code = errnoOf(error);
  if (isMemoryFailure(error)) return memoryFailure(error);
  if (code === 'ERR_WORKER_INIT_FAILED') return threadFailure(error, /\bE[A-Z]+$/.exec(message)?.[0]);
  if (code === undefined || typeof syscall !== 'string') return undefined;
  if (typeof path === 'string') return localError(syscall, path, error);
  const { hint, isLocal } = meaningOf(code);
  return isLocal ? new LmError(localKind(code), `${syscall}: ${code}`, { cause: error, hint }) : undefined;
}

/** `code` comes from the message: Node gives the system's error nowhere else. */
const threadFailure = (cause: unknown, code = 'no reason is known'): LmError =>
  new LmError('thread', `cannot start a thread: ${code}`, { cause, hint: meaningOf(code).hint });

/** V8 refused a buffer or a WebAssembly memory, or a thread has used up its heap. */
const isMemoryFailure = (error: unknown): error is Error =>
  (error instanceof RangeError && /out of memory|could not allocate|allocation failed/i.test(error.message)) ||
  errnoOf(error) === 'ERR_WORKER_OUT_OF_MEMORY';

const memoryFailure = (cause: Error): LmError =>
  new LmError('memory', `not enough memory: ${cause.message}`, { cause, hint: MEMORY_HINT });

export const MEMORY_HINT =
  'ulimit -v unlimited: far more addresses are reserved than memory is used; to limit that, use a cgroup (MemoryMax= of systemd)';

/** All that an error says, where there is room for one line only. */
export function inOneLine({ message, details, hint = '' }: LmError): string {
  const lines = [message, ...details, hint].map((line) => line.trim()).filter((line) => line !== '');
  return lines.reduce((text, line) => text + (text.endsWith(':') ? ' ' : '; ') + line);
}

/** Escapes control, format and unpaired characters of a name for people, so that no name can forge a line. */
export function printable(name: string): string {
  return name.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\\]/gu,
    (c) => ESCAPES[c] ?? `\\u{${c.codePointAt(0)!.toString(16)}}`,
  );
}

/** Makes JSON safe for a terminal: what `printable` would escape becomes `\\u009b`, which a JSON reader takes for the same text. */
export const printableJson = (json: string): string =>
  json.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) =>
    c
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );

/** The beginning of a text of any length, printable. */
export const excerpt = (text: string, max = 200): string =>
  text.length <= max ? printable(text) : `${printable(text.slice(0, max))}…`;

const ESCAPES: Record<string, string | undefined> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
