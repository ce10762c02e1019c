// From the settings to the migration of this host that a command is about. Makes none: that is for serve and copy.

import { realpathSync } from 'node:fs';
import { LmError } from '../errors.js';
import type { Remembered } from '../settings/remembered.js';
import type { StatedRoot } from '../settings/roots.js';
import type { CommonSettings, OnRoots } from '../settings/settings.js';
import {
  findInstance,
  type Instance,
  isFor,
  isUsed,
  listInstances,
  type Role,
  type RootPath,
  rootsText,
} from '../state/instance.js';
import { readRemembered } from '../state/remembered.js';

/** By --instance, else by the directories stated, else the only one. Throws `usage` when there is none, or several. */
export function thisMigration(settings: OnRoots): Instance {
  const { stateDir, role, instance: name } = settings;
  const roots = realRoots(settings.roots);
  const found = findInstance({ stateDir, role, name, roots });
  if (found) return found;
  throw noneKnown(settings, name ?? (roots && rootsText(roots)));
}

/** All that thisMigration could choose from. Throws `usage` for a name that is not known. */
export function theseMigrations(settings: OnRoots): Instance[] {
  const { stateDir, role, instance: name } = settings;
  const roots = realRoots(settings.roots);
  if (name === undefined && roots === undefined) return listInstances(stateDir, role);
  const found = findInstance({ stateDir, role, name, roots });
  if (!found && name !== undefined) throw noneKnown(settings, name);
  return found ? [found] : [];
}

/**
 * A new name begins a migration of directories that belong to none. Where no directory is stated, or they are known under another name,
 * it is a slip. Throws `usage`, listing the names that are known.
 */
export function refuseUnknownName(
  { stateDir, name, role }: { stateDir: string; name: string | undefined; role: Role },
  roots: readonly RootPath[],
): void {
  if (name === undefined || findInstance({ stateDir, role, name })) return;
  if (roots.length > 0 && !listInstances(stateDir, role).some((known) => isFor(known, roots) && isUsed(known))) return;
  throw noneKnown({ stateDir, role: undefined }, name);
}

/** What the first copy was told; of somebody else's records nothing, for it names commands, addresses and files. */
export const recall = ({ dir, stranger }: Instance): Remembered | undefined =>
  stranger === undefined ? readRemembered(dir) : undefined;

/** Said where such records are read all the same. */
export const strangersRecords = (stranger: string): string =>
  `these records are somebody else's, or could be changed: ${stranger}; they are read, but no command, address or file that they name is used`;

/** Undefined when none are stated, which means any. */
export function realRoots(roots: readonly StatedRoot[]): RootPath[] | undefined {
  if (roots.length === 0) return undefined;
  return roots.map(({ type, index, path }) => ({ key: `${type}/${index}`, path: realPath(path) }));
}

/** What isn't there cannot be a link either. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Of these roots, or of this name. */
export function noneKnown(
  { stateDir, role }: Pick<CommonSettings, 'stateDir' | 'role'>,
  which: string | undefined,
): LmError {
  const known = listInstances(stateDir);
  const what = [role && `as the ${role}`, which && `of ${which}`].filter(Boolean).join(' ');
  return new LmError('usage', `no migration ${what ? `${what} ` : ''}is known on this host`, {
    details: known.map((i) => `${i.name}  ${rootsText(i.roots)}`),
    hint:
      known.length > 0
        ? 'known are the ones above: name one with --instance'
        : `serve or copy comes first; records are looked for in ${stateDir} (--state-dir)`,
  });
}
