// Refuses a destination that is the source itself, lies in it or holds it: makes a file here and asks the source whether it has it. Machine
// ids prove nothing, because cloned hosts share them; paths neither, because a container has its own.

import { statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import type { EntryKey } from '../files/entry.js';
import type { ListedRoot } from '../files/listing.js';
import type { Roots } from '../files/roots.js';
import { setTime } from '../files/set-time.js';
import type { Source } from '../source/source.js';
import { probeName } from './guard-fidelity.js';
import { findRelation, type Relation } from './guard-roots.js';

/** The directory in which an empty file is made, and the key of the directory in which the source would find it. */
interface Probe {
  dir: string;
  key: EntryKey;
  relation: Relation;
}

/** Throws `refused`, and what the source throws. All of `roots` exist. False when this user may not make a file in one of them. */
export async function refuseSourceItself(
  roots: Roots,
  sourceRoots: readonly Pick<ListedRoot, 'key' | 'path'>[],
  source: Pick<Source, 'url' | 'findsEmpty'>,
  signal: AbortSignal,
): Promise<boolean> {
  const name = probeName();
  let isTried = true;
  for (const root of roots)
    for (const other of sourceRoots)
      for (const { dir, key, relation } of await probesOf(root.path, other)) {
        const found = await withFile(dir, name, () => source.findsEmpty(`${key}/${name}`, signal));
        if (found === undefined) isTried = false;
        if (!found) continue;
        throw new LmError(
          'forbidden-root',
          `destination root ${root.key} (${printable(root.path)}) ${relation} ${other.key} of the source, ${source.url}`,
          { hint: 'choose a directory of its own for each root, or another source' },
        );
      }
  return isTried;
}

/** If the path of the source's directory exists here, that directory may also lie above or below this one. */
async function probesOf(path: string, { key, path: theirs }: Pick<ListedRoot, 'key' | 'path'>): Promise<Probe[]> {
  const is: Probe = { dir: path, key, relation: 'is' };
  const found = theirs === '' ? undefined : await findRelation(path, theirs); // a Sidecar sends no paths
  if (found?.relation === 'is inside')
    return [is, { dir: path, key: [key, ...found.below].join('/'), relation: 'is inside' }];
  if (found?.relation === 'holds') return [is, { dir: theirs, key, relation: 'holds' }];
  return [is];
}

/** Restores the directory's time, where this user may set it. Undefined where the user may not make a file. */
async function withFile<T>(dir: string, name: string, act: () => Promise<T>): Promise<T | undefined> {
  const path = join(dir, name);
  const { mtimeNs } = orLocal('look at', dir, () => statSync(dir, { bigint: true }));
  try {
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (errnoOf(error) === 'EACCES') return undefined;
    throw localError('write', path, error);
  }
  try {
    return await act();
  } finally {
    orLocal('remove', path, () => unlinkSync(path));
    keepTime(dir, `${mtimeNs}`);
  }
}

function keepTime(dir: string, mtimeNs: string): void {
  try {
    setTime(dir, mtimeNs);
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw localError('set the time of', dir, error); // only the owner may set it
  }
}

function orLocal<T>(doing: string, path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw localError(doing, path, error);
  }
}
