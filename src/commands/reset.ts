// `lm reset`: forgets a migration that is complete, or that never came to anything, so that its directories can take part in
// another. Touches no data, and on the source no more than the completion: an agent may be running, and it stays who it is.

import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { refuseIfInMap } from '../migration/forget/map-guard.js';
import { resetBefore, resetMigration } from '../migration/forget/reset.js';
import { recallWithout } from '../migration/left-out.js';
import { strangersRecords, theseMigrations, thisMigration } from '../migration/this-migration.js';
import { createRenderer } from '../render/create-renderer.js';
import { resolve } from '../settings/resolve.js';
import { tellSettingsFile } from '../settings/settings-file.js';
import type { Stated } from '../settings/stated.js';
import { type Instance, rootsText } from '../state/instance.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const settings = resolve('reset', stated, recallWithout(stated));
  refuseIfInMap(stated, 'lm reset');
  const renderer = createRenderer({ ...settings, ...io });
  const migration =
    settings.instance === undefined
      ? theseMigrations(settings).at(0) && thisMigration(settings)
      : thisMigration(settings);
  const before = migration && resetBefore(migration);
  if (!migration || before !== undefined) {
    const why =
      before === undefined
        ? 'no migration of these directories is known on this host'
        : `this source was reset at ${new Date(before).toISOString()}, and was not served since`;
    const text = `nothing is left to reset: ${why}`;
    renderer.say('summary', { command: 'reset', ...migration, removed: [], already: true }, [text]);
    renderer.close();
    return EXIT.ok;
  }
  if (settings.verbose) tellSettingsFile(settings, renderer.emit);
  if (migration.stranger !== undefined) renderer.emit({ type: 'warning', text: strangersRecords(migration.stranger) });
  const removed = await resetMigration(migration);
  renderer.say('summary', { command: 'reset', ...migration, removed }, lines(migration, removed));
  renderer.close();
  return EXIT.ok;
}

const lines = ({ role, dir, roots }: Instance, removed: string[]): string[] => [
  `reset: this ${role} (${rootsText(roots)}) can take part in another migration`,
  `removed from ${dir}: ${removed.join(', ')}`,
];
