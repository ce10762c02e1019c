// Makes a token for an agent that was given none, and finds the token of a running agent: the kernel reports which process listens at an
// address and which files it has open. No record is used for that, because it could be stale or somebody else's.

import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { geteuid } from 'node:process';
import { localError } from '../errors.js';
import { O_PATH } from '../files/dirfd.js';
import { processesListeningAt } from '../linux/listeners.js';
import { isOpenForReading } from '../linux/open-files.js';
import { usersOf } from '../trust/process-users.js';
import { openRegular } from '../trust/regular-file.js';
import { createFileAtomically, readFileIfThere, writeFileAtomically } from './atomic-file.js';

const NAME = 'token';
const TOKEN_BYTES = 32;

/** The path of this agent's token: made at first use and kept, so that clients go on when the agent is started again. */
export function ensureTokenFile(dir: string): string {
  const path = join(dir, NAME);
  if (readFileIfThere(path) === undefined) createFileAtomically(path, `${randomBytes(TOKEN_BYTES).toString('hex')}\n`);
  return path;
}

/**
 * Keeps the file open while the agent runs, so that `findAgentToken` finds it, and writes beside it the header that `curl -H @FILE` takes.
 * Returns a function that closes the file.
 */
export function holdToken(path: string, token: string): () => void {
  writeFileAtomically(`${path}.header`, `Authorization: Bearer ${token}\n`);
  try {
    const fd = openRegular(path);
    return () => closeSync(fd);
  } catch (error) {
    throw localError('open', path, error);
  }
}

export interface FoundToken {
  token: string;
  /** The path by which the agent opened it. */
  path: string;
}

/**
 * The token of the agent that listens at exactly this address, if this user may look into its process: it is the user's own, or the user is
 * root. The file must belong to the owner of the process and be open for reading. So nobody gets a token that they could not have read
 * themselves, not even from a program of root that they have started with their own descriptors.
 */
export async function findAgentToken(address: string, port: number): Promise<FoundToken | undefined> {
  for (const pid of await processesListeningAt(address, port).catch(() => []))
    try {
      const [uid, ...others] = new Set(usersOf(pid));
      const isOfOne = uid !== undefined && others.length === 0;
      if (!isOfOne || (uid !== geteuid!() && geteuid!() !== 0)) continue;
      for (const fd of readdirSync(`/proc/${pid}/fd`).filter((fd) => isOpenForReading(pid, fd))) {
        const at = `/proc/${pid}/fd/${fd}`;
        const path = readlinkSync(at);
        const token = path.endsWith(`/${NAME}`) ? readTokenOf(uid, at) : undefined;
        if (token !== undefined) return { token, path };
      }
    } catch {} // closed, gone or inaccessible: the caller has to be told where the token is
  return undefined;
}

/** Examines the file before opening it: what a process has open may be a device. */
function readTokenOf(uid: number, at: string): string | undefined {
  const pin = openSync(at, O_PATH);
  try {
    const stat = fstatSync(pin);
    if (!stat.isFile() || stat.uid !== uid || (stat.mode & 0o077) !== 0 || stat.size > MAX_BYTES) return undefined;
    const fd = openSync(`/proc/self/fd/${pin}`, constants.O_RDONLY);
    try {
      const text = readFileSync(fd, 'utf8').trim();
      return /^[\x21-\x7e]+$/.test(text) ? text : undefined;
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(pin);
  }
}

const MAX_BYTES = 4096;
