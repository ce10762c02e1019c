// Opens the destination that the arguments of `copy` or `verify` mean: its settings, roots and records.

import { existsSync, readFileSync, rmdirSync } from 'node:fs';
import { LmError } from '../errors.js';
import { removeTree, statIfThere } from '../files/if-there.js';
import type { Roots } from '../files/roots.js';
import { checkRootPaths, createRoot, homesIn, resolveRoot } from '../guards/guard-roots.js';
import type { Io } from '../io.js';
import { commonSettings, resolve, withRemembered } from '../settings/resolve.js';
import { type StatedRoot, statedRoots } from '../settings/roots.js';
import type { SettingsOf } from '../settings/settings.js';
import type { Stated } from '../settings/stated.js';
import { notAdopted, readAdoption } from '../state/adoption.js';
import { destinationRoots } from '../state/identity/identity-file.js';
import { refuseUntrustedPath, refuseUntrustedRecords } from '../state/identity/trusted-records.js';
import {
  findInstance,
  type Instance,
  instanceName,
  openInstance,
  openTemporaryInstance,
  removeInstance,
} from '../state/instance.js';
import { readRemembered } from '../state/remembered.js';
import { recallWithout } from './left-out.js';
import { refuseUnknownName } from './this-migration.js';

export interface Destination<C extends 'copy' | 'verify'> {
  settings: SettingsOf[C];
  roots: Roots;
  /** Those of `roots` that do not exist yet. */
  absent: Roots;
  instance: Instance;
  /** Whether the records begin with this command. */
  isNew: boolean;
}

/** Takes the roots stated now, else those remembered. Finds the records by them, by --instance, or because there is only one instance. */
export async function openDestination<C extends 'copy' | 'verify'>(
  command: C,
  stated: Stated,
  { cwd, env }: Pick<Io, 'cwd' | 'env'>,
): Promise<Destination<C>> {
  const { stateDir, instance: name } = commonSettings(stated);
  refuseUntrustedPath(stateDir);
  const recalled = recallWithout(stated);
  const given = await rootsHere(statedRoots(withRemembered(stated.layers, recalled)).roots, stateDir, { cwd, env });
  const role = 'destination';
  const known = findInstance({
    stateDir,
    role,
    name: name ?? (given.length > 0 ? instanceName(role, given) : undefined),
  });
  if (!known) refuseUnknownName({ stateDir, name, role }, given);
  if (known?.untrusted !== undefined) refuseUntrustedRecords(known.dir);
  const settings = resolve(command, stated, (known && readRemembered(known.dir)) ?? recalled);
  if (given.length === 0 && !known)
    throw new LmError('no-directory', 'no directory is given', { hint: `lm ${command} http://SOURCE:9043 /srv/data` });
  const roots = given.length > 0 ? given : await rootsHere(settings.roots, stateDir, { cwd, env });
  const isTemporary = !known && 'dryRun' in settings && settings.dryRun;
  const open = isTemporary ? openTemporaryInstance : openInstance;
  const instance = given.length > 0 ? open({ stateDir, role, name, roots: given }) : known!;
  return { settings, roots, absent: roots.filter(({ path }) => !exists(path)), instance, isNew: !known };
}

/** Directories that may become a destination, or are one. Throws `usage` and `refused`. */
export async function rootsHere(
  stated: readonly StatedRoot[],
  stateDir: string,
  { cwd, env }: Pick<Io, 'cwd' | 'env'>,
): Promise<Roots> {
  const roots = await realRoots(stated, cwd);
  await checkRootPaths(roots, { stateDir, homes: homesOnThisHost(env['HOME']) });
  return roots;
}

async function realRoots(stated: readonly StatedRoot[], cwd: string): Promise<Roots> {
  return Promise.all(
    stated.map(async ({ type, index, path }) => ({
      key: `${type}/${index}`,
      type,
      index,
      path: (await resolveRoot(path, cwd)).path,
    })),
  );
}

/** $HOME counts even without a list of accounts, as in some containers. */
export function homesOnThisHost(home: string | undefined): string[] {
  const accounts = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8') : '';
  return homesIn(accounts, home);
}

const exists = (path: string): boolean => statIfThere(path) !== undefined;

/** Creates all of them or none. */
export async function createRoots(absent: Roots): Promise<void> {
  const made: string[] = [];
  try {
    for (const { path } of absent) if (await createRoot(path)) made.push(path);
  } catch (error) {
    for (const path of made) rmdirSync(path);
    throw error;
  }
}

/**
 * Removes the roots and records that a run has made and that was not admitted. The next run would take such a root for one of the
 * operator's, and the records would be listed as a migration.
 */
export function undoCreation({ absent, instance, isNew }: Destination<'copy'>): void {
  try {
    const adoption = readAdoption(instance.dir);
    const made = destinationRoots(absent.filter(({ path }) => exists(path)));
    for (const { path } of notAdopted(adoption, made)) rmdirSync(path);
    if (isNew && !adoption) removeInstance(instance);
  } catch {} // the error that ended the run is reported instead
}

/** Removes the temporary records of a dry run that found none. */
export function discardTemporary({ settings, instance, isNew }: Destination<'copy'>): void {
  if (settings.dryRun && isNew) removeTree(instance.dir);
}
