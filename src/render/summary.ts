// What a run came to, as a block to be read at 3 a.m.: what was reached, the counters, what to run next. Decides nothing.

import { printable } from '../errors.js';
import type { Event } from '../events.js';
import { EXIT, EXIT_MEANING, type ExitName } from '../exit-codes.js';
import type { CopyReport, Iteration } from '../report.js';
import { formatBytes, formatEntries, formatShare } from './quantities.js';

type CopyEnded = Extract<Event, { type: 'copy-ended' }>;
type VerifyEnded = Extract<Event, { type: 'verify-ended' }>;

export function copySummary(event: CopyEnded): string[] {
  const { report, exitCode, message } = event;
  const last = report.status.at(-1);
  const rows: [string, string][] = [['exit code', exitText(exitCode)]];
  if (last && !report.dryRun) rows.push(...passRows(report, last));
  return block('copy', message, rows, nextAfterCopy(event));
}

export function verifySummary(event: VerifyEnded): string[] {
  const { report, exitCode, message } = event;
  const names = [
    'filesNotFoundAtSource',
    'filesNotFoundAtDestination',
    'metadataMatched',
    'metadataMismatches',
    'digestMismatches',
    'digestVerificationFailures',
    'filesMatched',
  ] as const;
  const rows: [string, string][] = [
    ['exit code', exitText(exitCode)],
    ['state', `${report.state}, ${report.digestAlgorithm}`],
    ...names.map((name): [string, string] => [name, String(report[name])]),
  ];
  return block('verify', message, rows, nextAfterVerify(event));
}

/** The name of an exit code, `ok` for 0; a code of no name is a bug. */
export function exitName(exitCode: number): ExitName {
  const names = Object.keys(EXIT) as ExitName[];
  return names.find((name) => EXIT[name] === exitCode) ?? 'bug';
}

/** What to run after a copy; undefined when the error that ended it says so itself. */
export function nextAfterCopy({ report, exitCode }: CopyEnded): string | undefined {
  const threshold = report.successThreshold;
  if (report.dryRun)
    return exitCode === EXIT.ok || exitCode === EXIT.belowThreshold ? 'the same command without --dry-run' : undefined;
  switch (exitCode) {
    case EXIT.ok:
      if (report.only !== undefined) return 'lm copy without --only, when all parts have been copied';
      return threshold < 1 ? 'stop the service on the source, then lm copy --threshold 1.0' : 'lm verify';
    case EXIT.belowThreshold:
      if (report.status.some((pass) => pass.downloadFailures > 0))
        return 'see to the files that failed, named above, then lm copy again; what was copied is kept';
      return threshold < 1
        ? 'lm copy again; what was copied is kept. A source that changes faster than it is copied takes a lower --threshold'
        : 'stop whatever still writes to the source, then lm copy again; what was copied is kept';
    case EXIT.source:
    case EXIT.interrupted:
    case EXIT.terminated:
      return 'lm copy again; what was copied is kept';
    default:
      return undefined;
  }
}

/** What to run after a verification. */
export function nextAfterVerify({ report, exitCode }: VerifyEnded): string | undefined {
  switch (exitCode) {
    case EXIT.ok:
      return 'lm complete on both hosts, then start the service on this one';
    case EXIT.differences:
      return report.digestMismatches > 0
        ? 'lm copy --diff checksum (equal sizes and times hide these files from a plain copy), then lm verify again'
        : 'lm copy --threshold 1.0, then lm verify again';
    case EXIT.source:
    case EXIT.interrupted:
    case EXIT.terminated:
      return 'lm verify again';
    default:
      return undefined;
  }
}

function passRows(report: CopyReport, last: Iteration): [string, string][] {
  const sum = (name: NumberField) => report.status.reduce((total, pass) => total + pass[name], 0);
  const reused = sum('bytesReused');
  const size = last.totalSize < 0 ? '' : ` of ${formatBytes(last.totalSize)} in ${formatEntries(last.totalFiles)}`;
  return [
    ['state', `${last.state} at iteration ${last.iteration} of at most ${report.maxIterations}`],
    ['matching', `${formatShare(last.matchRatio)}${size}, threshold ${formatShare(report.successThreshold)}`],
    [
      'downloaded',
      `${formatEntries(sum('filesDownloaded'))}, ${formatBytes(sum('bytesDownloaded'))} ` +
        `(${formatBytes(sum('bytesReceived'))} received${reused > 0 ? `, ${formatBytes(reused)} kept from before` : ''})`,
    ],
    ['removed', `${formatEntries(sum('filesRemoved'))}, ${formatBytes(sum('bytesRemoved'))}`],
    ...keptRow(report),
    [
      'failed',
      `${sum('downloadFailures')} (${sum('filesChanged')} changed and ${sum('filesVanished')} vanished besides)`,
    ],
  ];
}

const keptRow = ({ backup }: CopyReport): [string, string][] =>
  backup
    ? [['kept', `${formatEntries(backup.entries)}, ${formatBytes(backup.bytes)} in ${printable(backup.dir)}`]]
    : [];

type NumberField = Exclude<keyof Iteration, 'state'>;

function block(command: string, message: string, rows: [string, string][], next: string | undefined): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    `${command}: ${message}`,
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    ...(next === undefined ? [] : [`next: ${next}`]),
  ];
}

const exitText = (exitCode: number): string => `${exitCode} (${EXIT_MEANING[exitName(exitCode)]})`;
