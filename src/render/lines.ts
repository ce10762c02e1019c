// Formats each event as lines for people. text.ts draws the progress, summary.ts formats the end of a run.

import { formatBytes, formatEntries, formatLeft, formatShare, formatSpan } from '../amounts.js';
import { printable } from '../errors.js';
import type { Event } from '../events.js';
import type { Iteration } from '../report/copy-report.js';
import type { Difference } from '../report/verify-report.js';
import { forecastLines } from './rows/forecast.js';
import { ownersTexts } from './rows/owners.js';
import { repairLine } from './rows/repairs.js';
import { sstableLine } from './rows/sstables.js';
import { checkText, copySummary, rootLines, verifySummary } from './summary.js';

export type Tone = 'plain' | 'faint' | 'good' | 'warn' | 'bad';

export interface Line {
  /** Results and progress go to stdout, errors, warnings and hints to stderr. */
  to: 'stdout' | 'stderr';
  text: string;
  tone: Tone;
}

interface Volume {
  /** Only results and problems. */
  quiet: boolean;
  /** Also one line per file. */
  verbose: boolean;
}

/** Results are printed at any volume; other events as --quiet and --verbose say. */
export function linesOf(event: Event, volume: Volume): Line[] {
  switch (event.type) {
    case 'phase':
      return volume.verbose || (PHASES_THAT_TAKE_TIME.has(event.state) && !volume.quiet) ? progressLines(event) : [];
    case 'run-started':
    case 'settings':
    case 'limit':
    case 'owners':
    case 'post-check-began':
    case 'listed':
    case 'removed':
    case 'iteration-ended':
      return volume.quiet ? [] : progressLines(event);
    case 'item':
      return volume.verbose || (event.dryRun && !volume.quiet) ? [out(itemLine(event))] : [];
    case 'planned':
      return volume.quiet && !event.dryRun
        ? []
        : [planLine(event), ...rootLines(event).map((line) => `  matching ${line}`)].map((line) => out(line));
    case 'forecast':
      return volume.quiet ? [] : forecastLines(event.forecast).map((line) => out(`forecast: ${line}`));
    case 'checked':
      return volume.verbose ? [out(`${event.which}: ${checkText(event.check)}`)] : [];
    case 'waiting':
      return volume.quiet ? [] : [out(`waiting for ${event.who} to end, ${formatSpan(event.leftMs)} at most`, 'faint')];
    case 'stalled':
      return volume.quiet ? [] : [out(stalledLine(event), 'faint')];
    case 'retried':
      return volume.quiet ? [] : [err(retryLine(event), 'faint')];
    case 'recovered':
      return volume.quiet ? [] : [err(`the source answers again, after ${formatSpan(event.forMs)}`, 'faint')];
    case 'warning':
      return warning(event);
    case 'file-problem':
      return fileProblem(event, volume);
    case 'difference':
      return [out(sstableLine(event.difference) ?? differenceLine(event.difference), 'bad')];
    case 'repaired':
      return [out(repairLine(event.repair), event.repair.now === 'repaired' ? 'good' : 'bad')];
    case 'copy-ended':
      return copySummary(event).map((text, i) => out(text, i === 0 ? verdict(event.exitCode) : 'plain'));
    case 'verify-ended':
      return verifySummary(event).map((text, i) => out(text, i === 0 ? verdict(event.exitCode) : 'plain'));
    case 'listing':
    case 'progress': // a bar or a line every few seconds: text.ts
      return [];
    default:
      return event satisfies never;
  }
}

const BLOCK_BYTES = 2 ** 20;

/** The other phases take a moment; the lines `plan:` and `removed` report their results. */
const PHASES_THAT_TAKE_TIME: ReadonlySet<string> = new Set([
  ...['LISTING', 'DOWNLOADING', 'SYNCING', 'VERIFYING', 'REPAIRING'],
]);

/** A verification has no iterations. */
const VERIFY_PHASES: Record<string, string> = { VERIFYING: 'verifying', REPAIRING: 'repairing' };

type ProgressEvent = Extract<
  Event,
  {
    type:
      | 'run-started'
      | 'settings'
      | 'limit'
      | 'owners'
      | 'post-check-began'
      | 'phase'
      | 'listed'
      | 'removed'
      | 'iteration-ended';
  }
>;

function progressLines(event: ProgressEvent): Line[] {
  switch (event.type) {
    case 'run-started':
      return [
        out(`${event.command} from ${event.source} (run ${event.run})`),
        ...event.roots.map((root) => out(`  ${root.key} = ${printable(root.path)}`)),
      ];
    case 'settings':
      return [out(event.text)];
    case 'limit':
      return [out(`limit${event.by === 'operator' ? ' (lm limit, for this run)' : ''}: ${event.text}`)];
    case 'owners':
      return ownersTexts(event).map((text) => out(`owners: ${text}`));
    case 'post-check-began':
      return [out(`running the post-check: ${printable(event.command)}`)];
    case 'phase':
      return [out(VERIFY_PHASES[event.state] ?? `iteration ${event.iteration}: ${event.state}`, 'faint')];
    case 'listed':
      return [out(listedLine(event))];
    case 'removed':
      return event.entries === 0 ? [] : [out(`removed ${formatEntries(event.entries)} (${formatBytes(event.bytes)})`)];
    case 'iteration-ended':
      return [out(iterationLine(event.iteration), event.iteration.state === 'FAILED' ? 'warn' : 'plain')];
    default:
      return event satisfies never;
  }
}

/** Details and hint are on lines of their own, as in an error. */
function warning({ text, details = [], hint }: Extract<Event, { type: 'warning' }>): Line[] {
  return [
    err(`warning: ${text}`, 'warn'),
    ...details.map((line) => err(`  ${line}`)),
    ...(hint === undefined ? [] : [err(`hint: ${hint}`)]),
  ];
}

/** `copy    new           12.3 MiB  data/0/ks/x.db`: fixed columns, with the name last, because it may hold spaces. */
function itemLine({ action, reason, bytes, key, dryRun }: Extract<Event, { type: 'item' }>): string {
  const columns = `${action.padEnd(6)}  ${reason.padEnd(11)}  ${formatBytes(bytes).padStart(10)}  ${printable(key)}`;
  return dryRun ? `would ${columns}` : columns;
}

/** The same form for dry and real runs, so that the two can be compared. */
function planLine({ download, remove, unchanged, left }: Extract<Event, { type: 'planned' }>): string {
  return (
    `plan: ${download.entries} to copy (${formatBytes(download.bytes)}), ` +
    `${remove.entries} to remove (${formatBytes(remove.bytes)}), ${unchanged.entries} unchanged${formatLeft(left)}`
  );
}

const EXCLUDED_NAMED = 3;

function listedLine(event: Extract<Event, { type: 'listed' }>): string {
  const { side, entries, bytes, excluded, firstExcluded, elapsedMs } = event;
  const line = `${side}: ${formatEntries(entries)}, ${formatBytes(bytes)}, listed in ${formatSpan(elapsedMs)}`;
  if (excluded === 0) return line;
  const named = firstExcluded.slice(0, EXCLUDED_NAMED);
  return `${line}; ${excluded} excluded: ${named.map(printable).join(', ')}${excluded > named.length ? ', …' : ''}`;
}

function stalledLine({ what, forMs, alive }: Extract<Event, { type: 'stalled' }>): string {
  const came = alive ? 'only signs of life have come' : 'nothing has come';
  return `waiting for ${printable(what)}: ${came} for ${formatSpan(forMs)}`;
}

function retryLine({ what, attempt, waitMs, leftMs, reason }: Extract<Event, { type: 'retried' }>): string {
  const limit = leftMs === undefined ? '' : `, for ${formatSpan(leftMs)} at most`;
  return `retry ${attempt} of ${printable(what)} in ${formatSpan(waitMs)}${limit}: ${reason}`;
}

/**
 * Vanished and changed files are usual on a live source: they are counted in the pass, and named only with --verbose. At the destination,
 * where nothing else should write, they are a warning.
 */
function fileProblem({ key, result, message, side }: Extract<Event, { type: 'file-problem' }>, volume: Volume): Line[] {
  const text = `${result}  ${printable(key)}${message === '' ? '' : `: ${message}`}`;
  if (result === 'failed') return [err(text, 'bad')];
  if (side === 'destination') return [err(text, 'warn')];
  return volume.verbose ? [out(text, 'faint')] : [];
}

/** `differs  digest  source 946b5bf9, destination fb0077f9, from byte 1048576 (MiB 1): data/0/ks/x.db` */
export function differenceLine({ key, reason, source, destination, blocksAt, unchangedTimes }: Difference): string {
  const values = [
    source === undefined ? undefined : `source ${printable(source)}`,
    destination === undefined ? undefined : `destination ${printable(destination)}`,
    blocksAt?.length
      ? `from byte ${blocksAt[0]} (MiB ${blocksAt.map((at) => at / BLOCK_BYTES).join(', ')})`
      : undefined,
    unchangedTimes ? 'unchanged times: the disk or memory altered it' : undefined,
  ].filter((value) => value !== undefined);
  return `differs  ${reason}  ${values.length === 0 ? '' : `${values.join(', ')}: `}${printable(key)}`;
}

/** The Sidecar's state and counters as `name=value`, with sizes for people; `--json` has the exact numbers. */
function iterationLine(pass: Iteration): string {
  const unknown = (count: number) => (count < 0 ? '?' : String(count));
  const counters = [
    `totalFiles=${unknown(pass.totalFiles)}`,
    `totalSize=${bare(pass.totalSize)}`,
    `filesToDownload=${unknown(pass.filesToDownload)}`,
    `bytesToDownload=${bare(pass.bytesToDownload)}`,
    `filesDownloaded=${pass.filesDownloaded}`,
    `bytesDownloaded=${bare(pass.bytesDownloaded)}`,
    `downloadFailures=${pass.downloadFailures}`,
    ...(['filesVanished', 'filesChanged', 'filesRemoved'] as const).flatMap((name) =>
      pass[name] === 0 ? [] : [`${name}=${pass[name]}`],
    ),
    ...(pass.bytesBasis ? [`basis=${bare(pass.bytesBasis)}`] : []),
    ...(pass.filesLeft > 0 ? [`filesLeft=${pass.filesLeft}`, `bytesLeft=${bare(pass.bytesLeft)}`] : []),
    `matching=${pass.totalSize < 0 ? '?' : formatShare(pass.matchRatio).replace(' ', '')}`,
  ];
  return `iteration ${pass.iteration}: ${pass.state} ${counters.join(' ')}`;
}

/** Without the space, so that `name=value` is one word: `12.3GiB`. */
const bare = (bytes: number): string => formatBytes(bytes).replace(' ', '');

const verdict = (exitCode: number): Tone => (exitCode === 0 ? 'good' : 'bad');
export const out = (text: string, tone: Tone = 'plain'): Line => ({ to: 'stdout', text, tone });
const err = (text: string, tone: Tone = 'plain'): Line => ({ to: 'stderr', text, tone });
