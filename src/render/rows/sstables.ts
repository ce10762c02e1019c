// What --sstables found, as lines and rows of a summary.

import { formatCount } from '../../amounts.js';
import { printable } from '../../errors.js';
import type { SSTablesReport } from '../../report/parts.js';
import type { Difference, SSTableReason } from '../../report/verify-report.js';
import { namesOf } from './left-out.js';

const LINES: Record<SSTableReason, string> = {
  'sstable-damaged-at-source': 'damaged  at the source already',
  'sstable-incomplete-at-source': 'incomplete  at the source already',
  'sstable-damaged': 'damaged  here',
  'sstable-incomplete': 'incomplete  here',
};

const isAboutSSTable = (reason: Difference['reason']): reason is SSTableReason => reason in LINES;

/** `damaged  at the source already  CRC-32 of Data.db is 7, Digest.crc32 says 8: data/0/ks/t/nb-1-big-Data.db`; undefined for any other. */
export const sstableLine = ({ key, reason, source, destination }: Difference): string | undefined =>
  isAboutSSTable(reason) ? `${LINES[reason]}  ${printable(source ?? destination ?? '')}: ${printable(key)}` : undefined;

export function sstableRows(found: SSTablesReport | undefined): [string, string][] {
  if (!found) return [];
  const { checked, unchecked, damagedAtSource, incompleteAtSource, damagedHere, incompleteHere } = found;
  const parts = [
    ...(damagedAtSource > 0 ? [`${damagedAtSource} damaged at the source already`] : []),
    ...(incompleteAtSource > 0 ? [`${incompleteAtSource} incomplete there`] : []),
    ...(damagedHere > 0 ? [`${damagedHere} damaged here`] : []),
    ...(incompleteHere > 0 ? [`${incompleteHere} incomplete here`] : []),
  ];
  const whole = parts.length === 0 ? (checked === 0 ? 'nothing to find' : 'all of them whole') : parts.join(', ');
  const without = unchecked === 0 ? '' : `; ${unchecked} without Digest.crc32, of which nothing is known`;
  const there = found.askedSource ? '' : '; the source could not look: what is equal here speaks for it';
  const first = found.firstAtSource;
  return [
    ['sstables', `${formatCount(checked, 'SSTable')} checked, ${whole}${without}${there}`],
    ...(first.length === 0
      ? []
      : [['', namesOf({ entries: damagedAtSource + incompleteAtSource, first })] satisfies [string, string]]),
  ];
}
