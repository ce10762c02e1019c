// What a copy leaves in the records, from the moment it may write: a run that was refused has changed nothing and leaves no line.

import type { Emit } from '../events.js';
import { exitCodeOf } from '../exit-codes.js';
import type { CopyReport } from '../report.js';
import { bootId } from '../state/identity/host.js';
import type { Instance } from '../state/instance.js';
import { appendLast, type Journal, openJournal } from '../state/journal/journal.js';
import { recordLastCopy } from '../state/last-run.js';
import { type CopyEnd, EXIT_OF } from './verdict.js';

export interface CopyRecord {
  /** For parts, young files and sync points. */
  journal: Journal;
  /** Before the first write. */
  begin(): void;
  listen: Emit;
  /** What both sides left out of the last survey, as `exclusionsSum` has it. */
  exclusions: string | undefined;
  end(end: CopyEnd, message: string, report: CopyReport): void;
  /** Never throws. */
  fail(error: unknown): void;
  close(): void;
}

/** A dry run opens none: it leaves no trace at all. */
export function openCopyRecord({ dir }: Instance, run: string, source: string): CopyRecord {
  const journal = openJournal(dir);
  let begun = false;
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
      recordLastCopy(dir, { endedMs: Date.now(), exitCode, message, report });
    },
    fail(error) {
      if (begun) appendLast(journal, { type: 'copy-ended', run, exitCode: exitCodeOf(error) });
    },
    close: () => journal.close(),
  };
  return record;
}
