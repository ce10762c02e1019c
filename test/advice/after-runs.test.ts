import { describe, expect, test } from '@jest/globals';
import { nextAfterCopy } from '../../src/advice/after-copy.js';
import { nextAfterVerify } from '../../src/advice/after-verify.js';
import { noSSTables } from '../../src/digest/sstable.js';
import type { CopyReport } from '../../src/report/copy-report.js';
import type { Trend } from '../../src/report/forecast.js';
import type { RepairsReport } from '../../src/report/verify-report.js';
import { copyReport, iteration, verifyReport } from '../render/samples.js';

const wouldDo = (more: Partial<CopyReport['wouldDo']> = {}): NonNullable<CopyReport['wouldDo']> => ({
  ...{ download: { entries: 0, bytes: 0 }, remove: { entries: 0, bytes: 0 }, fix: 0, refuses: [] },
  ...more,
});

const repairs = (more: Partial<RepairsReport>): RepairsReport => ({
  ...{ repaired: { entries: 0, bytes: 0 }, bytesReceived: 0, notRepaired: 0, wrongAtSource: 0, unfinished: 0 },
  ...{ before: { filesNotFoundAtDestination: 0, digestMismatches: 1, digestVerificationFailures: 0 }, first: [] },
  ...more,
});

const downtimeGoal = { successThreshold: 0, maxDowntimeMs: 60_000 };

/** Of a copy with --max-downtime. */
function lasting({ trend, ...lengths }: { copyMs: number; verifyMs: number; trend?: Trend }): Partial<CopyReport> {
  const some = { entries: 1, bytes: 1 };
  const change = { overMs: 1, changed: some, changedBytesPerSecond: 1, subtrees: [] };
  const forecast = {
    atMs: 0,
    parts: [],
    fetch: some,
    read: some,
    ...lengths,
    ...(trend && { change: { trend, ...change } }),
  };
  return { ...downtimeGoal, status: [iteration({ forecast })] };
}

describe('what to run next', () => {
  test.each<[Partial<CopyReport>, number, RegExp | undefined]>([
    [{ successThreshold: 0.95 }, 0, /^stop the service on the source, then lm copy --threshold 1\.0$/],
    [{ successThreshold: 1 }, 0, /^lm verify$/],
    [{ only: 'data/0/ks' }, 0, /without --only/],
    [{ dryRun: true }, 0, /without --dry-run/],
    [{ dryRun: true }, 3, /without --dry-run/],
    [{ dryRun: true }, 6, undefined],
    [{ dryRun: true, wouldDo: wouldDo() }, 0, /: it would find nothing left to do$/],
    [
      { dryRun: true, wouldDo: wouldDo({ download: { entries: 3, bytes: 13_207_024_435 }, fix: 1 }) },
      3,
      /^the same command without --dry-run: it would copy 3 entries \(12\.3 GiB\), fix attributes of 1 entry$/,
    ],
    [{ dryRun: true, wouldDo: wouldDo({ remove: { entries: 1, bytes: 0 } }) }, 3, /: it would remove 1 entry \(0 B\)$/],
    [
      { dryRun: true, wouldDo: wouldDo({ refuses: ['the one', 'the other'] }) },
      3,
      /^a real run would refuse: the one \(and 1 more, named above\)$/,
    ],
    [
      { status: [iteration({ downloadFailures: 2, filesUnreadable: 2 }), iteration({})] },
      6,
      /^on the source, make the files named above readable for the user of lm serve, or leave them out .*, then lm copy again/,
    ],
    [
      { status: [iteration({ downloadFailures: 3, filesUnreadable: 2 })] },
      3,
      /^on the source, .*; here, see to the others that failed, then lm copy again/,
    ],
    [
      { status: [iteration({ filesToDownload: 0, bytesToDownload: 0 })] },
      3,
      /^lm verify, which names what still differs$/,
    ],
    [{ status: [iteration({ filesToDownload: 0, filesChanged: 1 })] }, 3, /^stop whatever still writes/],
    [{ successThreshold: 0.95 }, 3, /^lm copy again.*--threshold/],
    [
      { ...downtimeGoal, status: [iteration({})] },
      0,
      /^stop the service on the source, then lm copy --threshold 1\.0$/,
    ],
    [{ ...downtimeGoal, status: [iteration({})] }, 3, /^lm copy again; what was copied is kept$/],
    [
      lasting({ copyMs: 50_000, verifyMs: 90_000 }),
      3,
      /^lm verify --incremental --live, which reads .*; then lm copy again$/,
    ],
    [
      lasting({ copyMs: 90_000, verifyMs: 10_000, trend: 'flat' }),
      3,
      /^a longer --max-downtime, or stop .* --threshold 1\.0; further/,
    ],
    [lasting({ copyMs: 90_000, verifyMs: 10_000, trend: 'diverging' }), 3, /^a longer --max-downtime/],
    [lasting({ copyMs: 90_000, verifyMs: 10_000, trend: 'converging' }), 3, /^lm copy again; what was copied is kept$/],
    [{ successThreshold: 1 }, 3, /^stop whatever still writes/],
    [{ successThreshold: 1, status: [iteration({ downloadFailures: 1 })] }, 3, /^see to the files that failed/],
    [{}, 5, /^lm copy again/],
    [{}, 6, undefined], // the guard's own hint says it
    [{}, 130, /^lm copy again/],
  ])('copy %o, exit %d', (fields, exitCode, next) => {
    const said = nextAfterCopy({ report: copyReport(fields), exitCode });
    if (next === undefined) expect(said).toBeUndefined();
    else expect(said).toMatch(next);
  });

  test.each([
    [{}, 0, /^lm complete on both hosts/],
    [
      { live: true as const },
      0,
      /^stop the service on the source, then lm copy --threshold 1\.0, then lm verify again$/,
    ],
    [{ beforeFinalPass: true as const }, 0, /^stop the service on the source, then lm copy --threshold 1\.0,/],
    [{ digestMismatches: 1 }, 4, /^lm verify --repair, which fetches what differs/],
    [{ digestMismatches: 1, by: 'incremental' }, 4, /^lm verify --incremental --repair, /],
    [{ digestMismatches: 1, repairs: repairs({ notRepaired: 1 }) }, 4, /^lm copy --diff checksum/],
    [{ digestMismatches: 1, repairs: repairs({ notRepaired: 1, leftOut: 1 }) }, 4, /^lm verify --repair, /],
    [
      { digestMismatches: 1, repairs: repairs({ notRepaired: 1, wrongAtSource: 1 }) },
      4,
      /^see to the disk of the source: (?!.*lm copy)/,
    ],
    [{ filesNotFoundAtDestination: 1, repairs: repairs({ unfinished: 1 }) }, 4, /^lm copy, then lm verify again$/],
    [{ metadataMismatches: 1 }, 4, /^lm copy --threshold 1\.0, then lm verify again$/],
    [{ filesNotFoundAtSource: 1 }, 4, /^lm copy, then lm verify again$/],
    [
      { filesNotFoundAtSource: 1, reasons: { 'not-found-at-source': 1 } },
      4,
      /^lm copy, with --adopt if it names work here that is to go, then lm verify again$/,
    ],
    [
      { filesNotFoundAtSource: 1, reasons: { 'not-found-at-source': 1 }, beforeFinalPass: true as const },
      4,
      /^lm copy, then lm verify again$/,
    ],
    [{ metadataMismatches: 1, reasons: { mode: 1 } }, 4, /^lm copy --threshold 1\.0, then lm verify again$/],
    [{ filesNotFoundAtDestination: 1 }, 4, /^lm copy, then lm verify again$/],
    [{ filesNotFoundAtSource: 1, metadataMismatches: 1 }, 4, /^lm copy --threshold 1\.0,/],
    [{ digestMismatches: 1, metadataMismatches: 1, filesNotFoundAtSource: 1 }, 4, /^lm copy --diff checksum/],
    [
      { digestVerificationFailures: 1, reasons: { 'unreadable-at-source': 1 } },
      4,
      /^on the source, make .* readable for the user of lm serve, then lm verify again; no copy fixes that$/,
    ],
    [
      { digestVerificationFailures: 1, reasons: { 'unreadable-at-destination': 1 }, digestMismatches: 1 },
      4,
      /^on this host, make .* readable .*, then lm copy --diff checksum .*, then lm verify again$/,
    ],
    [
      { digestVerificationFailures: 1, reasons: { 'changed-while-reading': 1 } },
      4,
      /^stop what writes to the files that changed while they were read, then lm verify again/,
    ],
    [{ reasons: { 'unreadable-at-source': 2 } }, 6, /^on the source, make .* readable/],
    [{}, 5, /^lm verify again/],
    [{}, 6, undefined],
    [{ sstables: { ...noSSTables(), checked: 2 } }, 6, undefined],
    [
      { sstables: { ...noSSTables(), checked: 2, damagedAtSource: 1 } },
      6,
      /^repair the source .*; or lm complete --allow-d/,
    ],
    [{ sstables: { ...noSSTables(), incompleteAtSource: 1 }, digestMismatches: 1 }, 4, /^lm verify --repair, /],
  ] as const)('verify %o, exit %d', (fields, exitCode, next) => {
    const said = nextAfterVerify({ report: verifyReport(fields), exitCode });
    if (next === undefined) expect(said).toBeUndefined();
    else expect(said).toMatch(next);
  });
});
