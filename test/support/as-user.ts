// A stretch of this very process as another user, whom the kernel then refuses what it refuses that user. Takes root.

import { geteuid, getgroups, setegid, seteuid, setgroups } from 'node:process';

export const IS_ROOT = geteuid?.() === 0;

/** Nobody on this host: in no list of accounts. */
export const SOMEBODY = 12345;
export const STRANGER = 23456;

/** `act` must not wait for anything: the whole process is that user meanwhile. */
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
