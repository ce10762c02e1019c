// `lm config show`: every setting in force, and where it came from. Opens no root and asks nobody.

import type { Io } from '../io.js';
import { jsonLine } from '../last-error.js';
import { recallWithout } from '../migration/left-out.js';
import { recall, theseMigrations } from '../migration/this-migration.js';
import type { Remembered } from '../settings/remembered.js';
import { commonSettings, resolve, withMemory } from '../settings/resolve.js';
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

/** Of the only migration these settings can mean; of several, none. */
function memoryOf(stated: Stated): Remembered {
  const recalled = recallWithout(stated);
  if (knownRoots(withMemory(stated.layers, recalled)).unknown.length > 0) return {}; // roots nobody knows have no migration
  const settings = resolve('status', stated, recalled);
  const { stateDir, instance: name, role } = settings;
  if (settings.roots.length > 0 && name !== undefined && !findInstance({ stateDir, role, name })) return recalled; // of the first copy
  const [first, ...others] = theseMigrations(settings);
  return (first && others.length === 0 && recall(first)) || recalled;
}
