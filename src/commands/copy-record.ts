// What a copy leaves in the records, from the moment it may write: a run that was refused has changed nothing and leaves no line.

import type { Emit } from '../events.js';
import type { CopyReport } from '../report.js';
import { bootId } from '../state/host.js';
import type { Instance } from '../state/instance.js';
import { appendLast, type Journal, openJournal } from '../state/journal.js';
import { recordLastCopy } from '../state/last-run.js';

export interface CopyRecord {
  /** For parts and sync points; undefined for a dry run, which leaves no trace at all. */
  journal: Journal | undefined;
  /** Before the first write. */
  begin(): void;
  listen: Emit;
  end(exitCode: number, message: string, report: CopyReport): void;
  /** Never throws. */
  fail(exitCode: number): void;
  close(): void;
}

export function openCopyRecord({ dir }: Instance, run: string, source: string, dryRun: boolean): CopyRecord {
  const journal = dryRun ? undefined : openJournal(dir);
  let begun = false;
  return {
    journal,
    begin() {
      journal?.append({ type: 'run-started', run, command: 'copy', boot: bootId(), source });
      begun = true;
    },
    listen(event) {
      if (!begun || event.type !== 'iteration-ended') return;
      const { iteration, state } = event.iteration;
      journal?.append({ type: 'iteration-ended', iteration, state });
    },
    end(exitCode, message, report) {
      const final = report.successThreshold === 1 && report.only === undefined;
      journal?.append({ type: 'copy-ended', run, exitCode, final });
      if (journal) recordLastCopy(dir, { endedMs: Date.now(), exitCode, message, report });
    },
    fail(exitCode) {
      if (journal && begun) appendLast(journal, { type: 'copy-ended', run, exitCode });
    },
    close: () => journal?.close(),
  };
}
