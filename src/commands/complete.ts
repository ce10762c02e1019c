// `lm complete`: marks the migration complete on this host, so that nothing is copied or served by mistake any more.

import { runComplete } from '../complete/run.js';
import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { recallWithout } from '../migration/left-out.js';
import { recall, thisMigration } from '../migration/this-migration.js';
import { createRenderer } from '../render/create-renderer.js';
import { withoutLines } from '../render/rows/left-out.js';
import { resolve } from '../settings/resolve.js';
import type { CompleteSettings } from '../settings/settings.js';
import type { Stated } from '../settings/stated.js';
import { readCompletion } from '../state/completion.js';
import { rootsOf } from '../state/instance.js';
import { withOwnAgent } from './runs/own-agent.js';
import { completeText } from './text/complete-text.js';
import { thisUser } from './this-user.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const instance = thisMigration(resolve('complete', stated, recallWithout(stated)));
  const found = resolve('complete', stated, recall(instance));
  const about = { instance, roots: rootsOf(instance), user: thisUser(io) };
  const renderer = createRenderer({ ...found, ...io });
  const { emit } = renderer;
  const complete = (settings: CompleteSettings) => runComplete({ ...about, settings }, { emit, signal: io.signal });
  try {
    const looks =
      !found.unverified && instance.role === 'destination' && readCompletion(instance.dir).state !== 'COMPLETED';
    const completed = await (looks ? withOwnAgent(found, { instance, io, emit }, complete) : complete(found));
    const { lines, next } = completeText({ ...about, settings: found }, completed);
    const { without } = found;
    renderer.print('summary', { command: 'complete', ...instance, ...completed, without, next }, [
      ...lines,
      ...withoutLines(without),
      `next: ${next}`,
    ]);
    return EXIT.ok;
  } finally {
    renderer.close();
  }
}
