// `lm demo`: a whole migration on this machine, in seconds.

import { playDemo } from '../demo/plot.js';
import { Stage } from '../demo/stage.js';
import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { createRenderer } from '../render/create-renderer.js';
import { commonSettings } from '../settings/resolve.js';
import type { Stated } from '../settings/stated.js';

/** A command that ends otherwise than it should ends the demo with its exit code, or with 1 if it ought to have refused. */
export async function run(stated: Stated, io: Io): Promise<number> {
  const settings = commonSettings(stated);
  const renderer = createRenderer({ ...settings, ...io });
  const stage = new Stage(renderer, settings.json, io);
  try {
    const exitCode = await playDemo(stage).finally(() => stage.close()); // the agent has a last word, before the demo's own
    const closing = exitCode === EXIT.ok ? 'nothing was lost, and nothing is left behind' : 'the last command failed';
    renderer.say('summary', { exitCode }, ['', `demo: ${closing}`]);
    return exitCode;
  } finally {
    renderer.close();
  }
}
