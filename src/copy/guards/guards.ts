// Creates the guards of a copy from its settings and its records. loop.ts calls them.

import type { Emit } from '../../events.js';
import { createSourceGuard, type SourceGuard } from '../../guards/guard-source.js';
import { createTxnLogGuard, type TxnLogGuard } from '../../guards/guard-txn-logs.js';
import type { Objection } from '../../migration/guards/objections.js';
import { isCassandraTree } from '../../migration/guards/service-watch.js';
import { snapshotError } from '../../migration/known-sides.js';
import type { Owners } from '../../migration/owners.js';
import type { CopySettings } from '../../settings/settings.js';
import { directoryIn } from '../../settings/values/source-url.js';
import type { Source } from '../../source/source.js';
import type { History } from '../../state/journal/history.js';
import type { Backups } from '../backup-dirs.js';
import type { CopyMigration } from '../copy-migration.js';
import type { CopyRecord } from '../record.js';
import { type Admit, createAdmission } from './admission.js';
import { createRemovals, type Removals } from './max-delete.js';
import { createOutsideWork, type OutsideWork } from './outside-work.js';
import { createOwnerGuard, type OwnerGuard } from './owner-guard.js';
import { createSelectionGuard, type SelectionGuard } from './selection.js';
import { checkRest } from './source-directory.js';
import { createSSTableGuard, type SSTableGuard } from './sstables.js';

export interface Guards {
  selection: SelectionGuard;
  /** Checks that source and destination are those of this migration; records what it admits. */
  admit: Admit;
  outside: OutsideWork;
  removals: Removals;
  /** Set for a final pass. */
  source: SourceGuard | undefined;
  txnLogs: TxnLogGuard;
  owners: OwnerGuard;
  /** Of a copy with --sstables. */
  sstables: SSTableGuard | undefined;
  /** Called with what a guard refuses. */
  object: Objection;
}

interface GuardsOptions {
  run: string;
  source: Source;
  /** The history as it was when the run began. */
  history: History;
  backups: Backups | undefined;
  /** Undefined for a dry run. */
  record: CopyRecord | undefined;
  owners: Owners;
  object: Objection;
  emit: Emit;
  signal: AbortSignal;
}

/** A run with --only is no final pass: a part of the keys proves nothing about the rest. */
export const isFinal = ({ threshold, only }: CopySettings): boolean => threshold === 1 && only === undefined;

export function createGuards(migration: CopyMigration, options: GuardsOptions): Guards {
  const { settings, roots, instance } = migration;
  const { only, adopt, maxDelete, usualMaxDelete, exclusions, dryRun, allowLiveSource, allowTxnLogs } = settings;
  const { run, source, history, backups, record, object, emit, signal } = options;
  const { dir } = instance;
  const { capabilities } = source;
  const cassandra = isCassandraTree(settings, roots);
  const final = isFinal(settings);
  const directory = directoryIn(settings.url);
  if (final && directory !== undefined) checkRest(directory, { allowLiveSource, emit, object });
  if (final && source.snapshot !== undefined) object(snapshotError(source, 'the last pass'));
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
      tellsMounts: capabilities.mounts,
      isFinal: final,
    }),
    source: final
      ? createSourceGuard({
          ...{ source, cassandra, allowLiveSource, emit, signal, object },
          waitMs: settings.waitForWriterMs,
        })
      : undefined,
    txnLogs: createTxnLogGuard({ roots, cassandra, isFinal: final, allowTxnLogs, emit, object }),
    sstables: settings.sstables
      ? createSSTableGuard({ source, isAllowed: settings.allowDamagedAtSource, journal, emit, object, signal })
      : undefined,
    object,
  };
}
