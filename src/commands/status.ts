// `lm status`: reports the state of the migrations of this host and of their sources. Changes nothing; an unreachable source is reported,
// and is not an error.

import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { recallWithout } from '../migration/left-out.js';
import { sourceOf, statusOf } from '../migration/status.js';
import { realRoots, recall, theseMigrations } from '../migration/this-migration.js';
import { createRenderer } from '../render/create-renderer.js';
import { resolve } from '../settings/resolve.js';
import type { StatusSettings } from '../settings/settings.js';
import { reportSettingsFile } from '../settings/settings-file.js';
import type { Stated } from '../settings/stated.js';
import { rootsText } from '../state/instance.js';
import { sourceLines, statusLines } from './text/status-text.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const settings = resolve('status', stated, recallWithout(stated));
  const migrations = theseMigrations(settings);
  const renderer = createRenderer({ ...settings, ...io });
  if (settings.verbose) reportSettingsFile(settings, renderer.emit);
  const asked = migrations.map((migration) => ({
    migration,
    source: sourceOf(migration, resolve('status', stated, recall(migration)), io.signal), // all sources are asked at the same time
  }));
  for (const { source } of asked) source.catch(() => {}); // thrown below
  for (const { migration, source } of asked) {
    const local = await statusOf(migration);
    if (!settings.json) renderer.print('records', {}, statusLines(local)); // before the source answers, because it may not
    const status = { ...local, source: await source };
    renderer.print('migration', status, sourceLines(status));
  }
  const none = `no migration ${ofThese(settings)}is known on this host; records are looked for in ${settings.stateDir}`;
  renderer.print(
    'summary',
    { command: 'status', migrations: migrations.length },
    migrations.length === 0 ? [none] : [],
  );
  renderer.close();
  return EXIT.ok;
}

/** Names the stated roots, because other migrations may be known. */
const ofThese = ({ roots }: StatusSettings): string => {
  const stated = realRoots(roots);
  return stated ? `of ${rootsText(stated)} ` : '';
};
