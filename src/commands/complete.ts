// `lm complete`: from now on nothing is copied or served by mistake. One-way; refuses what no verification has proved.

import { LmError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { createRenderer } from '../render/renderer.js';
import { resolve } from '../settings/resolve.js';
import type { Stated } from '../settings/stated.js';
import { type Completion, markComplete, refuseIfComplete } from '../state/completion.js';
import type { History } from '../state/history.js';
import { type Instance, rootsText } from '../state/instance.js';
import { readJournal } from '../state/journal.js';
import { readLastCopy } from '../state/last-run.js';
import { acquireLock } from '../state/lock.js';
import { thisMigration } from './this-migration.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const settings = resolve('complete', stated);
  const migration = thisMigration(settings);
  const completion =
    migration.role === 'source'
      ? markComplete(migration.dir)
      : await completeDestination(migration, settings.unverified);
  const renderer = createRenderer({ ...settings, ...io });
  if (migration.role === 'destination' && !settings.unverified && !endedInFinalPass(migration))
    renderer.emit({ type: 'warning', text: NO_FINAL_PASS });
  renderer.say('summary', { command: 'complete', ...migration, completion }, lines(migration, completion));
  renderer.close();
  return EXIT.ok;
}

/** Under the lock, so that no copy begins between the proof and the mark. */
async function completeDestination({ roots, dir }: Instance, unverified: boolean): Promise<Completion> {
  refuseIfComplete(dir);
  const lock = await acquireLock(roots, { dir, command: 'lm complete' });
  try {
    if (!unverified) refuseUnlessVerified(readJournal(dir));
    return markComplete(dir);
  } finally {
    await lock.release();
  }
}

function refuseUnlessVerified({ verified, lastVerify }: History): void {
  if (verified) return;
  throw new LmError('refused', `the copy is not verified: ${whyNotVerified(lastVerify)}`, {
    hint: "run 'lm verify' first; or give --unverified, if no proof is wanted",
  });
}

function whyNotVerified(last: History['lastVerify']): string {
  if (!last) return 'no verification has ended';
  if (last.state === 'COMPLETED') return 'it may have changed since the last verification';
  return `the last verification ended as ${last.state}`;
}

const NO_FINAL_PASS =
  'the last copy was no final pass that succeeded (lm copy --threshold 1.0): what the source has written since lm verify is not here';

/** A verification proves its moment. Whether the source stood still, the copy before it has asked. */
function endedInFinalPass({ dir }: Instance): boolean {
  const { lastCopy: begun } = readJournal(dir);
  const told = readLastCopy(dir);
  if (told === undefined || told.report.run !== begun?.run) return begun === undefined; // nothing was copied by lm
  return told.exitCode === EXIT.ok && told.report.successThreshold === 1 && told.report.only === undefined;
}

function lines({ role, roots }: Instance, { endTime }: Completion): string[] {
  const next = {
    source: 'lm complete on the destination as well, once lm verify has passed there',
    destination:
      'lm complete on the source as well, then start the service here; lm reset when the pair is out of the map',
  };
  return [
    `complete: this ${role} (${rootsText(roots)}), at ${new Date(endTime!).toISOString()}`,
    `next: ${next[role]}`,
  ];
}
