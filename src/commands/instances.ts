// `lm instances`: lists the migrations that this host has records of; with --forget it removes the records of one. Changes no data.

import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { forgetMigration, holdersOf } from '../migration/forget/forget.js';
import { refuseIfInMap } from '../migration/forget/map-guard.js';
import { noneKnown, untrustedRecordsText } from '../migration/this-migration.js';
import { createRenderer } from '../render/create-renderer.js';
import type { Renderer } from '../render/renderer.js';
import { resolve } from '../settings/resolve.js';
import { reportSettingsFile } from '../settings/settings-file.js';
import type { Stated } from '../settings/stated.js';
import { readCompletion } from '../state/completion.js';
import { findInstance, type Instance, isUsed, listInstances, rootsText } from '../state/instance.js';
import { instanceText } from './text/instances-text.js';
import { keptLines } from './text/kept-text.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const settings = resolve('instances', stated);
  const renderer = createRenderer({ ...settings, ...io });
  const known = (name: string): Instance => {
    const found = findInstance({ stateDir: settings.stateDir, name });
    if (!found) throw noneKnown({ ...settings, role: undefined }, name);
    return found;
  };
  try {
    if (settings.verbose) reportSettingsFile(settings, renderer.emit);
    if (settings.forget !== undefined) await forget(known(settings.forget), stated, renderer);
    else {
      const { instance, stateDir } = settings;
      await list(instance === undefined ? listInstances(stateDir) : [known(instance)], stateDir, renderer);
    }
    return EXIT.ok;
  } finally {
    renderer.close();
  }
}

async function list(instances: Instance[], stateDir: string, renderer: Renderer): Promise<void> {
  const width = Math.max(0, ...instances.map(({ name }) => name.length));
  for (const instance of instances) {
    const { name, untrusted, ...known } = instance;
    const holders = await holdersOf(instance);
    const shown = { completion: readCompletion(instance.dir), used: isUsed(instance), holders };
    const stranger = untrusted !== undefined && { stranger: untrusted };
    renderer.print('instance', { instance: name, ...known, ...stranger, ...shown }, [
      instanceText(instance, shown, width),
    ]);
  }
  const none = `no migration is known on this host; records are looked for in ${stateDir}`;
  const count = instances.length;
  renderer.print('summary', { command: 'instances', instances: count }, count === 0 ? [none] : []);
}

async function forget(instance: Instance, stated: Stated, renderer: Renderer): Promise<void> {
  const { name, role, dir, roots, untrusted } = instance;
  if (stated.migration?.role === role) refuseIfInMap(stated, 'lm instances --forget');
  if (untrusted !== undefined) renderer.emit({ type: 'warning', text: untrustedRecordsText(untrusted) });
  const { removed, report } = await forgetMigration(instance);
  const kept = report !== undefined && { report };
  renderer.print('summary', { command: 'instances', ...instance, removed, ...kept }, [
    `forgotten: ${name}, the ${role} ${rootsText(roots)}; the data stays where it is`,
    `removed from ${dir}: ${removed.join(', ')}`,
    ...keptLines(report),
  ]);
}
