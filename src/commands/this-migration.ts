// From the settings to the migration of this host that a command is about. Makes none: that is for serve and copy.

import { realpathSync } from 'node:fs';
import { LmError } from '../errors.js';
import type { StatedRoot } from '../settings/roots.js';
import type { CommonSettings, OnRoots } from '../settings.js';
import { findInstance, type Instance, listInstances, type RootPath, rootsText } from '../state/instance.js';

/** By --instance, else by the directories stated, else the only one. Throws `usage` when there is none, or several. */
export function thisMigration(settings: OnRoots): Instance {
  const { stateDir, role, instance: name } = settings;
  const roots = realRoots(settings.roots);
  const found = findInstance({ stateDir, role, name, roots });
  if (found) return found;
  throw noneKnown(settings, name ?? (roots && rootsText(roots)));
}

/** All that thisMigration could choose from. */
export function theseMigrations(settings: OnRoots): Instance[] {
  const { stateDir, role, instance: name } = settings;
  const roots = realRoots(settings.roots);
  if (name === undefined && roots === undefined) return listInstances(stateDir, role);
  const found = findInstance({ stateDir, role, name, roots });
  return found ? [found] : [];
}

/** Undefined when none are stated, which means any. */
function realRoots(roots: readonly StatedRoot[]): RootPath[] | undefined {
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

function noneKnown({ stateDir, role }: CommonSettings, which: string | undefined): LmError {
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
