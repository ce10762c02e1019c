// `lm instances`: the migrations that this host has records of, in short; with --forget, one of them no more. Touches no data.

import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { forgetMigration, holdersOf } from '../migration/forget/forget.js';
import { refuseIfInMap } from '../migration/forget/map-guard.js';
import { noneKnown, strangersRecords } from '../migration/this-migration.js';
import { createRenderer } from '../render/create-renderer.js';
import type { Renderer } from '../render/renderer.js';
import { resolve } from '../settings/resolve.js';
import { tellSettingsFile } from '../settings/settings-file.js';
import type { Stated } from '../settings/stated.js';
import { readCompletion } from '../state/completion.js';
import { findInstance, type Instance, isUsed, listInstances, rootsText } from '../state/instance.js';
import { instanceText } from './text/instances-text.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const settings = resolve('instances', stated);
  const renderer = createRenderer({ ...settings, ...io });
  const known = (name: string): Instance => {
    const found = findInstance({ stateDir: settings.stateDir, name });
    if (!found) throw noneKnown({ ...settings, role: undefined }, name);
    return found;
  };
  try {
    if (settings.verbose) tellSettingsFile(settings, renderer.emit);
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
    const { name, ...known } = instance;
    const holders = await holdersOf(instance);
    const shown = { completion: readCompletion(instance.dir), used: isUsed(instance), holders };
    renderer.say('instance', { instance: name, ...known, ...shown }, [instanceText(instance, shown, width)]);
  }
  const none = `no migration is known on this host; records are looked for in ${stateDir}`;
  const count = instances.length;
  renderer.say('summary', { command: 'instances', instances: count }, count === 0 ? [none] : []);
}

async function forget(instance: Instance, stated: Stated, renderer: Renderer): Promise<void> {
  const { name, role, dir, roots, stranger } = instance;
  if (stated.migration?.role === role) refuseIfInMap(stated, 'lm instances --forget');
  if (stranger !== undefined) renderer.emit({ type: 'warning', text: strangersRecords(stranger) });
  const removed = await forgetMigration(instance);
  renderer.say('summary', { command: 'instances', ...instance, removed }, [
    `forgotten: ${name}, the ${role} ${rootsText(roots)}; the data stays where it is`,
    `removed from ${dir}: ${removed.join(', ')}`,
  ]);
}
