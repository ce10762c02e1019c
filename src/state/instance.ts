// Opens, finds, lists and removes the instances of this host: one directory each, below the state directory, with a record of the role and
// the roots that it is for.

import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import { type DirType, type RootKey, rootOf } from '../files/entry.js';
import { inDirectory, lstatIfThere, removeTree, statIfThere } from '../files/if-there.js';
import type { Roots } from '../files/roots.js';
import { makeTemporaryDir } from '../files/temporary-dir.js';
import { readRecord, recordText, writeFileAtomically } from './atomic-file.js';
import { EVIDENCE_FILE } from './evidence/names.js';
import { faultInRecords, faultText, refuseUntrustedRecords } from './identity/trusted-records.js';
import { LOCK_FILE } from './lock/lock.js';

export type Role = 'source' | 'destination';

/** A root as an instance records it; `path` is absolute and real, as in `files/roots.ts`. */
export interface RootPath {
  key: RootKey;
  path: string;
}

/** One migration of this host, and where its records are kept. */
export interface Instance {
  name: string;
  role: Role;
  /** `<state-dir>/<name>`. */
  dir: string;
  roots: RootPath[];
  /** Why its records are not obeyed: another user has written them, or could have. Absent when nobody could. */
  untrusted?: string;
}

/** The roots of a migration that is known by its records. */
export const rootsOf = ({ roots }: Pick<Instance, 'roots'>): Roots =>
  roots.map(({ key, path }) => {
    const [type, index] = rootOf(key).split('/') as [DirType, string];
    return { key, path, type, index: Number(index) };
  });

const RECORD = 'instance.json';
/** The records of the agent by which a destination reads a source directory of its own host. */
export const OWN_AGENT_DIR = 'own-agent';
/** What a refused run leaves, beside an empty journal. */
const UNUSED: ReadonlySet<string> = new Set([RECORD, LOCK_FILE, EVIDENCE_FILE, OWN_AGENT_DIR, 'machine-id']);
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/;
const InstanceRecord = z.object({
  role: z.enum(['source', 'destination']),
  roots: z.array(z.object({ key: z.string(), path: z.string() })),
});

/**
 * The instance for these roots, made when it is new. Throws `usage` when `name` is taken by another role or other roots, or when another
 * user could have written the records.
 */
export function openInstance(options: {
  stateDir: string;
  role: Role;
  name?: string | undefined;
  roots: readonly RootPath[];
}): Instance {
  const { stateDir, role } = options;
  const name = checkedName(options.name) ?? instanceName(role, options.roots);
  const roots = sortedByKey(options.roots);
  const dir = join(stateDir, name);
  refuseUntrustedRecords(dir);
  makeDirectory(dir);
  refuseUntrustedRecords(dir); // again: another user may have made it meanwhile
  const known = readInstance(stateDir, name);
  if (known) checkSame(known, role, roots);
  // The roots of a source may change, because no record depends on them; a destination's journal and adoption do.
  if (!known || !sameRoots(known.roots, roots)) writeFileAtomically(join(dir, RECORD), recordText({ role, roots }));
  return { name, role, dir, roots };
}

/** An instance whose records lie in a temporary directory, which the caller removes. */
export function openTemporaryInstance(options: Parameters<typeof openInstance>[0]): Instance {
  const { role } = options;
  const name = checkedName(options.name) ?? instanceName(role, options.roots);
  return { name, role, dir: makeTemporaryDir('lm-dry-run-'), roots: sortedByKey(options.roots) };
}

/**
 * The instance an operator means: by name, else by roots, else the only one, apart from those of refused runs. Undefined when there is
 * none. Throws `usage`, listing them, when there are several.
 */
export function findInstance(options: {
  stateDir: string;
  role?: Role | undefined;
  name?: string | undefined;
  roots?: readonly RootPath[] | undefined;
}): Instance | undefined {
  const { stateDir, role } = options;
  const name = checkedName(options.name);
  if (name !== undefined) return checkRole(readInstance(stateDir, name), role);
  const candidates = listInstances(stateDir, role).filter((i) => !options.roots || isFor(i, options.roots));
  const used = candidates.filter(isUsed);
  const meant = used.length > 0 ? used : candidates;
  if (meant.length > 1) throw ambiguous(meant);
  return meant[0];
}

/**
 * False when it holds only what a refused run leaves, as after a typing error in a directory: its record, its evidence and an empty
 * journal.
 */
export function isUsed({ dir }: Instance): boolean {
  const others = readdirSync(dir).filter((name) => !UNUSED.has(name));
  return others.some((name) => (statIfThere(join(dir, name))?.size ?? 0n) > 0n);
}

/** Every instance below `stateDir`, by name. */
export function listInstances(stateDir: string, role?: Role): Instance[] {
  const found = directoriesIn(stateDir).map((name) => readInstance(stateDir, name));
  return found.filter((i) => i !== undefined).filter((i) => !role || i.role === role);
}

/**
 * Removes all its records; returns their names. A crash leaves all of them or none. But if another user could put another directory in its
 * place meanwhile, what is in the opened directory is removed name by name, the record last.
 */
export function removeInstance({ dir, untrusted }: Instance): string[] {
  if (untrusted !== undefined) return emptyInstance(dir);
  const removed = join(dirname(dir), `.removed-${randomUUID()}`);
  try {
    const names = readdirSync(dir).sort();
    renameSync(dir, removed);
    removeTree(removed);
    return names;
  } catch (error) {
    throw localError('remove', dir, error);
  }
}

function emptyInstance(dir: string): string[] {
  try {
    return inDirectory(dir, (at) => {
      if (!isThere(at(RECORD))) throw new LmError('local', `${printable(dir)} is no longer what it was`);
      const names = readdirSync(at('')).sort();
      for (const name of [...names.filter((one) => one !== RECORD), RECORD]) removeTree(at(name));
      rmdirSync(dir);
      return names;
    });
  } catch (error) {
    throw localError('remove', dir, error);
  }
}

/** `destination-1f2e3d4c`: role and the roots' keys and paths, in whatever order they were given. */
export function instanceName(role: Role, roots: readonly RootPath[]): string {
  const lines = sortedByKey(roots).map((root) => `${root.key}=${root.path}\n`);
  return `${role}-${createHash('sha256').update(lines.join('')).digest('hex').slice(0, 8)}`;
}

function readInstance(stateDir: string, name: string): Instance | undefined {
  const dir = join(stateDir, name);
  const hint = `it says which directories ${dir} is about; remove that directory only if no migration of them is under way`;
  const path = join(dir, RECORD);
  if (!isThere(path)) return undefined;
  const fault = faultInRecords(dir);
  try {
    const record = readRecord(path, InstanceRecord, hint);
    return record && { name, dir, ...record, ...(fault && { untrusted: faultText(fault) }) };
  } catch (error) {
    if (fault) refuseUntrustedRecords(dir, fault); // the more helpful error
    throw error;
  }
}

function isThere(path: string): boolean {
  try {
    return lstatIfThere(path) !== undefined;
  } catch (error) {
    throw localError('read', path, error);
  }
}

/** Whether these are its directories, in whatever order. */
export const isFor = (instance: Instance, roots: readonly RootPath[]): boolean =>
  sameRoots(instance.roots, sortedByKey(roots));

const sameRoots = (a: readonly RootPath[], b: readonly RootPath[]): boolean =>
  a.length === b.length && a.every((root, i) => root.key === b[i]!.key && root.path === b[i]!.path);

const sortedByKey = (roots: readonly RootPath[]): RootPath[] =>
  roots.map(({ key, path }) => ({ key, path })).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));

function checkedName(name: string | undefined): string | undefined {
  if (name === undefined || NAME.test(name)) return name;
  throw new LmError('usage', `--instance: got '${printable(name)}', takes letters, digits, '.', '_' and '-'`, {
    hint: "up to 100 of them, the first not a '.'",
  });
}

function checkRole(instance: Instance | undefined, role: Role | undefined): Instance | undefined {
  if (!instance || !role || instance.role === role) return instance;
  throw new LmError('which-migration', `instance ${instance.name} is a ${instance.role}, not a ${role}`, {
    hint: 'give another --instance, or none',
  });
}

function checkSame(known: Instance, role: Role, roots: readonly RootPath[]): void {
  checkRole(known, role);
  if (role === 'source' || sameRoots(known.roots, roots)) return;
  throw new LmError('which-migration', `instance ${known.name} is for other directories: ${rootsText(known.roots)}`, {
    hint: 'give another --instance for these directories, or none',
  });
}

const ambiguous = (instances: readonly Instance[]): LmError =>
  new LmError('which-migration', 'several migrations are known on this host', {
    details: instances.map((i) => `${i.name}  ${rootsText(i.roots)}`),
    hint: 'say which one with --instance NAME',
  });

/** `data/0=/srv/data, commitlog/0=/srv/log`, for people. */
export const rootsText = (roots: readonly RootPath[]): string =>
  roots.map((root) => `${root.key}=${printable(root.path)}`).join(', ');

/** Makes missing parents too; one by one, because Node's `recursive` reports a read-only file system as a missing directory. */
function makeDirectory(path: string, isLast = false): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && !isLast) {
      makeDirectory(dirname(path));
      return makeDirectory(path, true);
    }
    if (errnoOf(error) !== 'EEXIST' || !statIfThere(path)?.isDirectory()) throw localError('create', path, error);
  }
}

function directoriesIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && NAME.test(entry.name))
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw localError('read', path, error);
  }
}
