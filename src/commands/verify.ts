// `lm verify`: turns its settings into a migration, runs the verification, and returns the exit code.

import type { Io } from '../io.js';
import { openDestination } from '../migration/destination.js';
import type { Stated } from '../settings/stated.js';
import { runVerify } from '../verify/run.js';
import { EXIT_OF } from '../verify/verdict.js';
import { withOwnAgent } from './runs/own-agent.js';
import { showMeasuredRun } from './runs/show-measured-run.js';
import { thisUser } from './this-user.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const user = thisUser(io);
  const destination = await openDestination('verify', stated, io);
  return showMeasuredRun('verify', destination, io, async (listener) => {
    const verify = async (settings: typeof destination.settings): Promise<number> => {
      const { end } = await runVerify({ ...destination, settings, user }, listener);
      return EXIT_OF[end];
    };
    const { settings } = destination;
    return settings.offline
      ? verify(settings)
      : withOwnAgent(settings, { ...destination, io, emit: listener.emit }, verify);
  });
}
