// `lm config show`: prints every setting in force and where it comes from. Opens no root, and does not contact the source.

import type { Io } from '../io.js';
import { jsonLine } from '../last-error.js';
import { recallWithout } from '../migration/left-out.js';
import { recall, theseMigrations } from '../migration/this-migration.js';
import type { Remembered } from '../settings/remembered.js';
import { commonSettings, resolve, withRemembered } from '../settings/resolve.js';
import { knownRoots } from '../settings/roots.js';
import { showSettings } from '../settings/shown.js';
import type { Stated } from '../settings/stated.js';
import { findInstance } from '../state/instance.js';
import { table } from './text/config-text.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const { json } = commonSettings(stated);
  const shown = showSettings(stated, memoryOf(stated));
  for (const line of json ? shown.map((one) => jsonLine('setting', null, one)) : table(shown)) io.stdout.write(line);
  if (json) io.stdout.write(jsonLine('summary', null, { exitCode: 0 }));
  return 0;
}

/** The remembered settings of the only migration that these settings can mean; none if there are several. */
function memoryOf(stated: Stated): Remembered {
  const recalled = recallWithout(stated);
  if (knownRoots(withRemembered(stated.layers, recalled)).unknown.length > 0) return {}; // roots that cannot be found out belong to no migration
  const settings = resolve('status', stated, recalled);
  const { stateDir, instance: name, role } = settings;
  if (settings.roots.length > 0 && name !== undefined && !findInstance({ stateDir, role, name })) return recalled; // the migration is not known yet: this would be its first copy
  const [first, ...others] = theseMigrations(settings);
  return (first && others.length === 0 && recall(first)) || recalled;
}
