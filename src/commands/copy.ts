// `lm copy`: turns its settings into a migration, runs the copy, and returns the exit code.

import { startCopy } from '../copy/run.js';
import { EXIT_OF } from '../copy/verdict.js';
import type { Io } from '../io.js';
import { openDestination } from '../migration/destination.js';
import type { Stated } from '../settings/stated.js';
import { withOwnAgent } from './runs/own-agent.js';
import { showMeasuredRun } from './runs/show-measured-run.js';
import { thisUser } from './this-user.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const user = thisUser(io);
  const destination = await openDestination('copy', stated, io);
  return showMeasuredRun('copy', destination, io, async (listener, metrics) => {
    return withOwnAgent(destination.settings, { ...destination, io, emit: listener.emit }, async (settings) => {
      const copy = startCopy({ ...destination, settings, user }, listener);
      metrics?.reads(copy.report);
      const { end } = await copy.done;
      return EXIT_OF[end];
    });
  });
}
