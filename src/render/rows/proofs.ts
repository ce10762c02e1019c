// Formats what a verification took from earlier reads, and what it read itself, for people.

import { formatBytes, formatCount, formatEntries, formatSpan } from '../../amounts.js';
import type { Share } from '../../report/parts.js';
import type { LostProofs, ProofsReport, VerifyReport } from '../../report/verify-report.js';
import { namesOf } from './left-out.js';

type Row = [string, string];

export const notYetCopiedRow = ({ notYetCopied: later }: VerifyReport): Row[] =>
  later ? [['not yet copied', `${formatEntries(later.entries)}, ${formatBytes(later.bytes)}`]] : [];

/** Without `nowMs`, for a text that is read later, it does not say how old the oldest proof is. */
export function proofsRows({ by, proofs }: VerifyReport, nowMs?: number): Row[] {
  if (!proofs) return [];
  const { earlier, oldestMs, readHere, readAtSource, lost, unlinked, notInLedger } = proofs;
  const oldest =
    oldestMs === undefined
      ? ''
      : `; the oldest proof is of ${nowMs === undefined ? timeText(oldestMs) : ageText(oldestMs, nowMs)}`;
  const here = `${filesText(readHere)} here${fromDisk(readHere)}`;
  return [
    ...(by === 'offline'
      ? [['read now', here + oldest] satisfies Row]
      : [
          ['proved before', filesText(earlier) + oldest] satisfies Row,
          ['read now', `${here}, ${filesText(readAtSource)} at the source`] satisfies Row,
        ]),
    ...(unlinked ? [['snapshot cleared', unlinkedText(unlinked)] satisfies Row] : []),
    ...(lost.entries > 0 ? [['proof lost', lostText(lost)] satisfies Row] : []),
    ...(notInLedger && notInLedger.entries > 0 ? [['not in the ledger', namesOf(notInLedger)] satisfies Row] : []),
  ];
}

/** `5 files, 1.2 MiB: only the inode has changed of 3 at the source, as by a snapshot, ln, rm or chmod` */
export function lostText({ byCtime: { atSource, here }, ...lost }: LostProofs): string {
  const where = [...(atSource > 0 ? [`${atSource} at the source`] : []), ...(here > 0 ? [`${here} here`] : [])];
  if (where.length === 0) return filesText(lost);
  return `${filesText(lost)}: only the inode has changed of ${where.join(' and ')}, as by a snapshot, ln, rm or chmod`;
}

const unlinkedText = (share: Share): string =>
  `${filesText(share)} have lost a hard link at the source since they were read, and nothing else: not read again`;

/** `2026-01-02T03:04:05Z, 3h05m ago` */
export const ageText = (atMs: number, nowMs: number): string =>
  `${timeText(atMs)}, ${formatSpan(Math.max(0, nowMs - atMs))} ago`;

const timeText = (atMs: number): string => new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');

const filesText = ({ entries, bytes }: Share): string => `${formatCount(entries, 'file')}, ${formatBytes(bytes)}`;

/** What is read through the page cache may never have been read from the disk. */
function fromDisk({ entries, direct }: ProofsReport['readHere']): string {
  if (entries === 0) return '';
  if (direct === entries) return ' from the disk itself';
  return direct === 0
    ? ' through the page cache'
    : ` (${direct} of them from the disk itself, the others through the page cache)`;
}
