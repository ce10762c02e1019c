// `lm complete`: marks the migration complete on this host, so that nothing is copied or served by mistake any more.

import { runComplete } from '../complete/run.js';
import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { recallWithout } from '../migration/left-out.js';
import { recall, thisMigration } from '../migration/this-migration.js';
import { createRenderer } from '../render/create-renderer.js';
import { withoutLines } from '../render/rows/left-out.js';
import { resolve } from '../settings/resolve.js';
import type { Stated } from '../settings/stated.js';
import { rootsOf } from '../state/instance.js';
import { completeText } from './text/complete-text.js';
import { thisUser } from './this-user.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const instance = thisMigration(resolve('complete', stated, recallWithout(stated)));
  const settings = resolve('complete', stated, recall(instance));
  const migration = { instance, settings, roots: rootsOf(instance), user: thisUser(io) };
  const renderer = createRenderer({ ...settings, ...io });
  try {
    const completed = await runComplete(migration, { emit: renderer.emit, signal: io.signal });
    const { lines, next } = completeText(migration, completed);
    const { without } = settings;
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
