// Writes what a copy leaves in the records, from the moment it may write: a run that was refused before has changed nothing and leaves no
// line.

import type { Emit } from '../events.js';
import { exitCodeOf } from '../exit-codes.js';
import type { CopyReport } from '../report/copy-report.js';
import { bootId } from '../state/identity/host.js';
import type { Instance } from '../state/instance.js';
import { appendLast, type Journal, openJournal } from '../state/journal/journal.js';
import { recordLastCopy } from '../state/last-run.js';
import { type CopyEnd, EXIT_OF } from './verdict.js';

export interface CopyRecord {
  /** For parts, young files and sync points. */
  journal: Journal;
  /** Called before the first write. */
  begin(): void;
  listen: Emit;
  /** The exclusions of both sides in the last survey, as `exclusionsSum` returns them. */
  exclusions: string | undefined;
  end(end: CopyEnd, message: string, report: CopyReport): void;
  /** The post-check has ended after `end`. */
  checked(end: CopyEnd, message: string, report: CopyReport): void;
  /** Does nothing after `end`. Never throws. */
  fail(error: unknown): void;
  close(): void;
}

/** A dry run opens no record: it leaves no trace at all. */
export function openCopyRecord({ dir }: Instance, run: string, source: string): CopyRecord {
  const journal = openJournal(dir);
  let begun = false;
  let ended = false;
  const recordResult = (end: CopyEnd, message: string, report: CopyReport): void =>
    recordLastCopy(dir, { endedMs: Date.now(), exitCode: EXIT_OF[end], message, report });
  const record: CopyRecord = {
    journal,
    exclusions: undefined,
    begin() {
      journal.append({ type: 'run-started', run, command: 'copy', boot: bootId(), source });
      begun = true;
    },
    listen(event) {
      if (!begun || event.type !== 'iteration-ended') return;
      const { iteration, state } = event.iteration;
      journal.append({ type: 'iteration-ended', iteration, state });
    },
    end(end, message, report) {
      const exitCode = EXIT_OF[end];
      const final = report.successThreshold === 1 && report.only === undefined;
      const { exclusions } = record;
      journal.append({ type: 'copy-ended', run, exitCode, final, ...(exclusions !== undefined && { exclusions }) });
      ended = true;
      recordResult(end, message, report);
    },
    checked: recordResult,
    fail(error) {
      if (begun && !ended) appendLast(journal, { type: 'copy-ended', run, exitCode: exitCodeOf(error) });
    },
    close: () => journal.close(),
  };
  return record;
}
