// Tests what a destination's file system cannot keep, with temporary files, which it removes. Refuses nothing.

import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, readlink, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { errnoOf, localError, printable } from '../errors.js';
import { type EntryKey, rootOf } from '../files/entry.js';
import { utimesSeconds } from '../files/times.js';
import { FINEST_NS, type FileSystemLimits, lossesOf } from '../linux/fidelity.js';
import { otherIds } from '../owners/chown-trial.js';

/** What one file system keeps. */
export interface TestResult extends Omit<FileSystemLimits, 'key'> {
  keepsLinks: boolean;
  keepsCase: boolean;
  keepsLongNames: boolean;
}

interface FidelityTest {
  places: FileSystemLimits[];
  /** For people, before a copy begins. */
  warnings: string[];
}

/**
 * Makes a temporary file, named like a part, in one root or mount point of each file system. Throws `local` when it cannot be written in a
 * root. `owners`: whether this process may give files away.
 */
export async function testFidelity(
  directories: readonly { key: EntryKey; path: string }[],
  owners: boolean,
): Promise<FidelityTest> {
  const test: FidelityTest = { places: [], warnings: [] };
  const known = new Map<bigint, TestResult>();
  for (const { key, path } of directories) {
    const { dev } = await orLocal('examine', path, stat(path, { bigint: true }));
    const trying = known.get(dev) ?? probe(path, owners);
    const found = key === rootOf(key) ? await trying : await Promise.resolve(trying).catch(() => undefined);
    if (!found) continue;
    if (!known.has(dev))
      for (const loss of describeLosses(found))
        test.warnings.push(`the file system of ${key} (${printable(path)}) ${loss}`);
    known.set(dev, found);
    const { keepsLinks: _links, keepsCase: _case, keepsLongNames: _names, ...keeps } = found;
    test.places.push({ key, ...keeps });
  }
  return test;
}

export function describeLosses(found: TestResult): string[] {
  const losses = lossesOf(found);
  if (!found.keepsLinks) losses.push('does not keep symbolic links');
  if (!found.keepsCase) losses.push('does not tell upper from lower case in names');
  if (!found.keepsLongNames) losses.push('does not keep names of 255 bytes');
  return losses;
}

/** Microseconds since the epoch. No digit is 0 and the second is odd, so that whatever a file system rounds to shows. */
export const PROBE_US = 1_234_567_891_234_567n;

async function probe(directory: string, owners: boolean): Promise<TestResult> {
  const path = `${directory}/${probeName()}`;
  try {
    await orLocal('write', path, writeFile(path, '', { mode: 0o600, flag: 'wx' }));
    return {
      ...(await timesKept(path)),
      lostBits: (await keepsModes(path)) ? 0 : 0o7777,
      owners: !owners || (await keepsOwners(path)),
      keepsLinks: await keepsLinks(directory),
      keepsCase: await keepsCase(path),
      keepsLongNames: await keepsLongNames(directory),
    };
  } finally {
    await orLocal('remove', path, rm(path, { force: true }));
  }
}

/** Named like a part, so that what a crash leaves of it is removed like one. */
export const probeName = (): string => `.lm-${randomBytes(8).toString('hex')}.lm-part`;

async function orLocal<T>(doing: string, path: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw localError(doing, path, error);
  }
}

async function timesKept(path: string): Promise<Pick<FileSystemLimits, 'unitNs' | 'minNs' | 'maxNs'>> {
  const kept = await orLocal('set the time of', path, timeKept(path, PROBE_US * 1000n));
  const min = await timeKept(path, YEAR_1_NS).catch(() => undefined);
  const max = await timeKept(path, YEAR_9999_NS).catch(() => undefined);
  return {
    unitNs: unitOf(kept),
    ...(min !== undefined && min >= 0n && min < kept && { minNs: `${min}` }),
    ...(max !== undefined && max < FAR_NS && max > kept && { maxNs: `${max}` }),
  };
}

const SECOND_NS = 1_000_000_000n;
const YEAR_1_NS = -62_135_596_800n * SECOND_NS;
const YEAR_9999_NS = 253_402_300_798n * SECOND_NS;
/** The year 2106. A limit beyond it, or before 1970, is not reported. */
const FAR_NS = 2n ** 32n * SECOND_NS;

/** The finest known unit to which PROBE_US can have been cut; '0' for none. */
export function unitOf(keptNs: bigint): string {
  const units = [FINEST_NS, 1_000_000n, 10_000_000n, 100_000_000n, SECOND_NS, 2n * SECOND_NS];
  const cut = (ns: bigint, unit: bigint): bigint => ns - (ns % unit);
  return `${units.find((unit) => cut(keptNs, FINEST_NS) === cut(PROBE_US * 1000n, unit)) ?? 0n}`;
}

async function timeKept(path: string, ns: bigint): Promise<bigint> {
  const seconds = utimesSeconds(`${ns}`);
  await utimes(path, seconds, seconds);
  return (await stat(path, { bigint: true })).mtimeNs;
}

async function keepsOwners(path: string): Promise<boolean> {
  const { uid, gid } = await orLocal('examine', path, stat(path));
  for (const otherUid of otherIds(uid))
    for (const otherGid of otherIds(gid)) {
      const refused = await chown(path, otherUid, otherGid).then(() => undefined, errnoOf);
      if (refused === 'EINVAL') continue; // the user namespace of this process has no such id
      const found = await orLocal('examine', path, stat(path));
      return refused === undefined && found.uid === otherUid && found.gid === otherGid;
    }
  return false;
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

/** Where upper and lower case are the same, two names would become one file. */
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

/** A lookup is enough: a name that is too long cannot even be looked up. */
async function keepsLongNames(directory: string): Promise<boolean> {
  try {
    await lstat(`${directory}/${'n'.repeat(255)}`);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ENAMETOOLONG';
  }
}
