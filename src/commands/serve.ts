// `lm serve`: a running agent, until a signal or until nobody asks any more.

import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { realRoots, refuseUnknownName } from '../migration/this-migration.js';
import { createRenderer } from '../render/create-renderer.js';
import { runServe } from '../serve/run.js';
import { commonSettings, resolve } from '../settings/resolve.js';
import { statedRoots } from '../settings/roots.js';
import { tellSettingsFile } from '../settings/settings-file.js';
import type { Stated } from '../settings/stated.js';
import { reloadOnHangup } from './reload.js';
import { listeningText } from './text/serve-text.js';

/** A signal is how an agent is ended: 0, with a warning when requests had to be cut off. */
export async function run(stated: Stated, io: Io): Promise<number> {
  const { stateDir, instance: name } = commonSettings(stated);
  refuseUnknownName({ stateDir, name, role: 'source' }, realRoots(statedRoots(stated.layers).roots) ?? []);
  const settings = resolve('serve', stated);
  const renderer = createRenderer({ ...settings, ...io });
  const { emit, say } = renderer;
  if (!settings.json) tellSettingsFile(settings, emit);
  for (const text of settings.notes) emit({ type: 'warning', text });
  await runServe(settings, {
    ...{ env: io.env, emit, say, signal: io.signal },
    listening(agent) {
      const { fields, lines } = listeningText(settings, agent);
      say('listening', fields, lines);
      reloadOnHangup(io, renderer, agent.reload);
    },
  });
  say('summary', { exitCode: EXIT.ok }, []);
  renderer.close();
  return EXIT.ok;
}
