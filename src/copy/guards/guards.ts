// The guards that the loop of a copy asks, made from its settings and its records. Calls none of them: that is loop.ts's.

import type { Emit } from '../../events.js';
import { createSourceGuard, type SourceGuard } from '../../guards/guard-source.js';
import { createTxnLogGuard, type TxnLogGuard } from '../../guards/guard-txn-logs.js';
import type { Owners } from '../../migration/owners.js';
import type { CopySettings } from '../../settings/settings.js';
import type { Source } from '../../source/source.js';
import type { History } from '../../state/journal/history.js';
import type { Backups } from '../backup-dirs.js';
import type { CopyMigration } from '../copy-migration.js';
import type { CopyRecord } from '../record.js';
import { type Admit, createAdmission } from './admission.js';
import { createRemovals, type Removals } from './max-delete.js';
import type { Objection } from './objections.js';
import { createOutsideWork, type OutsideWork } from './outside-work.js';
import { createOwnerGuard, type OwnerGuard } from './owner-guard.js';
import { createSelectionGuard, type SelectionGuard } from './selection.js';
import { isCassandras } from './service-watch.js';

export interface Guards {
  selection: SelectionGuard;
  /** Whether the source and the destination are those of this migration; records what it accepts. */
  admit: Admit;
  outside: OutsideWork;
  removals: Removals;
  /** Of a final pass. */
  source: SourceGuard | undefined;
  txnLogs: TxnLogGuard;
  owners: OwnerGuard;
  /** Takes what other guards refuse. */
  object: Objection;
}

export interface GuardsOptions {
  run: string;
  source: Source;
  /** As it was when the run began. */
  history: History;
  backups: Backups | undefined;
  /** Undefined for a dry run. */
  record: CopyRecord | undefined;
  owners: Owners;
  object: Objection;
  emit: Emit;
  signal: AbortSignal;
}

/** A part of the keys proves nothing of the rest, so it need not be proved itself. */
export const isFinal = ({ threshold, only }: CopySettings): boolean => threshold === 1 && only === undefined;

export function createGuards(migration: CopyMigration, options: GuardsOptions): Guards {
  const { settings, roots, instance } = migration;
  const { only, adopt, maxDelete, usualMaxDelete, exclusions, dryRun, allowLiveSource, allowTxnLogs } = settings;
  const { run, source, history, backups, record, object, emit, signal } = options;
  const { dir } = instance;
  const { tells } = source;
  const cassandra = isCassandras(settings, roots);
  const final = isFinal(settings);
  const journal = record?.journal;
  const outside = createOutsideWork({ dir, run, roots, only, adopt, history, journal, emit, object });
  const owners = createOwnerGuard({ source, dir, owners: options.owners, emit, object });
  return {
    selection: createSelectionGuard(source, migration, signal),
    admit: createAdmission({
      migration,
      backupDir: backups?.path,
      source,
      outside,
      owners,
      record,
      emit,
      signal,
      object,
    }),
    outside,
    owners,
    removals: createRemovals({
      ...{ dir, only, exclusions, maxDelete, usualMaxDelete, dryRun, history, emit, object },
      tellsMounts: tells.mounts,
      isFinal: final,
    }),
    source: final
      ? createSourceGuard({
          ...{ source, cassandra, allowLiveSource, emit, signal, object },
          waitMs: settings.waitForWriterMs,
        })
      : undefined,
    txnLogs: createTxnLogGuard({ roots, cassandra, isFinal: final, allowTxnLogs, emit, object }),
    object,
  };
}
