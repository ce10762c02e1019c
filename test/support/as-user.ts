// Runs a function of this process as another user, so that the kernel refuses it what it refuses that user. Needs root.

import { geteuid, getgroups, setegid, seteuid, setgroups } from 'node:process';

export const IS_ROOT = geteuid?.() === 0;

/** A uid without an account on this host. */
export const SOMEBODY = 12345;
export const OTHER_USER = 23456;

/** `act` must be synchronous: the whole process runs as that user meanwhile. */
export function asUser<T>(uid: number, act: () => T, groups: number[] = []): T {
  const before = getgroups!();
  setgroups!(groups);
  setegid!(uid);
  seteuid!(uid);
  try {
    return act();
  } finally {
    seteuid!(0);
    setegid!(0);
    setgroups!(before);
  }
}

/** The flags of `setpriv` for a program. */
export const under = (uid: number): string[] => ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
