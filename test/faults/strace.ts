// strace as a saboteur: errors and SIGKILLs at system calls of one's choice, and its log as the proof that they happened.

import { readFileSync } from 'node:fs';

export interface Sabotage {
  /** Names of system calls, separated by commas; a `?` before a name that not every architecture has. */
  calls: string;
  /** An errno such as ENOSPC, or SIGKILL, which comes before the call is made. */
  what: string;
  /** Of each thread by itself: `1` is the first call, `1+` is every one. */
  when: string;
  /** Only calls on these paths, as they are given to the kernel, or on descriptors of these files. All, when there are none. */
  paths?: readonly string[];
  log: string;
}

/** What to run a program under. */
export function sabotaged({ calls, what, when, paths = [], log }: Sabotage): string[] {
  // With it, calls that are not meant run at full speed; but no signal is sent.
  const filter = what === 'SIGKILL' ? [] : ['--seccomp-bpf'];
  const effect = what === 'SIGKILL' ? 'signal=SIGKILL' : `error=${what}`;
  return [
    ...['strace', '-f', '-qqq', ...filter, '-o', log, '-e', `trace=${calls}`],
    ...['-e', `inject=${calls}:${effect}:when=${when}`],
    ...paths.flatMap((path) => ['-P', path]),
  ];
}

/** The calls that did fail, by name. */
export const injected = (log: string): string[] =>
  [...readFileSync(log, 'utf8').matchAll(/^\d+ +(?:<\.\.\. )?(\w+).*\(INJECTED\)/gm)].map(([, call]) => call!);

/** lm names an entry by an open directory's descriptor, whose number depends on what else is open. */
export const inAnyDirectory = (name: string): string[] =>
  Array.from({ length: 80 }, (_, fd) => `/proc/self/fd/${fd}/${name}`);
