// Reads and changes the record of completion for an agent's clients, and records which client changed it.

import type { Completion } from '../agent/replies/status-reply.js';
import { formatCount } from '../amounts.js';
import type { ServeSettings } from '../settings/settings.js';
import { forgetCompletedOverHttp, recordCompletedOverHttp } from '../state/completed-over-http.js';
import { completionWatcher, markComplete } from '../state/completion.js';
import { appendEvidence } from '../state/evidence/evidence-file.js';
import type { EvidenceRecord } from '../state/evidence/records.js';
import { endedInFinalPass } from '../state/journal/history.js';
import { readJournal } from '../state/journal/journal.js';
import { readReopening, reopen } from '../state/reopening.js';

/** Like the Sidecar, it accepts completion without a verification; at a destination the records show whether there was one. */
export function completionIn(dir: string, { serves }: Pick<ServeSettings, 'serves'>): Completion {
  return {
    read: completionWatcher(dir),
    mark(by) {
      const unproved = serves === 'destination' ? unprovedIn(dir) : [];
      const status = markComplete(dir);
      recordCompletedOverHttp(dir, { by, atMs: status.endTime ?? Date.now(), unproved });
      tell(dir, { type: 'completed', by, waived: unproved });
      return { status, unproved };
    },
    reopen(by) {
      reopen(dir, by);
      forgetCompletedOverHttp(dir);
    },
    reopened: () => readReopening(dir),
  };
}

/** For `lm report` alone: that it cannot be written must not keep a migration from being completed. */
function tell(dir: string, record: EvidenceRecord): void {
  try {
    appendEvidence(dir, record);
  } catch {}
}

function unprovedIn(dir: string): string[] {
  const history = readJournal(dir);
  const { damagedAtSource = 0 } = history;
  return [
    ...(endedInFinalPass(history) ? [] : ['a final pass that succeeded']),
    ...(history.verified ? [] : ['a verification after it']),
    ...(damagedAtSource > 0
      ? [`a repair of ${formatCount(damagedAtSource, 'SSTable that was', 'SSTables that were')} damaged at the source`]
      : []),
  ];
}
