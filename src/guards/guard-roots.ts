// Checks which directories may be a destination, by their names and inodes. What they contain is checked elsewhere.

import type { BigIntStats } from 'node:fs';
import { lstat, mkdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import type { RootKey } from '../files/entry.js';

/** The real path of a root, which need not exist yet if its parent does. Creates nothing. Throws `refused`. */
export async function resolveRoot(path: string, cwd: string): Promise<{ path: string; exists: boolean }> {
  const wanted = resolve(cwd, path);
  const real = await realPathOrNone(wanted);
  if (real !== undefined) {
    if (!(await isDirectory(real))) throw refusal(`${printable(wanted)} is not a directory`);
    return { path: real, exists: true };
  }
  const parent = await realPathOrNone(dirname(wanted));
  if (parent === undefined)
    throw refusal(
      `${printable(wanted)} cannot be created: ${printable(dirname(wanted))} does not exist`,
      'create the parent directory, or look whether its disk is mounted',
    );
  return { path: join(parent, basename(wanted)), exists: false };
}

/** Creates a root that `resolveRoot` found missing, for its owner alone until the source's mode is set. False when another run has made it. */
export async function createRoot(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST' && (await lstat(path)).isDirectory()) return false;
    if (errnoOf(error) === 'EEXIST') throw refusal(`${printable(path)} is not a directory`); // a dangling link
    throw localError('create', path, error);
  }
}

export interface Surroundings {
  stateDir: string;
  homes: readonly string[];
  backupDir?: string;
  /**
   * The source's roots, if it runs on this machine. They are compared with directories in which no file can be made to ask the source for: a
   * backup directory, and with `guesses` the roots. `machine` is the hashed machine id, '' when unknown. A source in a container has other
   * paths: its `ino` differs.
   */
  source?: {
    machine: string;
    ownMachine: string;
    roots: readonly { path: string; ino?: string }[];
    guesses: boolean;
  };
}

/** Throws `refused` for a destination root in which a copy could destroy something else. The paths of `roots` are real. */
export async function checkRootPaths(
  roots: readonly { key: RootKey; path: string }[],
  around: Surroundings,
): Promise<void> {
  const directories = await Promise.all(roots.map(async (root) => ({ ...root, chain: await chainOf(root.path) })));
  const homes = await Promise.all(around.homes.map(chainOf));
  const others = await otherDirectories(around);
  for (const [i, root] of directories.entries()) {
    const what = `destination root ${root.key} (${printable(root.path)})`;
    if (root.path === '/') throw refusal(`${what} is the root directory`, OWN_DIRECTORY_HINT);
    for (const home of homes) {
      const relation = relate(root.chain, home);
      if (relation === 'is' || relation === 'holds')
        throw refusal(`${what} ${relation} a home directory, ${printable(home[0]!.path)}`, OWN_DIRECTORY_HINT);
    }
    const known = around.source?.guesses === false ? others.filter(({ name }) => name !== SOURCE) : others;
    for (const other of [
      ...known,
      ...directories.slice(0, i).map((p) => ({ name: `root ${p.key}`, chain: p.chain })),
    ]) {
      const relation = relate(root.chain, other.chain);
      if (relation)
        throw refusal(
          `${what} ${relation} the ${other.name}, ${printable(other.chain[0]!.path)}`,
          other.name === BACKUP ? BESIDE_HINT : OWN_DIRECTORY_HINT,
        );
    }
  }
  if (around.backupDir !== undefined) await checkBackupDir(directories, others, around.backupDir);
}

/**
 * The homes of people and of root, from the text of /etc/passwd, and $HOME. A system account's home is often the very data
 * directory of its service (redis, mysql), so those are left out.
 */
export function homesIn(passwd: string, home: string | undefined): string[] {
  const accounts = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .map(([, , uid, , , directory]) => ({ uid: Number(uid), directory }))
    .filter((account) => account.directory?.startsWith('/'));
  const isSystem = ({ uid }: { uid: number }) => uid > 0 && uid < 1000;
  const homes = accounts.filter((account) => !isSystem(account)).map((account) => account.directory!);
  if (home?.startsWith('/') && !accounts.some((a) => a.directory === home && isSystem(a))) homes.push(home);
  return [...new Set(homes)];
}

const BACKUP = 'backup directory';
const SOURCE = 'source root';
const BESIDE_HINT = 'choose a directory beside the roots, on their file system';
const OWN_DIRECTORY_HINT = 'choose a directory of its own for each root';

const refusal = (message: string, hint?: string): LmError =>
  new LmError('forbidden-root', message, hint === undefined ? {} : { hint });

async function realPathOrNone(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    if (errnoOf(error) === 'ENOTDIR') throw refusal(`${printable(path)} is not a directory`);
    throw localError('resolve', path, error);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw localError('examine', path, error);
  }
}

/**
 * A directory and its parents, innermost first, up to `/`. When one does not exist, or may not be examined, such as other people's homes,
 * `id` is undefined and its path alone is compared.
 */
type Chain = Directory[];

interface Directory {
  path: string;
  /** Device and inode. */
  id: string | undefined;
  device: bigint | undefined;
}

async function chainOf(path: string): Promise<Chain> {
  const chain: Chain = [];
  for (let at = await realPathAsFarAsPossible(path); ; at = dirname(at)) {
    const stats = await statIfAllowed(at);
    chain.push({ path: at, id: stats && `${stats.dev}:${stats.ino}`, device: stats?.dev });
    if (at === '/') return chain;
  }
}

const statIfAllowed = (path: string): Promise<BigIntStats | undefined> =>
  stat(path, { bigint: true }).catch(() => undefined);

const realPathAsFarAsPossible = (path: string): Promise<string> =>
  realpath(path).catch(async (error: unknown) => {
    if (path === '/') throw localError('resolve', path, error);
    return join(await realPathAsFarAsPossible(dirname(path)), basename(path));
  });

export type Relation = 'is' | 'is inside' | 'holds';

/** How one directory of this host is related to another, and for 'is inside' the names of the path between them. */
export async function findRelation(
  path: string,
  other: string,
): Promise<{ relation: Relation; below: string[] } | undefined> {
  const [chain, others] = await Promise.all([chainOf(path), chainOf(other)]);
  const relation = relate(chain, others);
  if (!relation) return undefined;
  const depth = chain.findIndex((dir) => isSame(dir, others[0]!));
  return {
    relation,
    below: chain
      .slice(0, Math.max(0, depth))
      .map(({ path }) => basename(path))
      .reverse(),
  };
}

const isSame = (a: Directory, b: Directory): boolean => a.path === b.path || (a.id !== undefined && a.id === b.id);

/** Compares inodes as well as paths, because a bind mount gives a directory a second path. */
function relate(a: Chain, b: Chain): Relation | undefined {
  if (isSame(a[0]!, b[0]!)) return 'is';
  if (a.some((dir) => isSame(dir, b[0]!))) return 'is inside';
  return b.some((dir) => isSame(dir, a[0]!)) ? 'holds' : undefined;
}

async function otherDirectories(around: Surroundings): Promise<{ name: string; chain: Chain }[]> {
  const directories = [{ name: 'state directory', chain: await chainOf(around.stateDir) }];
  if (around.backupDir !== undefined) directories.push({ name: BACKUP, chain: await chainOf(around.backupDir) });
  const { source } = around;
  if (!source || source.machine === '' || source.machine !== source.ownMachine) return directories;
  for (const { path, ino } of source.roots) {
    const here = await statIfAllowed(path);
    if (!here || ino === undefined || ino === '0' || here.ino === BigInt(ino))
      directories.push({ name: SOURCE, chain: await chainOf(path) });
  }
  return directories;
}

/**
 * A backup directory inside the source would be listed, and one in the state directory taken for records. It has to be on the file system
 * of the roots, because files are moved into it.
 */
async function checkBackupDir(
  roots: { key: RootKey; path: string; chain: Chain }[],
  others: { name: string; chain: Chain }[],
  backupDir: string,
): Promise<void> {
  const chain = await chainOf(backupDir);
  for (const other of others.filter(({ name }) => name !== BACKUP)) {
    const relation = relate(chain, other.chain);
    if (relation === 'is' || relation === 'is inside')
      throw refusal(
        `backup directory ${printable(backupDir)} ${relation} the ${other.name}, ${printable(other.chain[0]!.path)}`,
        BESIDE_HINT,
      );
  }
  const deviceOf = (chain: Chain) => chain.find(({ device }) => device !== undefined)!.device;
  const device = deviceOf(chain);
  for (const root of roots)
    if (deviceOf(root.chain) !== device)
      throw refusal(
        `backup directory ${printable(backupDir)} is on another file system than ${root.key} (${printable(root.path)})`,
        BESIDE_HINT,
      );
}
