// `lm verify`: from its words to a migration, and from how the verification ended to an exit code.

import type { Event } from '../events.js';
import type { Io } from '../io.js';
import { openDestination } from '../migration/destination.js';
import { createRenderer } from '../render/renderer.js';
import type { Stated } from '../settings/stated.js';
import { runVerify } from '../verify/run.js';
import { EXIT_OF } from '../verify/verdict.js';
import { followRun } from './run-progress.js';
import { thisUser } from './this-user.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const user = thisUser(io);
  const destination = await openDestination('verify', stated, io);
  const renderer = createRenderer({ ...destination.settings, ...io });
  const follower = followRun();
  const says = () => ({ progress: follower.now() });
  const emit = (event: Event): void => {
    follower.listen(event);
    if (event.type === 'run-started') io.begun?.(event.run);
    renderer.emit(event);
  };
  try {
    const { end } = await runVerify({ ...destination, user }, { emit, says, signal: io.signal });
    return EXIT_OF[end];
  } finally {
    renderer.close();
  }
}
