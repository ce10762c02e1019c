// `lm demo`: runs a whole migration on this machine, in seconds.

import { DemoHosts } from '../demo/hosts.js';
import { runDemo } from '../demo/steps.js';
import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { createRenderer } from '../render/create-renderer.js';
import { commonSettings } from '../settings/resolve.js';
import type { Stated } from '../settings/stated.js';

/** A command with an unexpected exit code ends the demo with that code, or with 1 if it should have refused. */
export async function run(stated: Stated, io: Io): Promise<number> {
  const settings = commonSettings(stated);
  const renderer = createRenderer({ ...settings, ...io });
  const hosts = new DemoHosts(renderer, settings.json, io);
  try {
    const exitCode = await runDemo(hosts).finally(() => hosts.close()); // the agent's last lines come before the demo's own
    const closing = exitCode === EXIT.ok ? 'nothing was lost, and nothing is left behind' : 'the last command failed';
    renderer.print('summary', { exitCode }, ['', `demo: ${closing}`]);
    return exitCode;
  } finally {
    renderer.close();
  }
}
