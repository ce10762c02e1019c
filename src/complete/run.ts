// Completes a migration on this host, which cannot be undone but by a reset: takes the lock, refuses a copy that was not proved, takes a
// last look and writes the mark. The migration is given as plain data.

import { randomUUID } from 'node:crypto';
import { formatCount } from '../amounts.js';
import { LmError, printable } from '../errors.js';
import type { Emit } from '../events.js';
import { EXIT } from '../exit-codes.js';
import type { Roots } from '../files/roots.js';
import { howItEnded } from '../linux/shell-command.js';
import type { Listener } from '../migration/listener.js';
import { fetchSourceStatus, type SourceStatus } from '../migration/source-status.js';
import { untrustedRecordsText } from '../migration/this-migration.js';
import type { User } from '../migration/user.js';
import type { Downtime } from '../report/downtime.js';
import { plaintextSourceWarnings } from '../settings/plaintext.js';
import type { CompleteSettings } from '../settings/settings.js';
import { reportSettingsFile } from '../settings/settings-file.js';
import { type Completion, markComplete, readCompletion } from '../state/completion.js';
import { openEvidence } from '../state/evidence/recorder.js';
import type { Instance } from '../state/instance.js';
import { endedInFinalPass, type History } from '../state/journal/history.js';
import { readJournal } from '../state/journal/journal.js';
import { acquireLock } from '../state/lock/lock.js';
import { agentsOf } from '../state/lock/presence.js';
import { agentStateIn } from '../state/lock/run-progress.js';
import { checkAtRest } from './at-rest.js';
import { takeLastLook } from './last-look.js';

export interface CompleteMigration {
  instance: Instance;
  settings: CompleteSettings;
  roots: Roots;
  user: User;
}

/** `by`: `full` reads every file at both ends; `incremental` takes for proved what earlier reads have proved, the oldest at `oldestMs`. */
export interface Verification {
  by: 'full' | 'incremental';
  endedMs: number;
  oldestMs?: number;
}

/** The result of completing. */
export interface Completed {
  completion: Completion;
  /** It was complete already: nothing was checked, nothing written. */
  already: boolean;
  /** The checks that --unverified has skipped. */
  waived: string[];
  /** At the destination, the verification by which it was completed. */
  verification?: Verification;
  /** At the destination, unless it was complete already. */
  downtime?: Downtime;
  /** The status of the source, at the destination; null at the source. */
  source: SourceStatus | null;
}

export async function runComplete(migration: CompleteMigration, listener: Listener): Promise<Completed> {
  const { instance, settings } = migration;
  const { emit } = listener;
  if (settings.verbose) reportSettingsFile(settings, emit);
  if (instance.untrusted !== undefined) emit({ type: 'warning', text: untrustedRecordsText(instance.untrusted) });
  for (const text of [...settings.notes, ...(await plaintextSourceWarnings(settings))]) emit({ type: 'warning', text });
  return instance.role === 'source' ? completeSource(migration, listener) : completeDestination(migration, listener);
}

async function completeSource(
  migration: CompleteMigration,
  { emit: emitToListener, signal }: Listener,
): Promise<Completed> {
  const { settings, roots } = migration;
  const { dir } = migration.instance;
  const { env } = migration.user;
  const known = readCompletion(dir);
  if (known.state === 'COMPLETED') return { completion: known, already: true, waived: [], source: null };
  const { unverified, allowRunning } = settings;
  const waived = unverified || allowRunning ? ['whether the service here has stopped'] : [];
  return recorded(migration, emitToListener, async (emit) => {
    if (!unverified) await refuseSnapshotHere(dir);
    if (waived.length === 0)
      for (const text of await checkAtRest(settings, roots, { env, signal })) emit({ type: 'warning', text });
    return { completion: markComplete(dir), already: false, waived, source: null };
  });
}

/** Who ends a migration while an agent serves snapshots has not made the last pass, which takes the live directory. */
async function refuseSnapshotHere(dir: string): Promise<void> {
  const served = (await agentsOf(dir)).flatMap(({ status }) => agentStateIn(status)?.snapshots ?? []);
  if (served.length === 0) return;
  throw new LmError('snapshot-served', `lm serve serves a snapshot of ${served.map(printable).join(', ')} here`, {
    hint: 'end it, serve the live directory without --as, and copy from there at 1.0; --unverified completes all the same',
  });
}

/** Has `complete` leave its evidence, unless the records are another user's. */
async function recorded(
  { instance, settings }: CompleteMigration,
  emitToListener: Emit,
  complete: (emit: Emit) => Promise<Completed>,
): Promise<Completed> {
  if (instance.untrusted !== undefined) return complete(emitToListener);
  const run = randomUUID();
  const about = { run, command: 'complete', settings: settings.stated, warn: emitToListener } as const;
  const evidence = openEvidence(instance, about);
  try {
    const completed = await complete((event) => {
      evidence.listen(event);
      emitToListener(event);
    });
    evidence.record({ type: 'completed', run, waived: completed.waived });
    evidence.end(EXIT.ok, 'the migration is complete on this host');
    const downtime = evidence.downtime();
    return { ...completed, ...(downtime && { downtime }) };
  } catch (error) {
    evidence.fail(error);
    throw error;
  }
}

/** Under the lock, so that no copy begins between the proof and the mark. */
async function completeDestination(migration: CompleteMigration, listener: Listener): Promise<Completed> {
  const { instance, settings } = migration;
  const { dir, roots } = instance;
  const { signal } = listener;
  const known = readCompletion(dir);
  if (known.state === 'COMPLETED')
    return { completion: known, already: true, waived: [], source: await fetchSourceStatus(settings, signal) };
  const lock = await acquireLock(roots, { dir, command: 'lm complete' });
  try {
    return await recorded(migration, listener.emit, (emit) => completeProved(migration, { ...listener, emit }));
  } finally {
    await lock.release();
  }
}

async function completeProved(migration: CompleteMigration, listener: Listener): Promise<Completed> {
  const { instance, settings } = migration;
  const { dir } = instance;
  const { unverified, allowDamagedAtSource } = settings;
  const history = readJournal(dir);
  const missing = missingIn(history);
  const damaged = damageIn(history);
  if (!unverified) refuseUnproved([...missing, ...(allowDamagedAtSource ? [] : damaged)]);
  const source = unverified ? await fetchSourceStatus(settings, listener.signal) : await look(migration, listener);
  const waived = [
    ...(unverified ? [...missing.map(({ what }) => what), 'a last look at both sides'] : []),
    ...damaged.map(({ what }) => what),
  ];
  const verification = verificationIn(history);
  return { completion: markComplete(dir), already: false, waived, ...(verification && { verification }), source };
}

function verificationIn({ verified, lastVerify: last }: History): Verification | undefined {
  if (!verified || !last) return undefined;
  const { incremental, oldestMs, atMs: endedMs } = last;
  return { by: incremental ? 'incremental' : 'full', endedMs, ...(oldestMs !== undefined && { oldestMs }) };
}

function look(migration: CompleteMigration, listener: Listener): Promise<SourceStatus> {
  const { settings } = migration;
  const { url } = settings;
  if (url) return takeLastLook({ ...migration, ...listener, settings: { ...settings, url } });
  throw new LmError('no-source', 'no source URL is given', { hint: 'LM_URL=http://SOURCE:9043 lm complete' });
}

interface Missing {
  /** Its name among what is waived. */
  what: string;
  why: string;
  next: string;
  /** `next` names a waiver of its own. */
  waiver?: true;
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
  const checked = {
    what: 'the post-check',
    why: `the post-check has not succeeded: ${whyNotChecked(history)}`,
    next: 'see to what it found, and run it again by lm verify',
  };
  return [
    ...(endedInFinalPass(history) ? [] : [final]),
    ...(history.verified ? [] : [verified]),
    ...(history.postCheck && history.postCheck.ended?.exitCode !== 0 ? [checked] : []),
  ];
}

/** What no further copy proves away, and so has a waiver of its own. */
function damageIn({ damagedAtSource = 0 }: History): Missing[] {
  if (damagedAtSource === 0) return [];
  const sstables = formatCount(damagedAtSource, 'SSTable was', 'SSTables were');
  return [
    {
      what: `the damage of ${formatCount(damagedAtSource, 'SSTable', 'SSTables')} at the source`,
      why: `${sstables} damaged at the source already, and ${damagedAtSource === 1 ? 'is' : 'are'} so here`,
      next: 'repair the source (nodetool scrub), copy and verify --sstables again; or, to take them as they are and repair this node once it runs, lm complete --allow-damaged-at-source',
      waiver: true,
    },
  ];
}

function refuseUnproved([first, ...rest]: Missing[]): void {
  if (!first) return;
  throw new LmError('not-verified', first.why, {
    details: rest.map(({ why }) => why),
    hint: first.waiver ? first.next : `${first.next}, then lm complete; or give --unverified, if no proof is wanted`,
  });
}

function whyNotFinal({ lastCopy: last }: History): string {
  if (!last) return 'nothing was copied by lm';
  if (last.exitCode === undefined) return 'how it ended is not known';
  return last.exitCode === EXIT.ok
    ? 'it was one of a part (--only), or with a threshold below 1.0'
    : `it ended with exit code ${last.exitCode}`;
}

function whyNotChecked({ postCheck }: History): string {
  const { command = '', ended } = postCheck ?? {};
  const how = ended
    ? `it ended with ${howItEnded({ code: ended.exitCode, killedBy: ended.signal })}`
    : 'it was stopped';
  return `${how}: ${printable(command)}`;
}

function whyNotVerified({ lastVerify: last }: History): string {
  if (!last) return 'no verification has ended';
  if (last.live && last.state === 'COMPLETED')
    return 'somebody was at work on the source during the last verification, or it was one with --live, or of a snapshot';
  if (last.offline) return 'the last verification was one of this side alone';
  if (last.otherExclusions && last.state === 'COMPLETED')
    return 'the last verification went by other exclusions, here or at the source, than the last copy';
  if (last.state === 'COMPLETED') return 'it may have changed since the last verification';
  return `the last verification ended as ${last.state}`;
}
