// Opens, checks and watches the roots of an agent of a source: each is an existing directory, none lies in another, and together they are all that the service
// uses.

import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { snapshotsIn } from '../agent/replies/snapshots.js';
import { watchRoots } from '../agent/root-watch.js';
import { errnoOf, LmError, printable } from '../errors.js';
import type { RootKey } from '../files/entry.js';
import type { ListedRoot } from '../files/listing.js';
import { isInside, type Root, type Roots, yamlLine } from '../files/roots.js';
import { outsideError } from '../guards/guard-outside.js';
import { findOpenFiles } from '../linux/open-files.js';
import { findOutsideFiles } from '../linux/outside-files.js';
import type { StatedRoot } from '../settings/roots.js';
import type { ServeSettings } from '../settings/settings.js';
import { missingForNode, type SidesOptions } from '../sides/guard-sides.js';
import { refuseInsideRoots } from '../trust/output-file.js';

/** What an agent of a source serves. */
export interface Served {
  /** The directories by which the source is known, here and by its clients: live ones. */
  roots: Roots;
  /** Where files are read, in the same order: the same directories, or snapshots of them. */
  read: Roots;
}

/** The keys of those that are snapshots. */
export const snapshotsOf = ({ roots, read }: Served): RootKey[] => snapshotsIn({ roots: read, live: roots });

/** Throws `usage` and `refused` for roots that cannot be served, and warns of those that are missing. */
export async function openServed(
  { roots: stated, rootOrigins, liveRoots, cassandra, stateDir, without, accessLog }: ServeSettings,
  warn: (text: string) => void,
): Promise<Served> {
  const read = stated.map((root, i) => openRoot(root, rootOrigins[i]!, cassandra?.file));
  const live = liveRoots.map((root) => openRoot(root, '--as', undefined));
  const roots = read.map((root) => live.find(({ key }) => key === root.key) ?? root);
  for (const each of live.length > 0 ? [read, roots] : [read]) {
    refuseOverlaps(each, stateDir);
    if (accessLog !== undefined) refuseInsideRoots('--access-log', accessLog, each);
  }
  for (const root of live) refuseLiveItself(root, read.find(({ key }) => key === root.key)!);
  await refuseOutsideFiles(roots, cassandra?.file);
  for (const text of incompleteNodeWarnings(roots, without)) warn(text);
  return { roots, read };
}

/** A live directory that is taken for a snapshot would be served as one that stands still. */
function refuseLiveItself({ key, path }: Root, read: Root): void {
  const [live, snapshot] = [statSync(path), statSync(read.path)];
  if (live.dev !== snapshot.dev || live.ino !== snapshot.ino) return;
  throw new LmError(
    'served-root',
    `root ${key}: ${printable(read.path)} is the live directory itself, and no snapshot of it`,
    {
      hint: 'to serve that, leave out --as',
    },
  );
}

/**
 * Returns a function that checks again that every root, live or snapshot, is still the directory it was, and has the marks of the live ones. See
 * `watchRoots`.
 */
export function watchServed(
  { roots, read }: Served,
  { roots: stated, liveRoots }: Pick<ServeSettings, 'roots' | 'liveRoots'>,
): () => ListedRoot[] {
  const given = stated.map(({ path }) => path);
  const watchRead = watchRoots(read, given);
  if (liveRoots.length === 0) return watchRead;
  const isSame = (a: StatedRoot, b: StatedRoot): boolean => a.type === b.type && a.index === b.index;
  const givenLive = stated.map((root) => (liveRoots.find((live) => isSame(live, root)) ?? root).path);
  const watchLive = watchRoots(roots, givenLive);
  return () => {
    watchRead();
    return watchLive();
  };
}

/** A root of the source must exist: a missing one is a mistake, or a disk that is not mounted. `origin` says where its path comes from. */
function openRoot({ type, index, path }: StatedRoot, origin: string, yaml: string | undefined): Root {
  const key = `${type}/${index}`;
  try {
    const real = realpathSync.native(path);
    if (statSync(real).isDirectory()) return { key, type, index, path: real };
  } catch (cause) {
    const named = yaml === undefined ? key : `${key} (${printable(origin)})`;
    throw new LmError('served-root', `root ${named}: cannot open ${printable(path)}: ${errnoOf(cause)}`, {
      cause,
      hint:
        yaml === undefined
          ? 'name a directory that is there, and mount what belongs there'
          : `mount what belongs there; if it lies elsewhere, say so in ${printable(yaml)}: \`${yamlLine(type, 'DIR')}\``,
    });
  }
  throw new LmError('served-root', `root ${key}: ${printable(path)} is not a directory`);
}

/** An entry in two roots would be listed twice, and the agent's own records would be listed as data. Throws `usage`. */
function refuseOverlaps(roots: Roots, stateDir: string): void {
  for (const root of roots) {
    const outer = roots.find((other) => other !== root && isInside(root.path, other.path));
    if (outer)
      throw new LmError('served-root', `root ${root.key} lies within root ${outer.key}: ${printable(root.path)}`);
    if (isInside(realIfThere(stateDir), root.path))
      throw new LmError('served-root', `the state directory lies within root ${root.key}: ${printable(stateDir)}`, {
        hint: 'give another --state-dir',
      });
  }
}

function realIfThere(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path; // it does not exist yet
  }
}

/** A running service shows by its open files where it keeps them; `yaml` may have changed since it was started. Throws `usage`. */
async function refuseOutsideFiles(roots: Roots, yaml: string | undefined): Promise<void> {
  const { holders } = await findOpenFiles(roots.map(({ path }) => path));
  const error = outsideError(await findOutsideFiles(holders, roots), { roots, yaml });
  if (error) throw error;
}

/** Warnings where a copy by lm would refuse: that copy may have --without, and a Sidecar that copies from here does not check. */
function incompleteNodeWarnings(roots: Roots, without: SidesOptions['without']): string[] {
  const node = roots
    .filter(({ type }) => type === 'data' || type === 'local_system_data')
    .map(({ path }) => join(path, 'system'))
    .find((system) => namesIn(system).some((name) => name.startsWith('local-')));
  const lacking = node === undefined ? [] : missingForNode({ roots, without });
  if (node === undefined || lacking.length === 0) return [];
  const flags = lacking.map((type) => `--root ${type}=DIR`).join(' ');
  const waivers = lacking.map((type) => `--without ${type}`).join(' ');
  return [
    `${printable(node)} is a Cassandra node's, and its ${lacking.join(' and ')} ${lacking.length === 1 ? 'is' : 'are'} not served: add ${flags}, or ${waivers} if what they hold may be lost`,
  ];
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return []; // missing, or the walk will report it
  }
}
