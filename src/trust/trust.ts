// Whether a stranger could have put a file where it stands, or could change it: only what root or the caller alone can write is obeyed.
// Looks at owners and modes of the whole way, as sshd does for its keys; reads no content.

import { lstatSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { geteuid } from 'node:process';
import { printable } from '../errors.js';
import { isReadOnly, readMounts } from '../linux/mounts.js';
import { groupText, isPrivateGroup, readAccounts, userText } from '../owners/accounts.js';

/** Why something is not obeyed. `path` is where it was found, without links. */
export interface Fault {
  path: string;
  /** Follows the path: `belongs to uid 1000 (alice)`. */
  why: string;
  /** What mends it, for a shell. */
  command: string;
}

export interface TrustOptions {
  /** An owner that is as good as root and the caller. */
  owner?: number | undefined;
  /**
   * The end, or the directory that holds it, may be written by all: nobody can put anything there that belongs to root or the caller,
   * though one such thing can be given the name of another.
   */
  shared?: 'end' | 'parent';
  /** Only whose links are followed counts: what is written there may be changed by others, but is where its path says. */
  linksOnly?: boolean;
}

/** What stands at the end of a path: a real path, with what lstat says of it. */
export interface End {
  path: string;
  stat: Stats;
}

export const callerIsRoot = (): boolean => geteuid!() === 0;

const MOST_LINKS = 40; // the kernel's limit

/**
 * Follows a path from `/`, links included, as far as a stranger had no hand in it: each directory, link and the end belong to root or the
 * caller, and others can write none of them. A sticky directory, as /tmp, may be written by all, because nobody but its owner can replace
 * what lies there. While this holds, no name on the way can be made to mean something else. Throws the system's error.
 */
export function follow(path: string, options: TrustOptions = {}): End | Fault {
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
      if (++links > MOST_LINKS) throw errno('ELOOP', path);
      const target = readlinkSync(next);
      names.push(...target.split('/').reverse());
      if (target.startsWith('/')) at = '/';
      stat = lstatSync(at);
    }
  }
  return fault ?? { path: at, stat };
}

/** As `follow`, of a directory that may not be there yet: what there is of the way to it. */
export function faultOnWay(path: string, options: TrustOptions = {}): Fault | undefined {
  try {
    const end = follow(path, options);
    return 'why' in end ? end : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const errno = (code: string, path: string): Error => Object.assign(new Error(`${code}: ${path}`), { code });

/** Of one inode. The mode of a link means nothing, and what is no file is refused for that. */
export function faultOf(path: string, stat: Stats, options: TrustOptions = {}): Fault | undefined {
  const fault = faultOfShared(path, stat, options);
  if (fault) return fault;
  const writers = writersOf(stat, [stat.uid, geteuid!()]);
  if (writers === undefined || isOnReadOnlyMount(path)) return undefined;
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
  return { path, why: `can be written by ${writers} (mode ${mode})`, command: `chmod go-w ${quoted(path)}` };
}

/** Of one inode that anybody may write: only its owner counts. */
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

/** Written there by nobody, whatever the mode says; as a ConfigMap, or a file that a container was given with `:ro`. */
function isOnReadOnlyMount(path: string): boolean {
  try {
    return isReadOnly(readMounts('self'), path);
  } catch {
    return false; // no mount table: as it looks
  }
}

/**
 * In a user namespace what belongs to others outside, as `/` to the host's root, shows as one owner, who is nobody inside. Of directories
 * that none inside can write, that is no fault.
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
