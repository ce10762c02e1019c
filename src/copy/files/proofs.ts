// Keeps what proves the files of a destination, in the ledger: what transfers receive, and what digests have read. The ledger saves reading
// and decides nothing, so trouble with it ends no copy.

import { LmError, localError } from '../../errors.js';
import type { Emit } from '../../events.js';
import type { EntryKey } from '../../files/entry.js';
import { removeIfThere, statIfThere } from '../../files/if-there.js';
import { rowFor, rowText } from '../../files/proof-text.js';
import { readIdentities } from '../../state/identity/identity-file.js';
import { deltaIn } from '../../state/ledger/delta.js';
import { ledgerIn } from '../../state/ledger/ledger-file.js';
import { mergeAside, mergeLedger } from '../../state/ledger/merge.js';
import { type LedgerReader, openLedger } from '../../state/ledger/reader.js';
import { eachOnce } from '../../state/ledger/trusted-file.js';
import { type LedgerWriter, openLedgerWriter } from '../../state/ledger/writer.js';
import type { ReceivedSink } from '../../transfer/transfer-context.js';

export interface Proofs extends ReceivedSink {
  /** For one sweep in the order of a listing of this agent. Proofs of another source are not found. */
  open(agentId: string): Promise<Pick<LedgerReader, 'proofOf' | 'close'>>;
  /** From now on this is the source, and what was kept back is written. An empty id is a Sidecar's: nothing proves its files. */
  admit(agentId: string): void;
  /** The contents of this file are not what a stored proof says. */
  drop(dir: EntryKey, name: string): void;
  /** Puts what was written into the ledger once it has become long; else the next sweep does. */
  mergeIfLong(): Promise<void>;
  close(): void;
}

interface ProofsOptions {
  /** Of the instance. */
  dir: string;
  /** An existing directory for temporary files. */
  spool: string;
  emit: Emit;
  /** Of a dry run, which writes nothing. */
  dryRun: boolean;
}

/** Before the first copy has admitted a source, so many characters of rows are kept in memory, some 100,000 files; the rest is read again. */
const MAX_KEPT_BACK = 20 << 20;

/** Some 100,000 files. Merging these takes half a second, which a copy of a few files need not wait for. */
const LONG_BYTES = 16 << 20;

const NOTHING: Pick<LedgerReader, 'proofOf' | 'close'> = { proofOf: () => undefined, close: () => {} };

export function createProofs({ dir, spool, emit, dryRun }: ProofsOptions): Proofs {
  /** The agent whose files may be proved, once it is known to be this migration's. */
  let known = readIdentities(dir)?.source.agentId ?? '';
  /** The agent of the last listing, which may still be refused. */
  let listed = '';
  let writer: LedgerWriter | undefined;
  let keptBack: { dir: EntryKey; rows: string }[] = [];
  let keptCharacters = 0;
  let trouble: string | undefined;

  const note = eachOnce((text) => emit({ type: 'warning', text }));

  function failed(error: unknown): void {
    if (!(error instanceof LmError)) throw error;
    if (trouble === undefined) note(`${error.message}: ${CONSEQUENCE}`);
    trouble ??= error.message;
    writer = undefined;
  }

  const attempt = (act: (to: LedgerWriter) => void): boolean => {
    if (dryRun || known === '' || listed !== known || trouble !== undefined) return false;
    try {
      writer ??= openLedgerWriter(dir, known, note);
      act(writer);
      return true;
    } catch (error) {
      failed(error);
      return false;
    }
  };

  function add(at: EntryKey, rows: string): void {
    if (known !== '') return void attempt((to) => to.addRows(at, rows));
    if (dryRun || keptCharacters > MAX_KEPT_BACK) return;
    keptBack.push({ dir: at, rows });
    keptCharacters += rows.length;
  }

  function dropKeptBack(): void {
    keptBack = [];
    keptCharacters = 0;
  }

  async function merge(): Promise<void> {
    if (dryRun || known === '' || trouble !== undefined) return;
    try {
      writer?.close();
      writer = undefined;
      await mergeLedger(dir, spool, known, note);
    } catch (error) {
      failed(error);
    }
  }

  /** The directory of the ledger that has all that was proved. */
  async function merged(): Promise<string> {
    if (!dryRun) await merge();
    try {
      return dryRun ? await mergeAside(dir, spool, known, note) : dir;
    } catch (error) {
      failed(error);
      return dir;
    }
  }

  return {
    rows: (received) => received.forEach((some) => void add(some.dir, some.rows)),
    file: (at, name, proof) => add(at, rowText(rowFor(name, proof))),
    async open(agentId) {
      if (agentId !== listed) dropKeptBack();
      listed = agentId;
      if (agentId === '') return NOTHING;
      return openLedger(agentId === known ? await merged() : dir, agentId, note);
    },
    admit(agentId) {
      if (known !== agentId && writer) attempt((to) => to.close());
      if (known !== agentId) writer = undefined;
      known = listed = agentId;
      for (const { dir: at, rows } of keptBack) attempt((to) => to.addRows(at, rows));
      dropKeptBack();
    },
    drop(at, name) {
      if (dryRun || known === '' || listed !== known || attempt((to) => to.drop(at, name))) return;
      try {
        removeIfThere(ledgerIn(dir)); // a proof that is known to be wrong must not outlive this run
      } catch (error) {
        throw localError('remove', ledgerIn(dir), error);
      }
    },
    async mergeIfLong() {
      if (writer && (statIfThere(deltaIn(dir))?.size ?? 0) > LONG_BYTES) await merge();
    },
    close() {
      if (trouble !== undefined) note(`${trouble}: ${CONSEQUENCE}`);
      if (writer) attempt((to) => to.close());
      writer = undefined;
    },
  };
}

const CONSEQUENCE = 'what this copy has proved is not kept, so a later verification reads those files again';
