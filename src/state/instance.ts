// Which migration of this host is meant: one directory each, below the state directory. Knows nothing of what is kept in it
// beyond the record that says which role and roots it is for.

import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import type { RootKey } from '../files/entry.js';
import { inDirectory, lstatIfThere, removeTree, statIfThere } from '../files/if-there.js';
import { makeTemporaryDir } from '../files/temporary-dir.js';
import { readRecord, recordText, writeFileAtomically } from './atomic-file.js';
import { refuseStrangers, strangerIn, strangerText } from './identity/strangers.js';
import { LOCK_FILE } from './lock/lock.js';

export type Role = 'source' | 'destination';

/** What an instance needs to know of a root; `path` is absolute and real, as in `files/roots.ts`. */
export interface RootPath {
  key: RootKey;
  path: string;
}

/** One migration this host takes part in, and where its state is kept. */
export interface Instance {
  name: string;
  role: Role;
  /** `<state-dir>/<name>`. */
  dir: string;
  roots: RootPath[];
  /** Why none of it may be obeyed: somebody else has written it, or could have. Absent when nobody could. */
  stranger?: string;
}

const RECORD = 'instance.json';
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/;
const InstanceRecord = z.object({
  role: z.enum(['source', 'destination']),
  roots: z.array(z.object({ key: z.string(), path: z.string() })),
});

/**
 * The instance for these roots, made when it is new. Throws `usage` when `name` is taken by another role or other roots, or when somebody
 * else has a hand in what is there.
 */
export function openInstance(options: {
  stateDir: string;
  role: Role;
  name?: string | undefined;
  roots: readonly RootPath[];
}): Instance {
  const { stateDir, role } = options;
  const name = checkedName(options.name) ?? instanceName(role, options.roots);
  const roots = inOrder(options.roots);
  const dir = join(stateDir, name);
  refuseStrangers(dir);
  makeDirectory(dir);
  refuseStrangers(dir); // who else might have made it meanwhile
  const known = readInstance(stateDir, name);
  if (known) checkSame(known, role, roots);
  // An agent keeps no promise about its roots, so they may change; a destination's journal and adoption are about them.
  if (!known || !sameRoots(known.roots, roots)) writeFileAtomically(join(dir, RECORD), recordText({ role, roots }));
  return { name, role, dir, roots };
}

/** One that is not known: its records lie in a temporary directory, which is the caller's to remove. */
export function openPassingInstance(options: Parameters<typeof openInstance>[0]): Instance {
  const { role } = options;
  const name = checkedName(options.name) ?? instanceName(role, options.roots);
  return { name, role, dir: makeTemporaryDir('lm-dry-run-'), roots: inOrder(options.roots) };
}

/**
 * The instance an operator means: by name, else by roots, else the only one there is, those of refused runs aside. Undefined when
 * there is none. Throws `usage`, listing them, when several would do.
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

/** Whether anything has come of it: a run that was refused, as for a slip in its directory, leaves its record and an empty journal. */
export function isUsed({ dir }: Instance): boolean {
  const others = readdirSync(dir).filter((name) => name !== RECORD && name !== LOCK_FILE);
  return others.some((name) => (statIfThere(join(dir, name))?.size ?? 0n) > 0n);
}

/** Every instance below `stateDir`, by name. */
export function listInstances(stateDir: string, role?: Role): Instance[] {
  const found = directoriesIn(stateDir).map((name) => readInstance(stateDir, name));
  return found.filter((i) => i !== undefined).filter((i) => !role || i.role === role);
}

/**
 * Forgets all that is kept of it; returns the names of what was removed. A crash leaves it whole or gone; but of a stranger's, who may put
 * another directory in its place meanwhile, what is in the directory that was looked at goes name by name, the record last.
 */
export function removeInstance({ dir, stranger }: Instance): string[] {
  if (stranger !== undefined) return emptyInstance(dir);
  const doomed = join(dirname(dir), `.removed-${randomUUID()}`);
  try {
    const names = readdirSync(dir).sort();
    renameSync(dir, doomed);
    removeTree(doomed);
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
  const lines = inOrder(roots).map((root) => `${root.key}=${root.path}\n`);
  return `${role}-${createHash('sha256').update(lines.join('')).digest('hex').slice(0, 8)}`;
}

function readInstance(stateDir: string, name: string): Instance | undefined {
  const dir = join(stateDir, name);
  const hint = `it says which directories ${dir} is about; remove that directory only if no migration of them is under way`;
  const path = join(dir, RECORD);
  if (!isThere(path)) return undefined;
  const fault = strangerIn(dir);
  try {
    const record = readRecord(path, InstanceRecord, hint);
    return record && { name, dir, ...record, ...(fault && { stranger: strangerText(fault) }) };
  } catch (error) {
    if (fault) refuseStrangers(dir, fault); // the better answer
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
  sameRoots(instance.roots, inOrder(roots));

const sameRoots = (a: readonly RootPath[], b: readonly RootPath[]): boolean =>
  a.length === b.length && a.every((root, i) => root.key === b[i]!.key && root.path === b[i]!.path);

const inOrder = (roots: readonly RootPath[]): RootPath[] =>
  roots.map(({ key, path }) => ({ key, path })).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));

function checkedName(name: string | undefined): string | undefined {
  if (name === undefined || NAME.test(name)) return name;
  throw new LmError('usage', `--instance: got '${printable(name)}', takes letters, digits, '.', '_' and '-'`, {
    hint: "up to 100 of them, the first not a '.'",
  });
}

function checkRole(instance: Instance | undefined, role: Role | undefined): Instance | undefined {
  if (!instance || !role || instance.role === role) return instance;
  throw new LmError('usage', `instance ${instance.name} is a ${instance.role}, not a ${role}`, {
    hint: 'give another --instance, or none',
  });
}

function checkSame(known: Instance, role: Role, roots: readonly RootPath[]): void {
  checkRole(known, role);
  if (role === 'source' || sameRoots(known.roots, roots)) return;
  throw new LmError('usage', `instance ${known.name} is for other directories: ${rootsText(known.roots)}`, {
    hint: 'give another --instance for these directories, or none',
  });
}

const ambiguous = (instances: readonly Instance[]): LmError =>
  new LmError('usage', 'several migrations are known on this host', {
    details: instances.map((i) => `${i.name}  ${rootsText(i.roots)}`),
    hint: 'say which one with --instance NAME',
  });

/** `data/0=/srv/data, commitlog/0=/srv/log`, for people. */
export const rootsText = (roots: readonly RootPath[]): string =>
  roots.map((root) => `${root.key}=${printable(root.path)}`).join(', ');

/** With all that is missing above it; one by one, because Node's `recursive` takes a read-only file system for a missing directory. */
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
