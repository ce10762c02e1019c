// Decides whether a file is trusted: no user but root and the caller may be able to write it, or to replace it at its path. Checks owners
// and modes of all directories on the path, as sshd does for its keys.

import { lstatSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { geteuid } from 'node:process';
import { printable } from '../errors.js';
import { isReadOnly, readMounts } from '../linux/mounts.js';
import { groupText, isPrivateGroup, readAccounts, userText } from '../owners/accounts.js';

/** Why something is not trusted. `path` is what is at fault, with links resolved. */
export interface Fault {
  path: string;
  /** Follows the path in a message: `belongs to uid 1000 (alice)`. */
  why: string;
  /** The shell command that fixes it. */
  command: string;
}

export interface TrustOptions {
  /** An owner that is trusted like root and the caller. */
  owner?: number | undefined;
  /**
   * The end of the path, or the directory that holds it, may be writable by all users. They cannot put a file of root's or the caller's
   * there, but they can give one such file the name of another.
   */
  shared?: 'end' | 'parent';
  /** Only the owners of links are checked: others may change what is written there, but they cannot redirect the path. */
  linksOnly?: boolean;
}

/** The end of a path: its real path, and the lstat of that. */
export interface Resolved {
  path: string;
  stat: Stats;
}

export const callerIsRoot = (): boolean => geteuid!() === 0;

const MAX_LINKS = 40; // the kernel's limit

/**
 * Follows a path from `/`, links included, as long as each directory, each link and the end belong to root or the caller and no other user
 * can write them; else returns the fault. A sticky directory such as /tmp may be writable by all, because only the owner of a file can
 * replace it there. Other users can then not redirect any name on the path. Throws the system's error.
 */
export function follow(path: string, options: TrustOptions = {}): Resolved | Fault {
  const names = path.split('/').reverse();
  let links = 0;
  let at = '/';
  let stat = lstatSync(at);
  let fault = options.linksOnly ? undefined : faultOf(at, stat, options);
  for (let name = names.pop(); name !== undefined && !fault; name = names.pop()) {
    if (!stat.isDirectory()) throw errno('ENOTDIR', at);
    if (name === '' || name === '.') continue;
    const next = name === '..' ? dirname(at) : join(at, name);
    stat = lstatSync(next);
    const isShared = options.shared !== undefined && names.length === (options.shared === 'parent' ? 1 : 0);
    if (stat.isSymbolicLink() || !options.linksOnly)
      fault = isShared ? faultOfShared(next, stat, options) : faultOf(next, stat, options);
    if (!stat.isSymbolicLink()) at = next;
    else if (!fault) {
      if (++links > MAX_LINKS) throw errno('ELOOP', path);
      const target = readlinkSync(next);
      names.push(...target.split('/').reverse());
      if (target.startsWith('/')) at = '/';
      stat = lstatSync(at);
    }
  }
  return fault ?? { path: at, stat };
}

/** As `follow`, for a directory that may not exist yet: checks the part of its path that exists. */
export function faultOnPath(path: string, options: TrustOptions = {}): Fault | undefined {
  try {
    const end = follow(path, options);
    return 'why' in end ? end : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const errno = (code: string, path: string): Error => Object.assign(new Error(`${code}: ${path}`), { code });

/** The fault of one inode. The mode of a link means nothing; what is not a regular file is refused elsewhere. */
export function faultOf(path: string, stat: Stats, options: TrustOptions = {}): Fault | undefined {
  const fault = faultOfShared(path, stat, options);
  if (fault) return fault;
  const writers = writersOf(stat, [stat.uid, geteuid!()]);
  if (writers === undefined || isOnReadOnlyMount(path)) return undefined;
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
  return { path, why: `can be written by ${writers} (mode ${mode})`, command: `chmod go-w ${quoted(path)}` };
}

/** The fault of one inode that all users may write: only its owner is checked. */
function faultOfShared(path: string, stat: Stats, { owner }: TrustOptions): Fault | undefined {
  const trusted = [0, geteuid!(), ...(owner === undefined ? [] : [owner])];
  if (!trusted.includes(stat.uid) && !(stat.isDirectory() && isUnmapped(stat.uid)))
    return {
      path,
      why: `belongs to ${userText(readAccounts(), stat.uid)}`,
      command: `chown -h ${geteuid!()} ${quoted(path)}`,
    };
  return undefined;
}

function writersOf(stat: Stats, owners: readonly number[]): string | undefined {
  if ((stat.mode & 0o022) === 0 || !(stat.isFile() || stat.isDirectory())) return undefined;
  if (stat.isDirectory() && (stat.mode & 0o1000) !== 0) return undefined;
  if ((stat.mode & 0o002) !== 0) return 'everybody';
  const accounts = readAccounts();
  return isPrivateGroup(accounts, stat.gid, owners) ? undefined : groupText(accounts, stat.gid);
}

/** Nobody can write there, whatever the mode says: a ConfigMap, or a file that is mounted into a container with `:ro`. */
function isOnReadOnlyMount(path: string): boolean {
  try {
    return isReadOnly(readMounts('self'), path);
  } catch {
    return false; // without a mount table, the mode decides
  }
}

/**
 * In a user namespace, files of users outside it, such as `/` of the host's root, show the overflow uid as their owner, which is no user
 * inside. For directories that nobody inside can write, that is no fault.
 */
function isUnmapped(uid: number): boolean {
  try {
    if (uid !== Number(readFileSync('/proc/sys/kernel/overflowuid', 'utf8'))) return false;
    const ranges = readFileSync('/proc/self/uid_map', 'utf8').trim().split('\n');
    return !ranges.some((line) => {
      const [first = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
      return uid >= first && uid < first + count;
    });
  } catch {
    return false;
  }
}

const quoted = (path: string): string =>
  /^[\w./@:+,-]+$/.test(path) ? path : `'${printable(path).replaceAll("'", "'\\''")}'`;
