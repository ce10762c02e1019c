// Sets the times of a file, a directory or a link so that they read back the same to the microsecond. files/times.ts converts them.

import { fstatSync, futimesSync, lstatSync, lutimesSync, statSync, utimesSync } from 'node:fs';
import { sameTime, utimesSeconds } from './times.js';

/** Sets the times of an open file, or of what a path leads to. Throws the system's error. */
export function setTime(of: number | string, ns: string): void {
  if (typeof of === 'number')
    set(
      ns,
      (time) => futimesSync(of, time, time),
      () => fstatSync(of, { bigint: true }),
    );
  else
    set(
      ns,
      (time) => utimesSync(of, time, time),
      () => statSync(of, { bigint: true }),
    );
}

/** Sets the times of the link itself. Throws the system's error. */
export const setLinkTime = (path: string, ns: string): void =>
  set(
    ns,
    (time) => lutimesSync(path, time, time),
    () => lstatSync(path, { bigint: true }),
  );

/** Versions of Node round times before 1970 differently; they are rare enough to be read back and, if need be, set again. */
function set(ns: string, act: (time: number | string) => void, read: () => { mtimeNs: bigint }): void {
  act(utimesSeconds(ns));
  if (ns.startsWith('-') && !sameTime(`${read().mtimeNs}`, ns, 'us')) act(utimesSeconds(ns, 'earlier'));
}
