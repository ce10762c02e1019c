// Counts and reports what a comparison of metadata finds: as differences, or, while the source is in use, as not yet copied.

import type { Emit } from '../events.js';
import type { Entry, EntryKey } from '../files/entry.js';
import type { DifferenceReason, VerifyReport } from '../report/verify-report.js';
import type { Finding } from './compare.js';

export interface Tally {
  /** Returns whether that decides about the contents as well, so that they need not be compared. */
  differs(key: EntryKey, source: Entry, findings: readonly Finding[]): boolean;
  onlyThere(key: EntryKey, source: Entry): void;
  onlyHere(key: EntryKey): void;
}

/** Reasons for which the contents differ for sure. */
const DECISIVE: ReadonlySet<DifferenceReason> = new Set(['type', 'size', 'link-target']);

export function createTally(report: VerifyReport, emit: Emit, live: boolean): Tally {
  if (live)
    return {
      differs(_, { size }) {
        countNotYetCopied(report, Number(size));
        return true;
      },
      onlyThere: (_, { size }) => countNotYetCopied(report, Number(size)),
      onlyHere: () => countNotYetCopied(report, 0),
    };
  const emitDifference = (key: EntryKey, finding: Finding): void =>
    emit({ type: 'difference', difference: { key, ...finding } });
  return {
    differs(key, _, findings) {
      report.metadataMismatches++;
      for (const finding of findings) emitDifference(key, finding);
      return findings.some(({ reason }) => DECISIVE.has(reason));
    },
    onlyThere(key) {
      report.filesNotFoundAtDestination++;
      emitDifference(key, { reason: 'not-found-at-destination' });
    },
    onlyHere(key) {
      report.filesNotFoundAtSource++;
      emitDifference(key, { reason: 'not-found-at-source' });
    },
  };
}

export function countNotYetCopied(report: VerifyReport, bytes: number): void {
  const { entries, bytes: before } = report.notYetCopied ?? { entries: 0, bytes: 0 };
  report.notYetCopied = { entries: entries + 1, bytes: before + bytes };
}
