// Identifies a directory across a reboot, a remount or a move of its disk, each of which may change its device number.

import { type BigIntStats, lstatSync, opendirSync } from 'node:fs';
import { join } from 'node:path';

export interface DirectoryMarks {
  ino: string;
  /** Its creation time in nanoseconds since the epoch; '0' where the file system or the kernel does not keep it. */
  birthNs: string;
  /**
   * Inodes of directories in it, by name: they distinguish copies of one disk image. Mount points are left out. Empty where the directory
   * was not read.
   */
  top: Record<string, string>;
}

/** Marks as the other end or a record has them; an older one has the inode alone. */
export type ReportedMarks = Pick<DirectoryMarks, 'ino'> & {
  [Mark in keyof DirectoryMarks]?: DirectoryMarks[Mark] | undefined;
};

interface Device {
  dev?: string;
}

const MAX_TOP = 16;

/** Reading the names of a larger directory would take longer than everything else here. */
const MAX_NAMES = 1_000;

/** A single directory that was made again, as by a restore, is no sign of another disk. */
const MIN_LOST = 2;

/** `stat` is that of `path`. A directory whose contents cannot be read gets no `top`. */
export function marksOf(path: string, stat: Pick<BigIntStats, 'dev' | 'ino' | 'birthtimeNs'>): DirectoryMarks {
  return { ino: `${stat.ino}`, birthNs: `${birthOf(stat)}`, top: topOf(path, stat.dev) };
}

/** 0 where the file system does not keep it. */
export const birthOf = ({ birthtimeNs }: Pick<BigIntStats, 'birthtimeNs'>): bigint =>
  birthtimeNs > 0n ? birthtimeNs : 0n;

/**
 * Whether both are one directory: inode and creation time are equal, and most of the directories that it held are still in it. Where the
 * creation times are known to be equal, only directories that were replaced under the same name count against it, not those that are
 * gone. Where an older lm recorded the inode alone, the device numbers are compared, if they are known.
 */
export function isSameDirectory(known: ReportedMarks & Device, seen: ReportedMarks & Device): boolean {
  if (known.ino !== seen.ino) return false;
  if (known.birthNs === undefined || seen.birthNs === undefined) return known.dev === seen.dev;
  const born = known.birthNs !== '0' && seen.birthNs !== '0';
  if (born && known.birthNs !== seen.birthNs) return false;
  const before = Object.entries(known.top ?? {});
  const now = seen.top ?? {};
  const still = before.filter(([name, ino]) => now[name] === ino).length;
  const replaced = before.filter(([name]) => Object.hasOwn(now, name)).length - still;
  const gone = before.length - still - replaced;
  const lost = replaced + (born ? 0 : gone);
  return lost < MIN_LOST || still >= lost;
}

/** A description for people, without what changes in normal use. */
export function describeMarks({ ino, birthNs, top = {} }: ReportedMarks): string {
  const made =
    birthNs !== undefined && birthNs !== '0'
      ? `, made ${new Date(Number(BigInt(birthNs) / 1_000_000n)).toISOString()}`
      : '';
  const [first] = Object.entries(top);
  return `inode ${ino}${made}${first ? `, ${first[0]} in it inode ${first[1]}` : ''}`;
}

function topOf(path: string, dev: bigint): Record<string, string> {
  const names: string[] = [];
  try {
    const dir = opendirSync(path);
    try {
      for (let read = 0, entry = dir.readSync(); entry; entry = dir.readSync()) {
        if (++read > MAX_NAMES) return {};
        if (entry.isDirectory() && !entry.name.includes('\ufffd')) names.push(entry.name);
      }
    } finally {
      dir.closeSync();
    }
    const first = names.sort().slice(0, MAX_TOP);
    const stats = first.map((name) => [name, lstatSync(join(path, name), { bigint: true })] as const);
    return Object.fromEntries(stats.filter(([, stat]) => stat.dev === dev).map(([name, { ino }]) => [name, `${ino}`]));
  } catch {
    return {}; // this user may not read it, or it is changing just now
  }
}
