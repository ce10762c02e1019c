// Opens a file of the ledger, and says why one is not used. What is no regular file of this user costs reading, not the run.

import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { errnoOf } from '../../errors.js';
import { faultOf } from '../../trust/trust.js';

const { O_RDONLY, O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;

/** Why nothing in a file counts: `is a link`. */
export interface Unusable {
  why: string;
}

/** Undefined when there is no such file. */
export function openTrusted(path: string, writable = false): number | Unusable | undefined {
  let fd: number;
  try {
    fd = openSync(path, (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT') return undefined;
    return { why: code === 'ELOOP' ? 'is a link' : `cannot be read (${code})` };
  }
  const why = faultIn(fd, path);
  if (why === undefined) return fd;
  closeSync(fd);
  return { why };
}

function faultIn(fd: number, path: string): string | undefined {
  try {
    const stat = fstatSync(fd);
    return stat.isFile() ? faultOf(path, stat)?.why : 'is no regular file';
  } catch (error) {
    return `cannot be read (${errnoOf(error)})`;
  }
}

/** Called with a text for people, at most once for each file that is opened. */
export type Note = (text: string) => void;

export const unusable = (why: string): string => `the ledger ${why}: what it held is read again`;

/** Nothing is lost by that: there is no proof of this one yet. */
export const OTHER_SOURCE = 'is of another source';

export const damagedAt = (line: number): string => unusable(`is damaged at line ${line}`);

export function once(note: Note): Note {
  let said = false;
  return (text) => {
    if (!said) note(text);
    said = true;
  };
}

/** For a run that opens the ledger several times: tells each text once. */
export function eachOnce(note: Note): Note {
  const told = new Set<string>();
  return (text) => {
    if (!told.has(text)) note(text);
    told.add(text);
  };
}
