// What a destination's file system cannot keep, found out by trying. Leaves nothing behind and refuses nothing.

import { randomBytes } from 'node:crypto';
import { chmod, lstat, readlink, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { errnoOf, localError, printable } from '../errors.js';
import type { RootKey } from '../files/entry.js';

/** What became of the things tried. */
export interface Fidelity {
  /** The time that PROBE_US came back as, in nanoseconds. */
  mtimeNs: bigint;
  keepsModes: boolean;
  keepsLinks: boolean;
  keepsCase: boolean;
  keepsLongNames: boolean;
}

/**
 * Readable warnings, to be said before a copy and not after. One root of each file system gets a temporary file under a part's name
 * for a moment. Throws `local` when not even that can be written.
 */
export async function fidelityOf(roots: readonly { key: RootKey; path: string }[]): Promise<string[]> {
  const warnings: string[] = [];
  const seen = new Set<bigint>();
  for (const { key, path } of roots) {
    const { dev } = await orLocal('examine', path, stat(path, { bigint: true }));
    if (seen.has(dev)) continue;
    seen.add(dev);
    for (const loss of lossesOf(await probe(path)))
      warnings.push(`the file system of ${key} (${printable(path)}) ${loss}`);
  }
  return warnings;
}

export function lossesOf(found: Fidelity): string[] {
  const losses: string[] = [];
  if (found.mtimeNs / 1000n !== PROBE_US) {
    const unit = found.mtimeNs / 1_000_000n === PROBE_US / 1000n ? 'the millisecond' : 'the second or coarser';
    losses.push(`keeps times to ${unit} only: what is copied will look changed in the next pass`);
  }
  if (!found.keepsModes) losses.push('does not keep file modes');
  if (!found.keepsLinks) losses.push('does not keep symbolic links');
  if (!found.keepsCase) losses.push('does not tell upper from lower case in names');
  if (!found.keepsLongNames) losses.push('does not keep names of 255 bytes');
  return losses;
}

/** Microseconds since the epoch. No digit is 0 and the second is odd, so that whatever a file system rounds to shows. */
export const PROBE_US = 1_234_567_891_234_567n;

async function probe(directory: string): Promise<Fidelity> {
  const path = `${directory}/${probeName()}`;
  try {
    await orLocal('write', path, writeFile(path, '', { mode: 0o600, flag: 'wx' }));
    return {
      mtimeNs: await timeKept(path),
      keepsModes: await keepsModes(path),
      keepsLinks: await keepsLinks(directory),
      keepsCase: await keepsCase(path),
      keepsLongNames: await keepsLongNames(directory),
    };
  } finally {
    await orLocal('remove', path, rm(path, { force: true }));
  }
}

/** A part's, so that what a crash leaves of it is removed like one. */
export const probeName = (): string => `.lm-${randomBytes(8).toString('hex')}.lm-part`;

async function orLocal<T>(doing: string, path: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw localError(doing, path, error);
  }
}

async function timeKept(path: string): Promise<bigint> {
  // Half a microsecond more, because a double misses most microseconds by a little and the system call cuts off.
  const seconds = Number(PROBE_US) / 1e6 + 5e-7;
  await orLocal('set the time of', path, utimes(path, seconds, seconds));
  return (await orLocal('examine', path, stat(path, { bigint: true }))).mtimeNs;
}

async function keepsModes(path: string): Promise<boolean> {
  for (const mode of [0o640, 0o751, 0o600]) {
    const isSet = await chmod(path, mode).then(
      () => true,
      () => false,
    );
    if (!isSet || ((await orLocal('examine', path, stat(path))).mode & 0o7777) !== mode) return false;
  }
  return true;
}

/** Where case is not told apart, two names would become one file. */
async function keepsCase(path: string): Promise<boolean> {
  const name = path.lastIndexOf('/') + 1;
  const other = path.slice(0, name) + path.slice(name).toUpperCase();
  const found = await lstat(other).catch(() => undefined);
  return found === undefined;
}

async function keepsLinks(directory: string): Promise<boolean> {
  const path = `${directory}/${probeName()}`;
  try {
    await symlink('target', path);
    return (await readlink(path)) === 'target';
  } catch {
    return false;
  } finally {
    await orLocal('remove', path, rm(path, { force: true }));
  }
}

/** Asking for a name is enough: one that is too long cannot even be looked up. */
async function keepsLongNames(directory: string): Promise<boolean> {
  try {
    await lstat(`${directory}/${'n'.repeat(255)}`);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ENAMETOOLONG';
  }
}
