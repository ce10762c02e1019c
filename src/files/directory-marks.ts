// By what a directory is known again after a boot, a remount or a move of its disk, which may all change its device number.

import { type BigIntStats, lstatSync, opendirSync } from 'node:fs';
import { join } from 'node:path';

export interface DirectoryMarks {
  ino: string;
  /** When it was made, in nanoseconds since the epoch; '0' where the file system or the kernel does not keep it. */
  birthNs: string;
  /** Inodes of directories in it, by name: what else tells copies of one disk image apart. None of a disk of its own; empty where nobody looked. */
  top: Record<string, string>;
}

/** As another end, or a record, may tell it; an older one tells the inode alone. */
export type ToldMarks = Pick<DirectoryMarks, 'ino'> & {
  [Mark in keyof DirectoryMarks]?: DirectoryMarks[Mark] | undefined;
};

interface Device {
  dev?: string;
}

const MAX_TOP = 16;

/** To read the names of a larger directory takes longer than all the rest. */
const MAX_NAMES = 1_000;

/** One that was made anew, as by a restore, says nothing of the disk. */
const LEAST_LOST = 2;

/** `stat` is that of `path`. What cannot be looked at in it is no mark. */
export function marksOf(path: string, stat: Pick<BigIntStats, 'dev' | 'ino' | 'birthtimeNs'>): DirectoryMarks {
  return { ino: `${stat.ino}`, birthNs: `${birthOf(stat)}`, top: topOf(path, stat.dev) };
}

/** 0 where it is not kept. */
export const birthOf = ({ birthtimeNs }: Pick<BigIntStats, 'birthtimeNs'>): bigint =>
  birthtimeNs > 0n ? birthtimeNs : 0n;

/**
 * Whether both are one directory: of the same inode and birth, and most of the directories that were in it then are still there. Those that
 * are gone since tell nothing where the births are known to be equal; those that are others under the same name do. Where an older
 * lm has told the inode alone, the device number must do, if that is known.
 */
export function isSameDirectory(known: ToldMarks & Device, seen: ToldMarks & Device): boolean {
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
  return lost < LEAST_LOST || still >= lost;
}

/** For people, and without what changes as a matter of course. */
export function describeMarks({ ino, birthNs, top = {} }: ToldMarks): string {
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
    return {}; // closed to this user, or changing just now
  }
}
