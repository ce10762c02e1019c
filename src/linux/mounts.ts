// Reads the mount table of a process, and translates paths from one mount namespace to another.

import { readFileSync } from 'node:fs';
import { isInside } from '../files/roots.js';

/**
 * A line of /proc/PID/mountinfo: the directory `root` of the file system `device` (major:minor) is mounted at `point`, on the mount
 * `parent`. `source` is a device or a server; for some types it may be any word.
 */
interface Mount {
  id: string;
  parent: string;
  device: string;
  root: string;
  point: string;
  fsType: string;
  source: string;
  /** The mount, or its whole file system, is read-only. */
  readOnly: boolean;
}

export type Mounts = readonly Mount[];

/** Throws the raw errno error. */
export function readMounts(pid: number | 'self'): Mounts {
  return parseMounts(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
}

/** The mount points below a directory. Each is another mount, so syncfs on the directory, for example, does not reach it. */
export const pointsBelow = (mounts: Mounts, directory: string): string[] =>
  mounts.map(({ point }) => point).filter((point) => point.startsWith(`${directory}/`));

export function parseMounts(text: string): Mounts {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [mount, fileSystem = ''] = line.split(' - ');
      const [id, parent, device, root, point, own = ''] = mount!.split(' ') as [string, string, string, string, string];
      const [fsType = '', source = '', all = ''] = fileSystem.split(' ').map(unescaped);
      const readOnly = [own, all].some((options) => options.split(',').includes('ro'));
      return { id, parent, device, root: unescaped(root), point: unescaped(point), fsType, source, readOnly };
    });
}

/**
 * The mounts that a path can lead into: no other mount covers their mount point or a directory above it. A later mount has as its parent
 * the mount that was there before, so of two mounts with the same parent, the one nearer to the top hides the other.
 */
export function visibleMounts(mounts: Mounts): Mount[] {
  const ids = new Set(mounts.map(({ id }) => id));
  const seen: Mount[] = [];
  const look = (mount: Mount): void => {
    const children = mounts.filter(({ id, parent }) => parent === mount.id && id !== parent);
    const over = children.find(({ point }) => point === mount.point);
    if (over) return look(over);
    seen.push(mount);
    for (const child of children)
      if (!children.some(({ point }) => point !== child.point && isInside(child.point, point))) look(child);
  };
  for (const mount of mounts) if (!ids.has(mount.parent) || mount.parent === mount.id) look(mount);
  return seen;
}

/** Space, tab, newline and backslash are written as octal escapes. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/**
 * The paths in the table `other` at which `path` (real, in the table `own`), or a directory below it, is visible. Empty when its file
 * system is not mounted there.
 */
export function seenFrom(other: Mounts, path: string, own: Mounts): string[] {
  const mount = mountOf(own, path);
  if (!mount) return [];
  const inside = join(mount.root, below(path, mount.point));
  return other
    .filter((m) => m.device === mount.device)
    .flatMap((m) => {
      if (isInside(inside, m.root)) return [join(m.point, below(inside, m.root))];
      return isInside(m.root, inside) ? [m.point] : [];
    });
}

/** Whether the mount that a real path leads into is read-only. */
export const isReadOnly = (mounts: Mounts, path: string): boolean =>
  mountOf(visibleMounts(mounts), path)?.readOnly === true;

/** The mount that holds `path`: the deepest one; of several at the same point the last, which hides the others. */
function mountOf(mounts: Mounts, path: string): Mount | undefined {
  let best: Mount | undefined;
  for (const mount of mounts)
    if (isInside(path, mount.point) && (!best || mount.point.length >= best.point.length)) best = mount;
  return best;
}

/** `/x` of `/a/x` below `/a`; '' for `/a` itself. */
const below = (path: string, directory: string): string =>
  directory === '/' ? (path === '/' ? '' : path) : path.slice(directory.length);

const join = (directory: string, rest: string): string =>
  rest === '' ? directory : `${directory === '/' ? '' : directory}${rest}`;
