// `lm copy`: turns its settings into a migration, runs the copy, and returns the exit code.

import { runCopy } from '../copy/run.js';
import { EXIT_OF } from '../copy/verdict.js';
import type { Io } from '../io.js';
import { openDestination } from '../migration/destination.js';
import type { Stated } from '../settings/stated.js';
import { showRun } from './runs/show-run.js';
import { thisUser } from './this-user.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const user = thisUser(io);
  const destination = await openDestination('copy', stated, io);
  const { end } = await showRun(destination.settings, io, (listener) => runCopy({ ...destination, user }, listener));
  return EXIT_OF[end];
}
