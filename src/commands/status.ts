// `lm status`: reports the state of the migrations of this host and of their sources, and what comes next; with --watch again and again.
// Changes nothing; an unreachable source is reported, and is not an error.

import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { recallWithout } from '../migration/left-out.js';
import { sourceOf, statusOf } from '../migration/status.js';
import { createRenderer } from '../render/create-renderer.js';
import { resolve } from '../settings/resolve.js';
import { reportSettingsFile } from '../settings/settings-file.js';
import type { Stated } from '../settings/stated.js';
import { knownMigrations, told } from './standing/look.js';
import { watchStatus } from './standing/watch.js';
import { fieldsOf, lastLines, noneText, statusLines } from './text/status-text.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const settings = resolve('status', stated, recallWithout(stated));
  if (settings.watchMs > 0) return watchStatus(stated, settings, io);
  const { history } = settings;
  const known = knownMigrations(stated);
  const renderer = createRenderer({ ...settings, ...io });
  if (settings.verbose) reportSettingsFile(settings, renderer.emit);
  const asked = known.map((one) => ({ one, source: sourceOf(one.migration, one.settings, io.signal) })); // all sources are asked at the same time
  for (const { source } of asked) source.catch(() => {}); // thrown below
  for (const { one, source } of asked) {
    const local = await statusOf(one.migration);
    if (!settings.json) renderer.print('records', {}, statusLines(local, history)); // before the source answers, because it may not
    const status = told(one, local, await source);
    renderer.print('migration', fieldsOf(status, history), lastLines(status));
  }
  const none = known.length === 0 ? [noneText(settings)] : [];
  renderer.print('summary', { command: 'status', migrations: known.length }, none);
  renderer.close();
  return EXIT.ok;
}
