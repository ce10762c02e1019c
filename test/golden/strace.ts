// Runs a program under strace and reads the log: which calls were made, in which order, on which paths. Knows nothing of lm.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What changes a file system, or proves that it was changed; and opens, which tell what a descriptor stands for. */
const CALLS = [
  ...['open', 'openat', 'openat2', 'creat', 'mkdir', 'mkdirat', 'mknod', 'mknodat', 'rmdir', 'unlink', 'unlinkat'],
  ...['rename', 'renameat', 'renameat2', 'link', 'linkat', 'symlink', 'symlinkat'],
  ...['chmod', 'fchmod', 'fchmodat', 'fchmodat2', 'chown', 'fchown', 'lchown', 'fchownat'],
  ...['utime', 'utimes', 'futimesat', 'utimensat', 'setxattr', 'lsetxattr', 'fsetxattr'],
  ...['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'copy_file_range', 'sendfile', 'splice'],
  ...['truncate', 'ftruncate', 'fallocate', 'fsync', 'fdatasync', 'sync', 'syncfs', 'sync_file_range'],
  ...['bind', 'flock'],
];

const FLAGS = ['-f', '-qqq', '-y', '--seccomp-bpf', '-s', '4096', '-e', 'signal=none'];

/** The program and flags before the program that is traced. */
export const tracing = (log: string): string[] => [
  ...['strace', ...FLAGS, '-o', log],
  ...['-e', `trace=${CALLS.map((call) => `?${call}`).join(',')}`],
];

/** A container may have the program and forbid what it does. */
export const HAS_STRACE = ((): boolean => {
  try {
    const [command, ...args] = tracing('/dev/null');
    execFileSync(command!, [...args, 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** One call that has come back. */
export interface Call {
  name: string;
  /** As strace writes them. */
  args: string[];
  /** `ENOENT`, when it failed. */
  error: string | undefined;
  /** What the returned descriptor stands for. */
  opened: { fd: string; path: string } | undefined;
}

/** In the order in which they came back. */
export function readCalls(log: string): Call[] {
  const begun = new Map<string, string>();
  return readFileSync(log, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, thread, text] = /^(\d+) +(.*)$/.exec(line) ?? [];
      if (thread === undefined || text === undefined) return [];
      if (text.endsWith('<unfinished ...>')) {
        begun.set(thread, text.slice(0, -'<unfinished ...>'.length).trimEnd());
        return [];
      }
      const [, rest] = /^<\.\.\. \w+ resumed>,? ?(.*)$/.exec(text) ?? [];
      return callOf(rest === undefined ? text : joined(begun.get(thread)!, rest));
    });
}

/** strace breaks a call off before an argument or within its brackets. */
const joined = (before: string, rest: string): string =>
  /[,(]$/.test(before) || rest.startsWith(')') ? `${before} ${rest}` : `${before}, ${rest}`;

function callOf(text: string): Call[] {
  const [, name, args, result] = /^(\w+)\((.*)\)\s+= (.*)$/.exec(text) ?? [];
  if (name === undefined) return [];
  const [, fd, path] = /^(\d+)<(.*)>$/.exec(result!) ?? [];
  return [
    {
      name,
      args: argumentsIn(args!),
      error: /^-1 (E\w+)/.exec(result!)?.[1],
      opened: fd === undefined ? undefined : { fd, path: path! },
    },
  ];
}

/** At the commas that stand in no string and in no brackets. */
const argumentsIn = (text: string): string[] =>
  [...text.matchAll(/(?:"(?:\\.|[^"\\])*"|\[.*?\](?=,|$)|\{.*?\}(?=,|$)|<[^>]*>|[^,"])+/g)].map(([argument]) =>
    argument.trim(),
  );

/** Paths as the kernel is given them, and what they stand for. Descriptors are the process's, whichever thread opened them. */
export class Descriptors {
  readonly #paths = new Map<string, string>();

  /** Comes with every call, in order. */
  see({ opened }: Call): void {
    if (opened) this.#paths.set(opened.fd, opened.path);
  }

  /** `/proc/self/fd/20/name` and `/proc/4711/fd/20/name` lie in the directory that 20 stands for. */
  resolve(path: string, base = ''): string {
    const [, fd, rest] = /^\/proc\/(?:self|\d+)\/fd\/(\d+)(.*)$/.exec(path) ?? [];
    if (fd === undefined) return path.startsWith('/') ? path : join(base, path);
    return `${this.#paths.get(fd) ?? `unknown descriptor ${fd}`}${rest}`;
  }
}

/** `"a\tb"`, as strace writes bytes; what it left out is no part of it. */
export function unquoted(argument: string): string {
  const bytes = argument
    .replace(/^"|"(?:\.\.\.)?$/g, '')
    .replace(/\\([0-7]{1,3}|.)/g, (_, code: string) =>
      /^[0-7]/.test(code)
        ? String.fromCharCode(Number.parseInt(code, 8))
        : ({ n: '\n', t: '\t', r: '\r', v: '\v', f: '\f' }[code] ?? code),
    );
  return Buffer.from(bytes, 'latin1').toString();
}

/** `33</tmp/x>` or `AT_FDCWD</tmp>`: what it stands for. */
export const pathOfDescriptor = (argument: string): string =>
  (/<(.*)>$/.exec(argument)?.[1] ?? argument).replace(/ \(deleted\)$/, '');
