// The mount table of a process, and what a directory is called in another one. Mounts nothing.

import { readFileSync } from 'node:fs';
import { isWithin } from '../files/entry.js';

/**
 * A line of /proc/PID/mountinfo: `root`, a directory of the file system `device` (major:minor), is seen at `point`. It was mounted on
 * the mount `parent`; `source` is a device or a server, for some types any word.
 */
export interface Mount {
  id: string;
  parent: string;
  device: string;
  root: string;
  point: string;
  fsType: string;
  source: string;
  /** The mount, or its whole file system, takes no writing. */
  readOnly: boolean;
}

export type Mounts = readonly Mount[];

/** Throws the raw errno error. */
export function readMounts(pid: number | 'self'): Mounts {
  return parseMounts(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
}

/** The mount points below a directory; a file system of its own each, which what is done to the directory's does not reach. */
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
 * Those that a path can lead into: neither mounted over at their own point nor above it. What is mounted later is mounted on what
 * was there before, so whatever shares its parent with a mount nearer to the top is hidden by that one.
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
      if (!children.some(({ point }) => point !== child.point && isBelow(child.point, point))) look(child);
  };
  for (const mount of mounts) if (!ids.has(mount.parent) || mount.parent === mount.id) look(mount);
  return seen;
}

/** Space, tab, newline and backslash are written as octal escapes. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/**
 * The paths under which `path`, real in the table `own`, or any part of it, shows in the table `theirs`: none when its file system
 * is not mounted there.
 */
export function seenFrom(theirs: Mounts, path: string, own: Mounts): string[] {
  const mount = mountOf(own, path);
  if (!mount) return [];
  const inside = join(mount.root, below(path, mount.point));
  return theirs
    .filter((m) => m.device === mount.device)
    .flatMap((m) => {
      if (isBelow(inside, m.root)) return [join(m.point, below(inside, m.root))];
      return isBelow(m.root, inside) ? [m.point] : [];
    });
}

/** Whether the mount that a real path leads into takes no writing. */
export const isReadOnly = (mounts: Mounts, path: string): boolean =>
  mountOf(visibleMounts(mounts), path)?.readOnly === true;

/** The mount that holds `path`: the deepest, and of several at one point the last, which hides the others. */
function mountOf(mounts: Mounts, path: string): Mount | undefined {
  let best: Mount | undefined;
  for (const mount of mounts)
    if (isBelow(path, mount.point) && (!best || mount.point.length >= best.point.length)) best = mount;
  return best;
}

const isBelow = (path: string, directory: string): boolean => directory === '/' || isWithin(path, directory);

/** `/x` of `/a/x` below `/a`; '' for `/a` itself. */
const below = (path: string, directory: string): string =>
  directory === '/' ? (path === '/' ? '' : path) : path.slice(directory.length);

const join = (directory: string, rest: string): string =>
  rest === '' ? directory : `${directory === '/' ? '' : directory}${rest}`;
