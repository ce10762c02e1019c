// Finds, in /proc, the processes that have files open or mapped below given directories. Ends no process.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as afterIo } from 'node:timers/promises';
import { errnoOf, localError } from '../errors.js';
import { O_PATH } from '../files/dirfd.js';
import { isInside } from '../files/roots.js';
import { SLICE_MS } from '../threads/in-turns.js';
import { readMounts, seenFrom } from './mounts.js';

export interface Holder {
  pid: number;
  /** As `ps -o comm` shows it. */
  command: string;
  /** One of the files that it holds, the first one open for writing if there is one; the path in the mount namespace of the process. */
  path: string;
  /** `write`: open for writing, or mapped so that stores reach the file. */
  access: 'read' | 'write';
}

export interface OpenFiles {
  holders: Holder[];
  /** Processes that could not be inspected: that takes their user or root. */
  uninspected: { pid: number; command: string }[];
  /** What hides processes from this one, so that not even their number is known. */
  hidden: Hiding[];
  /** Every process that could hold a file was inspected: no process of this host but `holders` holds one. */
  isComplete: boolean;
}

/** A PID namespace of its own, as in a container, shows only the processes started in it; hidepid is a mount option of /proc. */
export type Hiding = 'pid-namespace' | 'hidepid';

/** Whether an open file does not matter; gets its path in the mount namespace of the process. */
type Ignore = (path: string) => boolean;

/**
 * Inspects every process but this one and those that it started. Kernel threads and zombies hold nothing; processes that end meanwhile are
 * left out. Reads /proc synchronously, which costs a tenth of reading it asynchronously, and lets the event loop run in between. Throws
 * `local` when /proc cannot be read at all.
 */
export async function findOpenFiles(directories: readonly string[], ignore: Ignore = () => false): Promise<OpenFiles> {
  const proc = listProcesses();
  const self = Number(readlinkSync('/proc/self'));
  const found: OpenFiles = { holders: [], uninspected: [], hidden: hiddenBy(), isComplete: false };
  const prefixes = new NamesByNamespace(directories);
  let sliceEnds = performance.now() + SLICE_MS;
  for (const pid of proc) {
    if (pid === self) continue;
    try {
      for (const holder of inspect(pid, prefixes, ignore)) {
        if (holder && !isDescendant(pid, self)) found.holders.push(holder);
        if (performance.now() < sliceEnds) continue;
        await afterIo();
        sliceEnds = performance.now() + SLICE_MS;
      }
    } catch (error) {
      if (!isDenied(error)) continue;
      const status = statusOf(pid);
      if (status?.canHoldFiles) found.uninspected.push({ pid, command: status.command });
    }
  }
  const candidates = found.uninspected.filter(({ pid }) => pid !== INIT || !isRoot());
  found.isComplete = found.hidden.length === 0 && candidates.length === 0;
  return found;
}

/** The first process, which starts the others and holds no data files. Some sandboxes do not let even root inspect it. */
const INIT = 1;

const isRoot = (): boolean => /^Uid:\s+\d+\s+0\s/m.test(readFileSync('/proc/self/status', 'latin1'));

/** PROC_PID_INIT_INO in include/linux/proc_ns.h of the kernel; a kernel without PID namespaces has no such link. */
const FIRST_PID_NAMESPACE = `pid:[${0xeffffffc}]`;

function hiddenBy(): Hiding[] {
  const found: Hiding[] = [];
  const own = linkOf('/proc/self/ns/pid');
  if (own !== undefined && own !== FIRST_PID_NAMESPACE) found.push('pid-namespace');
  if (isMountedHiding() && !canInspect(INIT)) found.push('hidepid');
  return found;
}

/** `noaccess` (1), `invisible` (2) and `ptraceable` (4) of proc(5), an option of the file system on /proc. */
const isMountedHiding = (): boolean =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => / \/proc .* - proc .*\bhidepid=(?!0|off)/.test(line));

/** Whoever can inspect the first process, which has every privilege, can see all processes. */
function canInspect(pid: number): boolean {
  try {
    readlinkSync(`/proc/${pid}/cwd`);
    return true;
  } catch {
    return false;
  }
}

export function listProcesses(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .sort((a, b) => a - b);
  } catch (error) {
    throw localError('list the processes in', '/proc', error);
  }
}

const isDenied = (error: unknown): boolean => ['EACCES', 'EPERM'].includes(errnoOf(error) ?? '');

/** Yields undefined wherever the caller may let the event loop run, and at most one holder at the end. */
function* inspect(pid: number, namespaces: NamesByNamespace, ignore: Ignore): Generator<Holder | undefined> {
  const prefixes = namespaces.of(pid).map(({ name }) => name);
  const matters = (path: string, prefix: string): boolean => isInside(path, prefix) && !ignore(path);
  let held: { path: string; access: 'read' | 'write' } | undefined;
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    yield;
    const path = linkOf(`/proc/${pid}/fd/${fd}`);
    if (path === undefined || !prefixes.some((prefix) => matters(path, prefix))) continue;
    const access = isOpenForWriting(pid, fd) ? 'write' : 'read';
    if (!held || access === 'write') held = { path, access };
    if (access === 'write') break;
  }
  if (held?.access !== 'write') held = mappedBy(pid, prefixes, matters, held) ?? held;
  if (held) yield { pid, command: statusOf(pid)?.command ?? '?', ...held };
}

/** Undefined when the link is gone: a descriptor may be closed after it was listed. */
export function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (isDenied(error)) throw error;
    return undefined;
  }
}

export const isOpenForWriting = (pid: number, fd: string): boolean => (flagsOf(pid, fd) & 0o3) !== 0;

/** Whether the file can be read through it: O_PATH opens a file without permission to read it. */
export const isOpenForReading = (pid: number, fd: string): boolean => (flagsOf(pid, fd) & (O_PATH | 0o1)) === 0;

/** The flags of open(2); 0 once the descriptor is closed. */
function flagsOf(pid: number, fd: string): number {
  try {
    const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'))?.[1];
    return Number.parseInt(flags ?? '0', 8);
  } catch {
    return 0;
  }
}

/** A mapping stays when its descriptor is closed. Only a shared, writable one changes the file. */
function mappedBy(
  pid: number,
  prefixes: string[],
  matters: (path: string, prefix: string) => boolean,
  held: { access: 'read' | 'write' } | undefined,
) {
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
  let found: { path: string; access: 'read' | 'write' } | undefined;
  for (const prefix of prefixes.map(asInMaps)) {
    // Most processes map nothing there, and one search is cheaper than going through the lines.
    if (!maps.includes(` ${prefix}`)) continue;
    for (const line of maps.split('\n')) {
      const at = line.indexOf('/');
      if (at < 0 || !matters(line.slice(at), prefix)) continue;
      const access = /^\S+ .w.s /.test(line) ? 'write' : 'read';
      if (access === 'write') return { path: line.slice(at), access } as const;
      if (!held) found ??= { path: line.slice(at), access };
    }
  }
  return found;
}

/** The kernel writes a newline in a mapped file's name as an octal escape. */
export const asInMaps = (path: string): string => path.replaceAll('\n', '\\012');

const PF_KTHREAD = 0x00200000;

/** From /proc/PID/stat, which any user may read; undefined once the process is gone. */
function statusOf(pid: number): { command: string; parent: number; canHoldFiles: boolean } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The command is in parentheses and may hold any character, so the fields are counted from the last parenthesis.
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  const [state, parent, flags] = [fields[0], Number(fields[1]), Number(fields[6])];
  return {
    command: text.slice(text.indexOf('(') + 1, end),
    parent,
    canHoldFiles: state !== 'Z' && state !== 'X' && (flags & PF_KTHREAD) === 0,
  };
}

function isDescendant(pid: number, ancestor: number): boolean {
  for (let at = pid; at > 1; at = statusOf(at)?.parent ?? 0) if (at === ancestor) return true;
  return false;
}

/**
 * The paths of the directories in the mount namespace of a process: a service in a container sees a bind-mounted directory at another
 * path, and /proc shows that one. Most processes share the namespace of this one.
 */
export class NamesByNamespace {
  readonly #directories: readonly string[];
  readonly #known = new Map<string, { name: string; directory: string }[]>();

  constructor(directories: readonly string[]) {
    this.#directories = directories;
    this.#known.set(
      namespaceOf('self'),
      directories.map((directory) => ({ name: directory, directory })),
    );
  }

  of(pid: number): readonly { name: string; directory: string }[] {
    const namespace = namespaceOf(pid);
    let names = this.#known.get(namespace);
    if (!names) {
      const [other, own] = [readMounts(pid), readMounts('self')];
      names = this.#directories.flatMap((directory) =>
        seenFrom(other, directory, own).map((name) => ({ name, directory })),
      );
      this.#known.set(namespace, names);
    }
    return names;
  }
}

/** The same for all processes where the kernel has no mount namespaces. */
const namespaceOf = (pid: number | 'self'): string => linkOf(`/proc/${pid}/ns/mnt`) ?? '';
