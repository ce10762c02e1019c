// Whether a destination is the source itself, lies in it or holds it: asked of the source by a file that is made here. Machine ids are no
// proof, since cloned hosts share them, and neither are paths, since a container has its own.

import { statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import type { EntryKey, ListedRoot } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import { setTime } from '../files/set-time.js';
import type { Source } from '../source/source.js';
import { probeName } from './guard-fidelity.js';
import { findRelation, type Relation } from './guard-roots.js';

/** Where an empty file is made, and under which directory's key the source would have it. */
interface Probe {
  dir: string;
  key: EntryKey;
  relation: Relation;
}

/** Throws `refused`, and what the source throws. Every root of `roots` is there. False when this user may not make a file in one. */
export async function refuseSourceItself(
  roots: Roots,
  theirs: readonly Pick<ListedRoot, 'key' | 'path'>[],
  source: Pick<Source, 'url' | 'findsEmpty'>,
  signal: AbortSignal,
): Promise<boolean> {
  const name = probeName();
  let isTried = true;
  for (const root of roots)
    for (const other of theirs)
      for (const { dir, key, relation } of await probesOf(root.path, other)) {
        const found = await withFile(dir, name, () => source.findsEmpty(`${key}/${name}`, signal));
        if (found === undefined) isTried = false;
        if (!found) continue;
        throw new LmError(
          'refused',
          `destination root ${root.key} (${printable(root.path)}) ${relation} ${other.key} of the source, ${source.url}`,
          { hint: 'choose a directory of its own for each root, or another source' },
        );
      }
  return isTried;
}

/** By its path, if that leads anywhere here, the source's directory may be one above or below this one. */
async function probesOf(path: string, { key, path: theirs }: Pick<ListedRoot, 'key' | 'path'>): Promise<Probe[]> {
  const is: Probe = { dir: path, key, relation: 'is' };
  const found = theirs === '' ? undefined : await findRelation(path, theirs); // a Sidecar does not tell
  if (found?.relation === 'is inside')
    return [is, { dir: path, key: [key, ...found.below].join('/'), relation: 'is inside' }];
  if (found?.relation === 'holds') return [is, { dir: theirs, key, relation: 'holds' }];
  return [is];
}

/** The directory keeps its time, where this user may set it. Undefined where he may not make a file. */
async function withFile<T>(dir: string, name: string, act: () => Promise<T>): Promise<T | undefined> {
  const path = join(dir, name);
  const { mtimeNs } = at('look at', dir, () => statSync(dir, { bigint: true }));
  try {
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (errnoOf(error) === 'EACCES') return undefined;
    throw localError('write', path, error);
  }
  try {
    return await act();
  } finally {
    at('remove', path, () => unlinkSync(path));
    keepTime(dir, `${mtimeNs}`);
  }
}

function keepTime(dir: string, mtimeNs: string): void {
  try {
    setTime(dir, mtimeNs);
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw localError('set the time of', dir, error); // it is its owner's to set
  }
}

function at<T>(doing: string, path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw localError(doing, path, error);
  }
}
