// Looks at all migrations of this host that a command means: how each stands, and what comes next.

import { recallWithout } from '../../migration/left-out.js';
import { type Next, nextOf, type Place } from '../../migration/standing/next.js';
import type { MigrationStatus, statusOf } from '../../migration/status.js';
import { recall, theseMigrations } from '../../migration/this-migration.js';
import { resolve } from '../../settings/resolve.js';
import type { CommonSettings, StatusSettings } from '../../settings/settings.js';
import type { Stated } from '../../settings/stated.js';
import { type Instance, isUsed, listInstances } from '../../state/instance.js';

/** A migration, and the settings by which its source is reached. */
export interface Known {
  migration: Instance;
  settings: StatusSettings;
}

/** Throws `usage` for a name that is not known. */
export function knownMigrations(stated: Stated): Known[] {
  return theseMigrations(resolve('status', stated, recallWithout(stated))).map((migration) => ({
    migration,
    settings: resolve('status', stated, recall(migration)),
  }));
}

/** What tells whether later commands know the source, and how they are given this migration. */
type Knowing = CommonSettings & Pick<StatusSettings, 'url'>;

/** Without the source, which may not answer. */
export type Local = Awaited<ReturnType<typeof statusOf>>;

/** What `lm status` tells of one migration. */
export interface Told extends MigrationStatus {
  next: Next | null;
}

export function told({ settings }: { settings: Knowing }, local: Local, source: MigrationStatus['source']): Told {
  const status = { ...local, source };
  const place: Place = {
    isMapped: settings.pair !== undefined,
    isSourceKnown: settings.url !== undefined,
    words: wordsFor(settings, local.instance),
  };
  return { ...status, next: nextOf(status, place) ?? null };
}

/** What another command has to be given to mean the same migration: what this one was given, and its name where there are several. */
export function wordsFor({ stateDir, file, origins, instance }: CommonSettings, name: string): string[] {
  const isGiven = (option: keyof typeof origins): boolean => origins[option]?.source === 'flag';
  const isNamed = instance !== undefined || listInstances(stateDir).filter(isUsed).length > 1;
  return [
    ...(isNamed ? ['--instance', name] : []),
    ...(isGiven('state-dir') ? ['--state-dir', stateDir] : []),
    ...(isGiven('config') && file !== undefined ? ['--config', file] : []),
  ];
}
