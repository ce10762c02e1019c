// Runs one verification, from its lock to its last record. The migration is given as plain data, without arguments, streams or the process:
// a command, a task of an agent and a test call it in the same way.

import { randomUUID } from 'node:crypto';
import { LmError, printable } from '../errors.js';
import type { Emit } from '../events.js';
import { exitCodeOf } from '../exit-codes.js';
import { createRunLimit, type RunLimit } from '../migration/limit/run-limit.js';
import type { Listener } from '../migration/listener.js';
import { runPostCheck } from '../migration/post-check.js';
import type { VerifyReport } from '../report/verify-report.js';
import { plaintextSourceWarnings } from '../settings/plaintext.js';
import { sourceName } from '../settings/values/source-url.js';
import { refuseIfComplete } from '../state/completion.js';
import { openEvidence } from '../state/evidence/recorder.js';
import { bootId } from '../state/identity/host.js';
import { removeInstance } from '../state/instance.js';
import { endedInFinalPass, hasSameExclusions } from '../state/journal/history.js';
import { appendLast, type Journal, openJournal, readJournal } from '../state/journal/journal.js';
import { recordLastVerify } from '../state/last-run.js';
import { acquireLock } from '../state/lock/lock.js';
import { refuseInsideRoots } from '../trust/output-file.js';
import { createReportFile } from './report-file.js';
import { type Running, refuseWithoutLedger, type VerifyMigration, verifyHere } from './run-offline.js';
import { algorithmOf, verifyFrom } from './run-with-source.js';
import { atSourceIn, EXIT_OF, type VerifyEnd, verdict } from './verdict.js';
import type { Verified } from './verify.js';

interface VerifyOutcome {
  report: VerifyReport;
  end: VerifyEnd;
  /** For people: how it ended, in a sentence. */
  message: string;
}

export interface RunningVerify {
  /** The report as it is now, the caller's own; undefined before anything is compared. */
  report(): VerifyReport | undefined;
  /** Rejects with what stopped it, as soon as nothing of it is left running. */
  done: Promise<VerifyOutcome>;
}

export const runVerify = (migration: VerifyMigration, listener: Listener): Promise<VerifyOutcome> =>
  startVerify(migration, listener).done;

export function startVerify(migration: VerifyMigration, listener: Listener): RunningVerify {
  let report: VerifyReport | undefined;
  const began = (begun: VerifyReport): void => {
    report = begun;
  };
  const done = verifyLocked(migration, { ...listener, began });
  return { report: () => structuredClone(report), done };
}

type Started = Listener & Omit<Running, 'journal' | 'limit'>;

async function verifyLocked(migration: VerifyMigration, listener: Started): Promise<VerifyOutcome> {
  const { settings, roots, instance } = migration;
  const ofSource = settings.offline ? [] : await plaintextSourceWarnings(settings);
  for (const text of [...settings.notes, ...ofSource]) listener.emit({ type: 'warning', text });
  refuseIfComplete(instance.dir);
  refuseAbsent(migration);
  if (settings.report !== undefined) refuseInsideRoots('--report', settings.report, roots);
  const { command = 'lm verify' } = listener;
  const run = randomUUID();
  const limit = createRunLimit(settings.limitRate, run, instance.dir);
  const status = (): object => ({ ...listener.status?.(), ...limit.status() });
  const lock = await acquireLock(roots, { dir: instance.dir, command, status });
  try {
    const ledgerFault = settings.offline ? await refuseWithoutLedger(instance) : undefined;
    return await verifyRecorded(migration, run, limit, { ...listener, ledgerFault });
  } finally {
    limit.stop();
    await lock.release();
  }
}

/** Throws `refused` for a missing root. Removes records that began with this command, because they would be listed as a migration. */
function refuseAbsent({ absent, instance, isNew }: VerifyMigration): void {
  const [missing] = absent;
  if (!missing) return;
  if (isNew) removeInstance(instance);
  throw new LmError('nothing-to-verify', `${printable(missing.path)} does not exist: there is nothing to verify`, {
    hint: 'is its disk mounted? if nothing has been copied yet: lm copy',
  });
}

/** Writes the records of a run, however it ends. */
async function verifyRecorded(
  migration: VerifyMigration,
  run: string,
  limit: RunLimit,
  { emit: emitToListener, signal, began, ledgerFault }: Started,
): Promise<VerifyOutcome> {
  const { settings, instance } = migration;
  const journal = openJournal(instance.dir);
  let isRecorded = false;
  const { url } = settings;
  const digestAlgorithm = algorithmOf(settings);
  const head = { run, source: sourceName(url), digestAlgorithm, at: new Date().toISOString() };
  const file = settings.report === undefined ? undefined : createReportFile(settings.report, head);
  const about = { run, command: 'verify', settings: settings.stated, warn: emitToListener } as const;
  const evidence = openEvidence(instance, about);
  const emit: Emit = (event) => {
    file?.emit(event);
    evidence.listen(event);
    emitToListener(event);
  };
  try {
    journal.append({ type: 'run-started', run, command: 'verify', boot: bootId(), source: head.source });
    const begin: typeof verifyFrom = settings.offline ? verifyHere : verifyFrom;
    const verified = await begin(migration, run, { emit, signal, journal, limit, began, ledgerFault });
    const { report } = verified;
    evidence.manifest = verified.manifest;
    const history = readJournal(instance.dir);
    if (!endedInFinalPass(history)) report.beforeFinalPass = true;
    else if (!settings.offline && !hasSameExclusions(history, verified.exclusions)) report.otherExclusions = true;
    if (report.otherExclusions) emit({ type: 'warning', text: OTHER_EXCLUSIONS });
    recordEnd(verified, journal);
    isRecorded = true;
    await checkAfterwards(migration, verified, { journal, emit, signal });
    const { end, message } = verdict(verified);
    const exitCode = EXIT_OF[end];
    const ended = { type: 'verify-ended', report, exitCode, message } as const;
    file?.emit(ended);
    recordLastVerify(instance.dir, { endedMs: Date.now(), exitCode, message, report });
    evidence.listen(ended);
    const downtime = report.live || report.beforeFinalPass ? undefined : evidence.downtime();
    emitToListener({ ...ended, ...(downtime && { downtime }) }); // only once it is recorded: without the record, complete would refuse
    return { report, end, message };
  } catch (error) {
    const state = signal.aborted ? 'CANCELLED' : 'FAILED';
    evidence.fail(signal.aborted ? signal.reason : error);
    if (!isRecorded) appendLast(journal, { type: 'verify-ended', run, state, exitCode: exitCodeOf(error) });
    throw error;
  } finally {
    file?.close();
    journal.close();
  }
}

function recordEnd(verified: Verified, journal: Journal): void {
  const { report } = verified;
  const { run, state, sstables, live, otherExclusions, notYetCopied, by, proofs } = report;
  const incremental = by === 'incremental';
  const oldestMs = proofs?.oldestMs;
  const limits = {
    ...(live && { live }),
    ...(otherExclusions && { otherExclusions }),
    ...(by === 'offline' && { offline: true }),
    ...(notYetCopied && notYetCopied.entries > 0 && { notYetCopied: true }),
  };
  if (sstables) {
    const all = state === 'COMPLETED' && !live && !otherExclusions;
    journal.append({ type: 'sstables', damagedAtSource: atSourceIn(sstables), all });
  }
  const how = { ...(incremental && { incremental }), ...(oldestMs !== undefined && { oldestMs }) };
  journal.append({ type: 'verify-ended', run, state, exitCode: EXIT_OF[verdict(verified).end], ...how, ...limits });
}

/** Runs the post-check once both sides were found equal, so that it checks what the source has: not with --live or --offline. */
async function checkAfterwards(
  migration: VerifyMigration,
  verified: Verified,
  here: { journal: Journal; emit: Emit; signal: AbortSignal },
): Promise<void> {
  const { settings } = migration;
  const { postCheck } = settings;
  const { report } = verified;
  if (postCheck === undefined || settings.live || settings.offline || verdict(verified).end !== 'same') return;
  const about = { run: report.run, what: 'the verification', iteration: 0, threshold: 1 };
  report.postCheck = await runPostCheck({ ...migration, ...about, ...here, settings: { ...settings, postCheck } });
}

const OTHER_EXCLUSIONS =
  'lm complete will not take this verification: the exclusions, here or at the source, are not those of the last copy';
