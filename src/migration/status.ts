// How a migration of this host stands, by its records, and what its source says. Changes nothing.

import type { CopyReport, VerifyReport } from '../report.js';
import type { StatusSettings } from '../settings/settings.js';
import { type Completion, readCompletion } from '../state/completion.js';
import type { Instance, Role, RootPath } from '../state/instance.js';
import { readJournal } from '../state/journal/journal.js';
import { type LastRun, readLastCopy, readLastVerify } from '../state/last-run.js';
import { hearHolder } from '../state/lock/lock.js';
import type { LockHolder } from '../state/lock/lock-holder.js';
import { agentsOf } from '../state/lock/presence.js';
import { type AgentState, agentIn, progressIn, type RunProgress } from '../state/lock/run-progress.js';
import { type Reopening, readReopening } from '../state/reopening.js';
import { askSource, type SourceStatus } from './ask-source.js';

/** `url` and `clients` are missing where it does not say, as one of another user. */
export type RunningAgent = { holder: LockHolder } & Partial<AgentState>;

/** All that is known of one migration of this host; a line of `lm status --json`. */
export interface MigrationStatus {
  instance: string;
  role: Role;
  dir: string;
  /** Why no command, address or file that these records name is used. */
  stranger?: string;
  roots: RootPath[];
  completion: Completion;
  /** By whom the completion was last taken back over HTTP. */
  reopened?: Reopening;
  holder: LockHolder | null;
  /** Of a copy or a verification that is under way. */
  progress: RunProgress | null;
  /** At the source: those that run for it. */
  agents?: RunningAgent[];
  /** Null at the source itself, and while no URL is known. */
  source: SourceStatus | null;
  lastCopy: LastRun<CopyReport> | null;
  lastVerify: LastRun<VerifyReport> | null;
  /** When the last copy that could write began, by the journal, and how it ended, if `lastCopy` is not its report; an interrupted one leaves none. */
  copyBeganMs: number | null;
  copyExitCode: number | null;
  /** The last verification passed, and no copy has begun since. */
  verified: boolean;
  unfinishedFiles: number;
  damagedLines: number;
}

/** Null at the source itself. Throws the signal's reason only. */
export const sourceOf = async (
  { role }: Instance,
  settings: StatusSettings,
  signal: AbortSignal,
): Promise<MigrationStatus['source']> => (role === 'destination' ? askSource(settings, signal) : null);

/** By its records alone, and by those who run for it here. */
export async function statusOf(migration: Instance): Promise<Omit<MigrationStatus, 'source'>> {
  const { name, role, dir, roots, stranger } = migration;
  const { verified, parts, damagedLines, lastCopy: begun } = readJournal(dir);
  const reopened = readReopening(dir);
  const lastCopy = readLastCopy(dir);
  const heard = role === 'destination' ? await hearHolder(roots) : undefined;
  const untold = begun?.run === lastCopy?.report.run ? undefined : begun;
  return {
    instance: name,
    role,
    dir,
    ...(stranger !== undefined && { stranger }),
    roots,
    completion: readCompletion(dir),
    ...(reopened && { reopened }),
    holder: heard?.holder ?? null,
    progress: progressIn(heard?.said) ?? null,
    ...(role === 'source' && { agents: await agents(dir) }),
    lastCopy: lastCopy ?? null,
    lastVerify: readLastVerify(dir) ?? null,
    copyBeganMs: untold?.atMs ?? null,
    copyExitCode: untold?.exitCode ?? null,
    verified,
    unfinishedFiles: parts.size,
    damagedLines,
  };
}

const agents = async (dir: string): Promise<RunningAgent[]> =>
  (await agentsOf(dir)).map(({ holder, said }) => ({ holder, ...agentIn(said) }));
