// Finds the migration of this host that a command is about, by its settings. Makes none: serve and copy do.

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

/** All migrations from which thisMigration would choose. Throws `usage` for an unknown name. */
export function theseMigrations(settings: OnRoots): Instance[] {
  const { stateDir, role, instance: name } = settings;
  const roots = realRoots(settings.roots);
  if (name === undefined && roots === undefined) return listInstances(stateDir, role);
  const found = findInstance({ stateDir, role, name, roots });
  if (!found && name !== undefined) throw noneKnown(settings, name);
  return found ? [found] : [];
}

/**
 * A new name begins a migration of directories that belong to none. If no directory is stated, or the directories are known under another
 * name, the name is taken for a typing error. Throws `usage`, listing the names that are known.
 */
export function refuseUnknownName(
  { stateDir, name, role }: { stateDir: string; name: string | undefined; role: Role },
  roots: readonly RootPath[],
): void {
  if (name === undefined || findInstance({ stateDir, role, name })) return;
  if (roots.length > 0 && !listInstances(stateDir, role).some((known) => isFor(known, roots) && isUsed(known))) return;
  throw noneKnown({ stateDir, role: undefined }, name);
}

/** The settings of the first copy. Undefined for untrusted records, because settings name commands, addresses and files. */
export const recall = ({ dir, untrusted }: Instance): Remembered | undefined =>
  untrusted === undefined ? readRemembered(dir) : undefined;

/** The warning where untrusted records are read nevertheless. */
export const untrustedRecordsText = (fault: string): string =>
  `these records are somebody else's, or could be changed: ${fault}; they are read, but no command, address or file that they name is used`;

/** Undefined when no root is stated, which means any roots. */
export function realRoots(roots: readonly StatedRoot[]): RootPath[] | undefined {
  if (roots.length === 0) return undefined;
  return roots.map(({ type, index, path }) => ({ key: `${type}/${index}`, path: realPath(path) }));
}

/** The path itself when it does not exist, because then it is no link. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** The error for roots or a name without a migration. */
export function noneKnown(
  { stateDir, role }: Pick<CommonSettings, 'stateDir' | 'role'>,
  which: string | undefined,
): LmError {
  const known = listInstances(stateDir);
  const what = [role && `as the ${role}`, which && `of ${which}`].filter(Boolean).join(' ');
  return new LmError('which-migration', `no migration ${what ? `${what} ` : ''}is known on this host`, {
    details: known.map((i) => `${i.name}  ${rootsText(i.roots)}`),
    hint:
      known.length > 0
        ? 'known are the ones above: name one with --instance'
        : `serve or copy comes first; records are looked for in ${stateDir} (--state-dir)`,
  });
}
