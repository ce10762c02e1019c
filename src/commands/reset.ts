// `lm reset`: removes the records of a migration that is complete, or that never started, so that its directories can take part in
// another, and what copies have left unfinished in them. On the source it removes the completion only: an agent may be running, and keeps
// its identity.

import { formatBytes, formatCount } from '../amounts.js';
import { printable } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import type { Forgotten } from '../migration/forget/forget.js';
import { refuseIfInMap } from '../migration/forget/map-guard.js';
import { resetBefore, resetMigration } from '../migration/forget/reset.js';
import { recallWithout } from '../migration/left-out.js';
import { theseMigrations, thisMigration, untrustedRecordsText } from '../migration/this-migration.js';
import { createRenderer } from '../render/create-renderer.js';
import { resolve } from '../settings/resolve.js';
import { reportSettingsFile } from '../settings/settings-file.js';
import type { Stated } from '../settings/stated.js';
import { type Instance, rootsText } from '../state/instance.js';
import { keptLines } from './text/kept-text.js';

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
    renderer.print('summary', { command: 'reset', ...migration, removed: [], already: true }, [text]);
    renderer.close();
    return EXIT.ok;
  }
  if (settings.verbose) reportSettingsFile(settings, renderer.emit);
  if (migration.untrusted !== undefined)
    renderer.emit({ type: 'warning', text: untrustedRecordsText(migration.untrusted) });
  const forgotten = await resetMigration(migration);
  renderer.print('summary', { command: 'reset', ...migration, ...forgotten }, lines(migration, forgotten));
  renderer.close();
  return EXIT.ok;
}

const lines = ({ role, dir, roots }: Instance, { removed, report, parts }: Forgotten): string[] => [
  `reset: this ${role} (${rootsText(roots)}) can take part in another migration`,
  `removed from ${dir}: ${removed.join(', ')}`,
  ...partLines(parts),
  ...keptLines(report),
];

const partLines = (parts: Forgotten['parts']): string[] => [
  ...(parts !== undefined && parts.removed > 0
    ? [`removed ${formatCount(parts.removed, 'unfinished file')}, ${formatBytes(parts.bytes)}`]
    : []),
  ...(parts?.kept ?? []).map((path) => `kept a file that a repair had in hand: ${printable(path)}`),
];
