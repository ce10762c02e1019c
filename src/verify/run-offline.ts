// Runs a verification of this side alone, between its lock and its records.

import { availableParallelism } from 'node:os';
import { InaccessibleDirectories } from '../disk/inaccessible-directories.js';
import { LmError } from '../errors.js';
import type { Emit } from '../events.js';
import { createWalker } from '../listing/walk-lines.js';
import type { Destination } from '../migration/destination.js';
import type { RunLimit } from '../migration/limit/run-limit.js';
import { paceWishes } from '../migration/reading-pace.js';
import { isRoot, type User } from '../migration/user.js';
import { startLocalPace } from '../pace/local-pace.js';
import type { VerifyReport } from '../report/verify-report.js';
import { reportSettingsFile } from '../settings/settings-file.js';
import { sourceName } from '../settings/values/source-url.js';
import { openSpoolDir } from '../spool/spool-dir.js';
import { knownFidelity } from '../state/fidelity.js';
import { readIdentities } from '../state/identity/identity-file.js';
import type { Instance } from '../state/instance.js';
import type { Journal } from '../state/journal/journal.js';
import { readTotals } from '../state/ledger/ledger-file.js';
import { mergeAside, mergeLedger } from '../state/ledger/merge.js';
import { verifyOffline } from './offline.js';
import type { Verified } from './verify.js';

export type VerifyMigration = Destination<'verify'> & { user: User };

export interface Running {
  emit: Emit;
  signal: AbortSignal;
  journal: Journal;
  limit: RunLimit;
  /** Gets the report whose counters go up from here on. */
  began(report: VerifyReport): void;
  /** What `refuseWithoutLedger` has returned. */
  ledgerFault?: string | undefined;
}

const ONCE_DAMAGED =
  'the ledger was damaged before: nothing tells of the files that it has lost that they should be here';

/** Merges what an interrupted run has left into a ledger that is whole. Returns what is wrong with the ledger. Throws `refused` where no hash is kept of any file here. */
export async function refuseWithoutLedger({ dir }: Instance): Promise<string | undefined> {
  let fault: string | undefined;
  const note = (text: string): void => {
    fault = text;
  };
  const identity = identityIn(dir);
  const spoolDir = openSpoolDir(dir);
  try {
    const { path } = spoolDir;
    const merged = await mergeAside(dir, path, identity, note);
    if (fault !== undefined && (readTotals(merged)?.files ?? 0) > 0) return fault; // the merged one would not show the damage
    const totals = identity === '' ? undefined : await mergeLedger(dir, path, identity);
    if (totals && totals.files > 0) return totals.damaged && ONCE_DAMAGED;
  } finally {
    spoolDir.remove();
  }
  throw new LmError('no-proof', 'no hash is kept of any file here, so nothing can be proved without the source', {
    hint: 'a copy from an lm agent keeps them; lm verify without --offline compares with the source',
  });
}

/** '' where nothing was copied, or from a Sidecar. */
const identityIn = (dir: string): string => readIdentities(dir)?.source.agentId ?? '';

export async function verifyHere(
  { settings, roots, instance, user }: VerifyMigration,
  run: string,
  { emit, signal, limit, began, ledgerFault }: Running,
): Promise<Verified> {
  const url = sourceName(settings.url);
  emit({ type: 'run-started', run, command: 'verify', source: url, roots: [...roots] });
  reportSettingsFile(settings, emit);
  limit.start(emit);
  const { dir } = instance;
  const spoolDir = openSpoolDir(dir);
  const inaccessible = isRoot(user) ? undefined : new InaccessibleDirectories(roots);
  const walker = createWalker();
  const pace = startLocalPace(paceWishes(limit.live, settings));
  const { concurrency, exclusions } = settings;
  const identity = identityIn(dir);
  try {
    const ledger = ledgerFault === undefined ? dir : await mergeAside(dir, spoolDir.path, identity);
    return await verifyOffline({
      ...{ run, url, dir: ledger, identity, ledgerFault, roots, exclusions, inaccessible, walker, pace },
      fidelity: knownFidelity(dir),
      ...{ spool: spoolDir.path, concurrency, emit, signal, began },
      threads: Math.min(concurrency, Math.max(2, availableParallelism())),
    });
  } finally {
    inaccessible?.restoreModes(emit);
    pace.close();
    spoolDir.remove();
    await walker.close();
  }
}
