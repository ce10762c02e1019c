// strace as a saboteur: errors and SIGKILLs at system calls of one's choice, and its log as the proof that they happened.

import { readFileSync } from 'node:fs';

export const NAMESPACE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];

const THREADS = ['self', ...Array.from({ length: 64 }, (_, i) => i + 1)];
const DESCRIPTORS = Array.from({ length: 60 }, (_, i) => i + 10);

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

/**
 * What to run a program under. Errors come in a process namespace of its own, where the numbers of its threads are small: they
 * are part of the paths it uses. It ends with what it is run by. (A SIGKILL would not end the first process of a namespace.)
 */
export function sabotaged({ calls, what, when, paths = [], log }: Sabotage): string[] {
  // With it, calls that are not meant run at full speed; but no signal is sent.
  const filter = what === 'SIGKILL' ? [] : ['--seccomp-bpf'];
  const effect = what === 'SIGKILL' ? 'signal=SIGKILL' : `error=${what}`;
  return [
    ...(what === 'SIGKILL' ? [] : NAMESPACE),
    ...['strace', '-f', '-qqq', ...filter, '-o', log, '-e', `trace=${calls}`],
    ...['-e', `inject=${calls}:${effect}:when=${when}`],
    ...paths.flatMap((path) => ['-P', path]),
  ];
}

/** The calls that did fail, by name. */
export const injected = (log: string): string[] =>
  [...readFileSync(log, 'utf8').matchAll(/^\d+ +(?:<\.\.\. )?(\w+).*\(INJECTED\)/gm)].map(([, call]) => call!);

/** lm names an entry by its thread and an open directory's descriptor; which ones depends on what else there is. */
export const inAnyDirectory = (name: string): string[] =>
  THREADS.flatMap((thread) => DESCRIPTORS.map((fd) => `/proc/${thread}/fd/${fd}/${name}`));

/** And what it must not lose sight of by its own descriptor. */
export const onAnyDescriptor = (): string[] => DESCRIPTORS.map((fd) => `/proc/self/fd/${fd}`);
