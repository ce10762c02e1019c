// Advises after a verification: the command that an operator runs next, or what has to be mended before.

import { EXIT } from '../exit-codes.js';
import type { SSTablesReport } from '../report/parts.js';
import type { VerifyReport } from '../report/verify-report.js';
import { AFTER_CHECK, FINAL_PASS } from './after-copy.js';
import { type NextStep, stepText } from './step.js';

interface VerifyEnd {
  report: VerifyReport;
  exitCode: number;
}

/** What to run next, in a sentence; undefined when the hint of the error that ended it, or its verdict, says so. */
export function nextAfterVerify(end: VerifyEnd): string | undefined {
  const step = stepAfterVerify(end);
  return step && stepText(step);
}

export function stepAfterVerify({ report, exitCode }: VerifyEnd): NextStep | undefined {
  switch (exitCode) {
    case EXIT.ok:
      if (report.otherExclusions)
        return { command: 'lm copy --threshold 1.0', after: 'lm verify again, both with the same exclusions' };
      if (report.by === 'offline') return undefined;
      return report.live || report.beforeFinalPass ? { ...FINAL_PASS, after: `${verifyAs(report)} again` } : COMPLETE;
    case EXIT.differences:
    case EXIT.refused:
      if (report.postCheck) return AFTER_CHECK;
      return report.by === 'offline' ? afterOffline(exitCode) : afterDifferences(report);
    case EXIT.source:
    case EXIT.hungUp:
    case EXIT.interrupted:
    case EXIT.quit:
    case EXIT.terminated:
      return again(report);
    default:
      return undefined;
  }
}

export const COMPLETE: NextStep = {
  command: 'lm complete',
  where: 'on both hosts, on this one first',
  after: 'start the service here',
};

/** After what no copy repairs. */
export const AFTER_DAMAGE: NextStep = {
  first: 'repair the source (nodetool scrub)',
  command: 'lm copy',
  after: 'lm verify --sstables again',
  note: 'or lm complete --allow-damaged-at-source, and nodetool repair once this node runs',
};

const verifyAs = ({ by }: VerifyReport): string => `lm verify${by ? ` --${by}` : ''}`;

const again = (report: VerifyReport): NextStep => ({ command: verifyAs(report), again: true });

const afterOffline = (exitCode: number): NextStep =>
  exitCode === EXIT.differences
    ? {
        command: 'lm copy --diff checksum',
        given: 'if the source is still there',
        after: 'lm verify',
        note: 'if it is not, take these files from a backup',
      }
    : { command: 'lm verify', does: 'compares these files too', given: 'if the source is still there' };

function afterDifferences(report: VerifyReport): NextStep | undefined {
  const [toFix, copy] = [fixFirst(report), cheapestCopy(report)];
  if (toFix.length === 0 && isForRepair(report)) return repairOf(report);
  const first = toFix.length > 0 ? { first: toFix.join(', then ') } : {};
  if (copy)
    return {
      ...{ ...first, ...copy },
      ...(mayBeOthersWork(report) && { given: 'with --adopt if it names work here that is to go' }),
      after: `${verifyAs(report)} again`,
    };
  if (toFix.length > 0) return { ...first, ...again(report), note: 'no copy fixes that' };
  return isDamaged(report.sstables) ? AFTER_DAMAGE : undefined; // the verdict says why nothing was compared
}

const repairOf = (report: VerifyReport): NextStep => ({
  command: `${verifyAs(report)} --repair`,
  does: 'fetches what differs and verifies it again',
  because: 'equal sizes and times hide these files from a plain copy',
});

/** Whether nothing is wrong but contents here, and --repair was not given yet, or had more to do than one run may. */
const isForRepair = (report: VerifyReport): boolean =>
  report.digestMismatches > 0 &&
  (!report.repairs || report.repairs.leftOut !== undefined) &&
  !report.live &&
  report.metadataMismatches + report.filesNotFoundAtSource + report.filesNotFoundAtDestination === 0;

/** After a final pass, somebody else may have caused the difference here; a copy refuses to change such files without --adopt. */
const mayBeOthersWork = ({ beforeFinalPass, reasons = {} }: VerifyReport): boolean =>
  beforeFinalPass !== true &&
  (['not-found-at-source', 'type', 'size', 'mtime', 'link-target'] as const).some((reason) => reasons[reason]);

/** What no copy can fix, and on which side. */
function fixFirst({ reasons = {}, repairs }: VerifyReport): string[] {
  const { 'unreadable-at-source': there = 0, 'unreadable-at-destination': here = 0 } = reasons;
  return [
    ...(repairs?.wrongAtSource ? [SEE_TO_SOURCE] : []),
    ...(there > 0 ? ['on the source, make what is named above readable for the user of lm serve'] : []),
    ...(here > 0 ? ['on this host, make what is named above readable for the user of lm'] : []),
    ...(reasons['changed-while-reading'] ? ['stop what writes to the files that changed while they were read'] : []),
  ];
}

const SEE_TO_SOURCE =
  'see to the disk of the source: what is named above is to come from elsewhere, as from a backup or by nodetool repair';

/** The cheapest copy that fixes all differences: --diff checksum only where no other copy finds them. */
function cheapestCopy(report: VerifyReport): NextStep | undefined {
  if (report.digestMismatches > (report.repairs?.wrongAtSource ?? 0))
    return {
      command: 'lm copy --diff checksum',
      because: 'equal sizes and times may hide some of these files from a plain copy',
    };
  if (report.metadataMismatches > 0) return { command: 'lm copy --threshold 1.0' };
  return report.filesNotFoundAtSource + report.filesNotFoundAtDestination > 0 ? { command: 'lm copy' } : undefined;
}

/** Whether SSTables were wrong at the source already. */
const isDamaged = (found: SSTablesReport | undefined): boolean =>
  found !== undefined && found.damagedAtSource + found.incompleteAtSource > 0;
