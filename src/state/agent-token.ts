// The token an agent makes for itself where it was given none, and how others find it: the kernel says which process listens at an
// address, and which files it has open. Sends nothing, and believes no record that could be stale or somebody else's.

import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { geteuid } from 'node:process';
import { localError } from '../errors.js';
import { O_PATH } from '../files/dirfd.js';
import { processesAt } from '../linux/listeners.js';
import { isOpenForReading } from '../linux/open-files.js';
import { usersOf } from '../trust/process-users.js';
import { openRegular } from '../trust/regular-file.js';
import { createFileAtomically, readFileIfAny, writeFileAtomically } from './atomic-file.js';

const NAME = 'token';
const TOKEN_BYTES = 32;

/** Where the token of this agent is: made on first use and kept, so that a client goes on when the agent has been started again. */
export function keptTokenFile(dir: string): string {
  const path = join(dir, NAME);
  if (readFileIfAny(path) === undefined) createFileAtomically(path, `${randomBytes(TOKEN_BYTES).toString('hex')}\n`);
  return path;
}

/**
 * Keeps the file open while the agent runs, which is what `findAgentToken` goes by, and writes the header that `curl -H @FILE` takes
 * beside it. Returns how to close it.
 */
export function presentToken(path: string, token: string): () => void {
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
  /** As the agent calls it. */
  path: string;
}

/**
 * The token of the agent that listens at exactly this address, if this user may look into its process: it is his own, or he is root.
 * The file must belong to whom the process belongs, and be open for reading: nobody gets a token he could not have read himself, nor by
 * way of a program of root's that he has started and that has his descriptors.
 */
export async function findAgentToken(address: string, port: number): Promise<FoundToken | undefined> {
  for (const pid of await processesAt(address, port).catch(() => []))
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
    } catch {} // closed, gone, or not to be looked into: whoever asks has to say where the token is
  return undefined;
}

/** What a process holds may be a device: it is looked at before it is opened. */
function readTokenOf(uid: number, at: string): string | undefined {
  const pin = openSync(at, O_PATH);
  try {
    const stat = fstatSync(pin);
    if (!stat.isFile() || stat.uid !== uid || (stat.mode & 0o077) !== 0 || stat.size > MOST_BYTES) return undefined;
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

const MOST_BYTES = 4096;
