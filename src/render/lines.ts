// Each event as the lines people read. Holds no state and draws nothing; progress and the summary have files of their own.

import { printable } from '../errors.js';
import type { Event } from '../events.js';
import type { Difference, Iteration } from '../report.js';
import { ownersTexts } from './owners.js';
import { formatBytes, formatEntries, formatLeft, formatShare, formatSpan } from './quantities.js';
import { copySummary, rootLines, verifySummary } from './summary.js';

export type Tone = 'plain' | 'faint' | 'good' | 'warn' | 'bad';

export interface Line {
  /** Results and progress go to stdout, errors, warnings and hints to stderr. */
  to: 'stdout' | 'stderr';
  text: string;
  tone: Tone;
}

export interface Volume {
  /** Only results and problems. */
  quiet: boolean;
  /** One line a file as well. */
  verbose: boolean;
}

/** Results pass whatever the volume; the rest is told, or not, as the operator asked. */
export function linesOf(event: Event, volume: Volume): Line[] {
  switch (event.type) {
    case 'phase':
      return volume.verbose || (PHASES_THAT_TAKE_TIME.has(event.state) && !volume.quiet) ? told(event) : [];
    case 'run-started':
    case 'settings':
    case 'owners':
    case 'listed':
    case 'removed':
    case 'iteration-ended':
      return volume.quiet ? [] : told(event);
    case 'item':
      return volume.verbose || (event.dryRun && !volume.quiet) ? [out(itemLine(event))] : [];
    case 'planned':
      return volume.quiet && !event.dryRun
        ? []
        : [planLine(event), ...rootLines(event).map((line) => `  matching ${line}`)].map((line) => out(line));
    case 'waiting':
      return volume.quiet ? [] : [out(`waiting for ${event.who} to go, ${formatSpan(event.leftMs)} at most`, 'faint')];
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
      return [out(differenceLine(event.difference), 'bad')];
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

/** The others pass in a moment; what they came to is told by the plan and by what was removed. */
const PHASES_THAT_TAKE_TIME: ReadonlySet<string> = new Set(['LISTING', 'DOWNLOADING', 'VERIFYING']);

type Told = Extract<
  Event,
  { type: 'run-started' | 'settings' | 'owners' | 'phase' | 'listed' | 'removed' | 'iteration-ended' }
>;

function told(event: Told): Line[] {
  switch (event.type) {
    case 'run-started':
      return [
        out(`${event.command} from ${event.source} (run ${event.run})`),
        ...event.roots.map((root) => out(`  ${root.key} = ${printable(root.path)}`)),
      ];
    case 'settings':
      return [out(event.text)];
    case 'owners':
      return ownersTexts(event).map((text) => out(`owners: ${text}`));
    case 'phase':
      return [out(event.state === 'VERIFYING' ? 'verifying' : `iteration ${event.iteration}: ${event.state}`, 'faint')];
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

/** Details and hint go on lines of their own, as those of an error do. */
function warning({ text, details = [], hint }: Extract<Event, { type: 'warning' }>): Line[] {
  return [
    err(`warning: ${text}`, 'warn'),
    ...details.map((line) => err(`  ${line}`)),
    ...(hint === undefined ? [] : [err(`hint: ${hint}`)]),
  ];
}

/** `copy    new           12.3 MiB  data/0/ks/x.db`: fixed columns, and the name last, for it may hold spaces. */
function itemLine({ action, reason, bytes, key, dryRun }: Extract<Event, { type: 'item' }>): string {
  const columns = `${action.padEnd(6)}  ${reason.padEnd(11)}  ${formatBytes(bytes).padStart(10)}  ${printable(key)}`;
  return dryRun ? `would ${columns}` : columns;
}

/** One form for dry and real runs, so that the two can be compared. */
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
  const most = leftMs === undefined ? '' : `, for ${formatSpan(leftMs)} at most`;
  return `retry ${attempt} of ${printable(what)} in ${formatSpan(waitMs)}${most}: ${reason}`;
}

/** Vanished and changed files are what a live source does: counted in the pass, named only when asked. A destination is to stand still. */
function fileProblem({ key, result, message, side }: Extract<Event, { type: 'file-problem' }>, volume: Volume): Line[] {
  const text = `${result}  ${printable(key)}${message === '' ? '' : `: ${message}`}`;
  if (result === 'failed') return [err(text, 'bad')];
  if (side === 'destination') return [err(text, 'warn')];
  return volume.verbose ? [out(text, 'faint')] : [];
}

/** `differs  digest  source 946b5bf9, destination fb0077f9: data/0/ks/x.db` */
export function differenceLine({ key, reason, source, destination }: Difference): string {
  const values = [
    source === undefined ? undefined : `source ${printable(source)}`,
    destination === undefined ? undefined : `destination ${printable(destination)}`,
  ].filter((value) => value !== undefined);
  return `differs  ${reason}  ${values.length === 0 ? '' : `${values.join(', ')}: `}${printable(key)}`;
}

/** The Sidecar's state name and counters as `name=value`, sizes in human form; the exact numbers are in `--json`. */
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
    ...(pass.filesLeft > 0 ? [`filesLeft=${pass.filesLeft}`, `bytesLeft=${bare(pass.bytesLeft)}`] : []),
    `matching=${formatShare(pass.matchRatio).replace(' ', '')}`,
  ];
  return `iteration ${pass.iteration}: ${pass.state} ${counters.join(' ')}`;
}

/** Without its space, so that `name=value` stays one word: `12.3GiB`. */
const bare = (bytes: number): string => formatBytes(bytes).replace(' ', '');

const verdict = (exitCode: number): Tone => (exitCode === 0 ? 'good' : 'bad');
export const out = (text: string, tone: Tone = 'plain'): Line => ({ to: 'stdout', text, tone });
const err = (text: string, tone: Tone = 'plain'): Line => ({ to: 'stderr', text, tone });
