// `lm serve`: runs an agent until a signal, or until it has had no request for the time of --expire-after.

import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { realRoots, refuseUnknownName } from '../migration/this-migration.js';
import { createRenderer } from '../render/create-renderer.js';
import { runServe } from '../serve/run.js';
import { liveRootsIn } from '../settings/checks/snapshots.js';
import { pick } from '../settings/layers.js';
import { servedRole } from '../settings/migration-map.js';
import { commonSettings, resolve } from '../settings/resolve.js';
import { statedRoots } from '../settings/roots.js';
import { reportSettingsFile } from '../settings/settings-file.js';
import type { Stated } from '../settings/stated.js';
import { taskReporters } from './runs/task-reporter.js';
import { reloadOnHangup } from './serving/reload.js';
import { listeningText } from './text/serve-text.js';
import { thisUser } from './this-user.js';

/** A signal is the usual end of an agent: exit code 0, and a warning if requests had to be cut off. */
export async function run(stated: Stated, io: Io): Promise<number> {
  const { stateDir, instance: name } = commonSettings(stated);
  const role = servedRole(pick(stated.layers, 'role'), stated.migration);
  const found = statedRoots(stated.layers);
  const live = liveRootsIn(stated.layers, role, found);
  refuseUnknownName({ stateDir, name, role }, realRoots(live.length > 0 ? live : found.roots) ?? []);
  const settings = resolve('serve', stated);
  const renderer = createRenderer({ ...settings, ...io });
  const { emit, print } = renderer;
  if (!settings.json) reportSettingsFile(settings, emit);
  for (const text of settings.notes) emit({ type: 'warning', text });
  await runServe(settings, {
    ...{ env: io.env, emit, print, signal: io.signal },
    tasks: { invocation: { stated, io }, user: thisUser(io), reporter: taskReporters(settings, io) },
    listening(agent) {
      const { fields, lines } = listeningText(settings, agent);
      print('listening', fields, lines);
      reloadOnHangup(io, renderer, agent.reload);
    },
  });
  print('summary', { exitCode: EXIT.ok }, []);
  renderer.close();
  return EXIT.ok;
}
