// Counts what --repair has done, and takes back in the report what was wrong and is not any more.

import { formatCount } from '../../amounts.js';
import { printable } from '../../errors.js';
import type { Emit } from '../../events.js';
import { type EntryKey, joinKey } from '../../files/entry.js';
import { FIRST_FEW } from '../../files/listing.js';
import type { DifferenceReason, Repair, RepairsReport, VerifyReport } from '../../report/verify-report.js';
import type { SecondLook } from './second-look.js';
import type { WrongFile } from './wrong-files.js';

/** Each file comes to one of the ends once. */
export interface RepairsKept {
  /** Bytes that have come for the file, whatever its end; `blocksAt`: where it was wrong. */
  received(file: WrongFile, bytes: number, blocksAt: number[] | undefined): void;
  /** It has the source's bytes and its name again, and is still to be verified: then another end follows. */
  written(file: WrongFile): void;
  repaired(file: WrongFile): void;
  notRepaired(file: WrongFile, doubt: NonNullable<SecondLook['doubt']>): void;
  /** It stays a part, and has lost its name. */
  unfinished(file: WrongFile, why: string): void;
  /** Files that are wrong and were not dealt with. */
  leaveOut(files: number): void;
  /** An error ends it: tells of what was written, and will not be verified. */
  cutShort(): void;
}

/** `differs`: how the entry of the file differs besides its contents, as was reported before. */
export function createRepairsReport(
  report: VerifyReport,
  emit: Emit,
  differs: (file: WrongFile) => readonly DifferenceReason[],
): RepairsKept {
  const { filesNotFoundAtDestination, digestMismatches, digestVerificationFailures } = report;
  const repairs: RepairsReport = {
    ...{ repaired: { entries: 0, bytes: 0 }, bytesReceived: 0 },
    ...{ notRepaired: 0, wrongAtSource: 0, unfinished: 0 },
    before: { filesNotFoundAtDestination, digestMismatches, digestVerificationFailures },
    first: [],
  };
  report.repairs = repairs;
  const came = new Map<EntryKey, Pick<Repair, 'bytesReceived' | 'blocksAt'>>();
  const unverified = new Set<EntryKey>();

  const tell = ({ dir, source, was }: WrongFile, now: Repair['now'], why?: string): void => {
    const key = joinKey(dir, source.name);
    const { bytesReceived, blocksAt } = came.get(key) ?? { bytesReceived: 0 };
    came.delete(key);
    unverified.delete(key);
    const repair: Repair = {
      ...{ key, bytes: Number(source.size), was },
      ...(blocksAt && { blocksAt }),
      ...{ now, bytesReceived },
      ...(why !== undefined && { why }),
    };
    if (repairs.first.length < FIRST_FEW) repairs.first.push(repair);
    emit({ type: 'repaired', repair });
  };

  const takeBack = (reason: DifferenceReason): void => {
    if (report.reasons?.[reason]) report.reasons[reason]--;
    if (report.reasons?.[reason] === 0) delete report.reasons[reason];
  };
  /** What was counted of it is not so any more. */
  const forget = (file: WrongFile): void => {
    report[COUNTER[file.was]]--;
    takeBack(REASON[file.was]);
    if (file.was === 'unfinished') {
      report.filesNotFoundAtSource--; // its part, under the part's name
      return takeBack('not-found-at-source');
    }
    const others = differs(file);
    if (others.length > 0) report.metadataMismatches--;
    else report.metadataMatched--;
    others.forEach(takeBack);
  };

  return {
    received({ dir, source }, bytesReceived, blocksAt) {
      repairs.bytesReceived += bytesReceived;
      came.set(joinKey(dir, source.name), { bytesReceived, ...(blocksAt && { blocksAt }) });
    },
    written({ dir, source }) {
      unverified.add(joinKey(dir, source.name));
    },
    repaired(file) {
      repairs.repaired.entries++;
      repairs.repaired.bytes += Number(file.source.size);
      forget(file);
      report.metadataMatched++;
      report.filesMatched++;
      tell(file, 'repaired');
    },
    notRepaired(file, { why, atSource }) {
      repairs.notRepaired++;
      if (atSource) repairs.wrongAtSource++;
      tell(file, 'not-repaired', why);
    },
    unfinished(file, why) {
      repairs.unfinished++;
      if (file.was !== 'unfinished') {
        forget(file);
        report.filesNotFoundAtDestination++;
        const key = joinKey(file.dir, file.source.name);
        emit({ type: 'difference', difference: { key, reason: 'not-found-at-destination' } });
      }
      tell(file, 'unfinished', why);
    },
    leaveOut(files) {
      if (files === 0) return;
      repairs.notRepaired += files;
      repairs.leftOut = files;
      emit({ type: 'warning', text: `${files} more files are wrong here, and were left as they are`, hint: TOO_MANY });
    },
    cutShort() {
      if (unverified.size === 0) return;
      const details = [...unverified].slice(0, FIRST_FEW).map(printable);
      const files = formatCount(unverified.size, 'file');
      emit({ type: 'warning', text: `${files} had been repaired before, and not verified again`, details });
    },
  };
}

const TOO_MANY = 'so many wrong files come from a disk, or a controller, that is failing: look at the kernel log first';

const COUNTER = {
  digest: 'digestMismatches',
  'unreadable-at-destination': 'digestVerificationFailures',
  unfinished: 'filesNotFoundAtDestination',
} as const satisfies Record<Repair['was'], keyof VerifyReport>;

const REASON = {
  digest: 'digest',
  'unreadable-at-destination': 'unreadable-at-destination',
  unfinished: 'not-found-at-destination',
} as const satisfies Record<Repair['was'], DifferenceReason>;
