// Reads the status of a migration of this host from its records and from its source. Changes nothing.

import { grownMs } from '../forecast/forecast.js';
import type { CopyReport } from '../report/copy-report.js';
import type { Forecast } from '../report/forecast.js';
import type { LostProofs, VerifyReport } from '../report/verify-report.js';
import type { StatusSettings } from '../settings/settings.js';
import { type CompletedOverHttp, readCompletedOverHttp } from '../state/completed-over-http.js';
import { type Completion, readCompletion } from '../state/completion.js';
import type { Instance, Role, RootPath } from '../state/instance.js';
import { endedInFinalPass } from '../state/journal/history.js';
import { readJournal } from '../state/journal/journal.js';
import type { ByProofs } from '../state/journal/records.js';
import { type LastRun, readLastCopy, readLastVerify } from '../state/last-run.js';
import { type LedgerTotals, readTotals } from '../state/ledger/ledger-file.js';
import { queryLockHolder } from '../state/lock/lock.js';
import type { LockHolder } from '../state/lock/lock-holder.js';
import { agentsOf } from '../state/lock/presence.js';
import {
  type AgentState,
  agentStateIn,
  type LimitState,
  limitIn,
  progressIn,
  type RunProgress,
} from '../state/lock/run-progress.js';
import { type Reopening, readReopening } from '../state/reopening.js';
import { readTask, type TaskRecord } from '../state/task-record.js';
import { fetchSourceStatus, type SourceStatus } from './source-status.js';
import { type RunSummary, runHistory } from './standing/run-history.js';

/** `url` and `clients` are missing when the agent sends no status, such as one of another user. */
export type RunningAgent = { holder: LockHolder } & Partial<AgentState>;

/** All that is known of one migration of this host; a line of `lm status --json`. */
export interface MigrationStatus {
  instance: string;
  role: Role;
  dir: string;
  /** Why no command, address or file is used that these records name; see `Instance.untrusted`. */
  stranger?: string;
  roots: RootPath[];
  completion: Completion;
  /** By whom it was completed over HTTP, if it was. */
  completedOverHttp?: CompletedOverHttp;
  /** Who last took back the completion over HTTP. */
  reopened?: Reopening;
  holder: LockHolder | null;
  /** The progress of a running copy or verification. */
  progress: RunProgress | null;
  /** What it keeps to. */
  limit?: LimitState;
  /** At the destination: the last one that was made over HTTP. */
  task?: TaskRecord;
  /** Those that run for it. */
  agents?: RunningAgent[];
  /** Null at the source itself, and while no URL is known. */
  source: SourceStatus | null;
  lastCopy: LastRun<CopyReport> | null;
  lastVerify: LastRun<VerifyReport> | null;
  /** What the last pass of the last copy had found, made at `atMs`, and what has come to it since, if the source goes on changing as it did. */
  forecast?: Forecast & { downtimeMs: number };
  /** When the last copy that was no dry run began, and how it ended, if `lastCopy` is not its report: an interrupted copy leaves none. */
  copyBeganMs: number | null;
  copyExitCode: number | null;
  /** The last verification passed, and no copy has begun since. */
  verified: boolean;
  /** The last copy was a final pass that succeeded. */
  finalPass: boolean;
  /** There was a post-check, and it has not succeeded. */
  postCheckMissing?: true;
  /** The last run of all, also one that a guard has refused; absent where none has left evidence. */
  lastRun?: RunSummary;
  /** All of them, the oldest first. */
  history: RunSummary[];
  /** How the last verification that counts went about it, if one does. */
  verifiedBy?: { by: 'full' | 'incremental'; oldestMs?: number };
  /** Files here whose hashes are kept: read back from the disk, or only hashed while they were received; and what the last sweep has lost. */
  proofs?: LedgerTotals & { lost?: LostProofs };
  /** SSTables that were damaged at the source when --sstables last looked, if any were: `lm complete` takes a waiver for them. */
  damagedAtSource?: number;
  unfinishedFiles: number;
  damagedLines: number;
}

/** Null at the source itself. Throws the signal's reason only. */
export const sourceOf = async (
  { role }: Instance,
  settings: StatusSettings,
  signal: AbortSignal,
): Promise<MigrationStatus['source']> => (role === 'destination' ? fetchSourceStatus(settings, signal) : null);

/** Reads the records, and asks the processes that run for it here. */
export async function statusOf(migration: Instance): Promise<Omit<MigrationStatus, 'source'>> {
  const { name, role, dir, roots, untrusted } = migration;
  const history = readJournal(dir);
  const { verified, damagedAtSource = 0, parts, damagedLines, lastCopy: begun } = history;
  const reopened = readReopening(dir);
  const lastCopy = readLastCopy(dir);
  const lastVerify = readLastVerify(dir);
  const proofs = readTotals(dir);
  const lost = lastVerify?.report.proofs?.lost;
  const task = readTask(dir);
  const running = await agents(dir);
  const completion = readCompletion(dir);
  const completedOverHttp = readCompletedOverHttp(dir);
  const answer = role === 'destination' ? await queryLockHolder(roots) : undefined;
  const limit = limitIn(answer?.status);
  const runs = runHistory(dir);
  const lastRun = runs.at(-1);
  const unreported = begun?.run === lastCopy?.report.run ? undefined : begun;
  return {
    instance: name,
    role,
    dir,
    ...(untrusted !== undefined && { stranger: untrusted }),
    roots,
    completion,
    ...(completedOverHttp && completion.state === 'COMPLETED' && { completedOverHttp }),
    ...(reopened && { reopened }),
    holder: answer?.holder ?? null,
    progress: progressIn(answer?.status) ?? null,
    ...(limit && { limit }),
    ...(task && { task }),
    ...((role === 'source' || running.length > 0) && { agents: running }),
    ...forecastIn(lastCopy),
    lastCopy: lastCopy ?? null,
    lastVerify: lastVerify ?? null,
    copyBeganMs: unreported?.atMs ?? null,
    copyExitCode: unreported?.exitCode ?? null,
    verified,
    finalPass: endedInFinalPass(history),
    ...(history.postCheck && history.postCheck.ended?.exitCode !== 0 && { postCheckMissing: true }),
    ...(lastRun && { lastRun }),
    history: runs,
    ...(verified && history.lastVerify && { verifiedBy: howVerified(history.lastVerify) }),
    ...(proofs && { proofs: { ...proofs, ...(lost && { lost }) } }),
    ...(damagedAtSource > 0 && { damagedAtSource }),
    unfinishedFiles: parts.size,
    damagedLines,
  };
}

/** A final pass has none. */
function forecastIn(lastCopy: LastRun<CopyReport> | undefined): Pick<MigrationStatus, 'forecast'> {
  const forecast = lastCopy?.report.status.at(-1)?.forecast;
  return forecast ? { forecast: { ...forecast, downtimeMs: Math.round(grownMs(forecast, Date.now())) } } : {};
}

const howVerified = ({ incremental, oldestMs }: ByProofs): NonNullable<MigrationStatus['verifiedBy']> => ({
  by: incremental ? 'incremental' : 'full',
  ...(oldestMs !== undefined && { oldestMs }),
});

const agents = async (dir: string): Promise<RunningAgent[]> =>
  (await agentsOf(dir)).map(({ holder, status }) => ({ holder, ...agentStateIn(status) }));
