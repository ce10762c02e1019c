// A migration becomes complete on this host, from its lock to its mark; given as plain data. One-way; refuses what was not proved, and looks
// once more.

import { LmError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import { type DirType, rootOf } from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import { askSource, type SourceStatus } from '../migration/ask-source.js';
import type { Listener } from '../migration/listener.js';
import { strangersRecords } from '../migration/this-migration.js';
import type { User } from '../migration/user.js';
import { askedInClear } from '../settings/in-clear.js';
import type { CompleteSettings } from '../settings/settings.js';
import { tellSettingsFile } from '../settings/settings-file.js';
import { type Completion, markComplete, readCompletion } from '../state/completion.js';
import type { Instance } from '../state/instance.js';
import { endedInFinalPass, type History } from '../state/journal/history.js';
import { readJournal } from '../state/journal/journal.js';
import { acquireLock } from '../state/lock/lock.js';
import { checkAtRest } from './at-rest.js';
import { lookAgain } from './last-look.js';

export interface CompleteMigration {
  instance: Instance;
  settings: CompleteSettings;
  roots: Roots;
  user: User;
}

/** What completing came to. */
export interface Completed {
  completion: Completion;
  /** It was complete already: nothing was looked at, nothing written. */
  already: boolean;
  /** What --unverified has let pass. */
  waived: string[];
  /** At the destination, when it could be asked. */
  source: SourceStatus | null;
}

export async function runComplete(migration: CompleteMigration, listener: Listener): Promise<Completed> {
  const { instance, settings } = migration;
  const { emit } = listener;
  if (settings.verbose) tellSettingsFile(settings, emit);
  if (instance.stranger !== undefined) emit({ type: 'warning', text: strangersRecords(instance.stranger) });
  for (const text of [...settings.notes, ...(await askedInClear(settings))]) emit({ type: 'warning', text });
  return instance.role === 'source' ? completeSource(migration, listener) : completeDestination(migration, listener);
}

/** Of a migration that is known by its records. */
export const rootsOf = ({ roots }: Instance): Roots =>
  roots.map(({ key, path }) => {
    const [type, index] = rootOf(key).split('/') as [DirType, string];
    return { key, path, type, index: Number(index) };
  });

async function completeSource(
  { instance: { dir }, settings, roots, user: { env } }: CompleteMigration,
  { emit, signal }: Listener,
): Promise<Completed> {
  const known = readCompletion(dir);
  if (known.state === 'COMPLETED') return { completion: known, already: true, waived: [], source: null };
  const { unverified, allowRunning } = settings;
  const waived = unverified || allowRunning ? ['whether the service here has stopped'] : [];
  if (waived.length === 0)
    for (const text of await checkAtRest(settings, roots, { env, signal })) emit({ type: 'warning', text });
  return { completion: markComplete(dir), already: false, waived, source: null };
}

/** Under the lock, so that no copy begins between the proof and the mark. */
async function completeDestination(migration: CompleteMigration, listener: Listener): Promise<Completed> {
  const { instance, settings } = migration;
  const { dir, roots } = instance;
  const { signal } = listener;
  const known = readCompletion(dir);
  if (known.state === 'COMPLETED')
    return { completion: known, already: true, waived: [], source: await askSource(settings, signal) };
  const lock = await acquireLock(roots, { dir, command: 'lm complete' });
  try {
    const missing = missingIn(readJournal(dir));
    const { unverified } = settings;
    if (!unverified) refuseUnproved(missing);
    const source = unverified ? await askSource(settings, signal) : await look(migration, listener);
    const waived = unverified ? [...missing.map(({ what }) => what), 'a last look at both sides'] : [];
    return { completion: markComplete(dir), already: false, waived, source };
  } finally {
    await lock.release();
  }
}

function look(migration: CompleteMigration, listener: Listener): Promise<SourceStatus> {
  const { settings } = migration;
  const { url } = settings;
  if (url) return lookAgain({ ...migration, ...listener, settings: { ...settings, url } });
  throw new LmError('usage', 'no source URL is given', { hint: 'LM_URL=http://SOURCE:9043 lm complete' });
}

interface Missing {
  /** As what is waived is called. */
  what: string;
  why: string;
  next: string;
}

/** What the records do not prove, the first step first. */
function missingIn(history: History): Missing[] {
  const final = {
    what: 'the final pass',
    why: `the last copy was no final pass that succeeded: ${whyNotFinal(history)}`,
    next: 'with the service on the source stopped, lm copy --threshold 1.0, then lm verify',
  };
  const verified = {
    what: 'the verification',
    why: `the copy is not verified: ${whyNotVerified(history)}`,
    next: 'lm verify',
  };
  return [...(endedInFinalPass(history) ? [] : [final]), ...(history.verified ? [] : [verified])];
}

function refuseUnproved([first, ...rest]: Missing[]): void {
  if (!first) return;
  throw new LmError('refused', first.why, {
    details: rest.map(({ why }) => why),
    hint: `${first.next}, then lm complete; or give --unverified, if no proof is wanted`,
  });
}

function whyNotFinal({ lastCopy: last }: History): string {
  if (!last) return 'nothing was copied by lm';
  if (last.exitCode === undefined) return 'how it ended is not known';
  return last.exitCode === EXIT.ok
    ? 'it was one of a part (--only), or with a threshold below 1.0'
    : `it ended with exit code ${last.exitCode}`;
}

function whyNotVerified({ lastVerify: last }: History): string {
  if (!last) return 'no verification has ended';
  if (last.live && last.state === 'COMPLETED') return 'somebody was at work on the source during the last verification';
  if (last.otherExclusions && last.state === 'COMPLETED')
    return 'the last verification went by other exclusions, here or at the source, than the last copy';
  if (last.state === 'COMPLETED') return 'it may have changed since the last verification';
  return `the last verification ended as ${last.state}`;
}
