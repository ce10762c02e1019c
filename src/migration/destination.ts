// From the words of `copy` or `verify` to the destination they are about: settings, roots and records.

import { existsSync, readFileSync, rmdirSync } from 'node:fs';
import { LmError } from '../errors.js';
import { removeTree, statIfThere } from '../files/if-there.js';
import type { Roots } from '../files/roots.js';
import { checkRootPaths, createRoot, homesIn, resolveRoot } from '../guards/guard-roots.js';
import type { Io } from '../io.js';
import { commonSettings, resolve, withMemory } from '../settings/resolve.js';
import { type StatedRoot, statedRoots } from '../settings/roots.js';
import type { SettingsOf } from '../settings/settings.js';
import type { Stated } from '../settings/stated.js';
import { notAdopted, readAdoption } from '../state/adoption.js';
import { destinationRoots } from '../state/identity/identity-file.js';
import { refuseStrangers, refuseStrangersOnWay } from '../state/identity/strangers.js';
import {
  findInstance,
  type Instance,
  instanceName,
  openInstance,
  openPassingInstance,
  removeInstance,
} from '../state/instance.js';
import { readRemembered } from '../state/remembered.js';
import { recallWithout } from './left-out.js';
import { refuseUnknownName } from './this-migration.js';

export interface Destination<C extends 'copy' | 'verify'> {
  settings: SettingsOf[C];
  roots: Roots;
  /** Of `roots`, those that do not exist yet. */
  absent: Roots;
  instance: Instance;
  /** Whether the records begin with this command. */
  isNew: boolean;
}

/** Roots stated now, else those remembered; the records are found by them, by --instance, or because there is only one. */
export async function openDestination<C extends 'copy' | 'verify'>(
  command: C,
  stated: Stated,
  { cwd, env }: Io,
): Promise<Destination<C>> {
  const { stateDir, instance: name } = commonSettings(stated);
  refuseStrangersOnWay(stateDir);
  const around = { stateDir, homes: homesOnThisHost(env['HOME']) };
  const recalled = recallWithout(stated);
  const given = await realRoots(statedRoots(withMemory(stated.layers, recalled)).roots, cwd);
  await checkRootPaths(given, around);
  const role = 'destination';
  const known = findInstance({
    stateDir,
    role,
    name: name ?? (given.length > 0 ? instanceName(role, given) : undefined),
  });
  if (!known) refuseUnknownName({ stateDir, name, role }, given);
  if (known?.stranger !== undefined) refuseStrangers(known.dir);
  const settings = resolve(command, stated, (known && readRemembered(known.dir)) ?? recalled);
  if (given.length === 0 && !known)
    throw new LmError('usage', 'no directory is given', { hint: `lm ${command} http://SOURCE:9043 /srv/data` });
  const roots = given.length > 0 ? given : await realRoots(settings.roots, cwd);
  await checkRootPaths(roots, around);
  const passing = !known && 'dryRun' in settings && settings.dryRun;
  const open = passing ? openPassingInstance : openInstance;
  const instance = given.length > 0 ? open({ stateDir, role, name, roots: given }) : known!;
  return { settings, roots, absent: roots.filter(({ path }) => !exists(path)), instance, isNew: !known };
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

/** Without a list of accounts, as in some containers, $HOME is looked at all the same. */
export function homesOnThisHost(home: string | undefined): string[] {
  const accounts = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8') : '';
  return homesIn(accounts, home);
}

const exists = (path: string): boolean => statIfThere(path) !== undefined;

/** All, or none. */
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
 * Takes back what a run that was not admitted has made. A root of its making is closed to all but its owner, and the next run would
 * take it for the operator's; its records would be a migration to choose from.
 */
export function withdraw({ absent, instance, isNew }: Destination<'copy'>): void {
  try {
    const adoption = readAdoption(instance.dir);
    const made = destinationRoots(absent.filter(({ path }) => exists(path)));
    for (const { path } of notAdopted(adoption, made)) rmdirSync(path);
    if (isNew && !adoption) removeInstance(instance);
  } catch {} // what ended the run is told instead
}

/** A dry run leaves no record: where there was none before, what it needs meanwhile goes with it. */
export function discardPassing({ settings, instance, isNew }: Destination<'copy'>): void {
  if (settings.dryRun && isNew) removeTree(instance.dir);
}
