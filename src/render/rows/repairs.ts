// Formats what --repair has done, for people.

import { formatBytes, formatCount } from '../../amounts.js';
import { printable } from '../../errors.js';
import type { Repair, VerifyReport } from '../../report/verify-report.js';

const BLOCK_BYTES = 2 ** 20;

const WAS = {
  digest: 'was wrong',
  'unreadable-at-destination': 'could not be read',
  unfinished: 'was a part that a repair had left',
} as const satisfies Record<Repair['was'], string>;

/** `repaired  was wrong from byte 1048576 (MiB 1), 8.0 KiB received, verified: data/0/ks/x.db` */
export function repairLine({ key, was, blocksAt, now, bytesReceived, why = '' }: Repair): string {
  const name = printable(key);
  if (now === 'not-repaired') return `not repaired  ${printable(why)}: ${name}`;
  if (now === 'unfinished')
    return `unfinished  ${printable(why)}; it stays a part, which the next repair or copy goes on with: ${name}`;
  const where = blocksAt?.length
    ? ` from byte ${blocksAt[0]} (MiB ${blocksAt.map((at) => at / BLOCK_BYTES).join(', ')})`
    : '';
  return `repaired  ${WAS[was]}${where}, ${formatBytes(bytesReceived)} received, verified: ${name}`;
}

export function repairRows({ repairs }: VerifyReport): [string, string][] {
  if (!repairs) return [];
  const { repaired, notRepaired, wrongAtSource, unfinished, bytesReceived, before } = repairs;
  const found = Object.entries(before).filter(([, count]) => count > 0);
  if (repaired.entries + notRepaired + unfinished === 0) return [['repaired', 'nothing: no contents were wrong here']];
  const parts = [
    `${formatCount(repaired.entries, 'file')}, ${formatBytes(repaired.bytes)}, by ${formatBytes(bytesReceived)} received`,
    ...(notRepaired > 0 ? [`${notRepaired} not repaired`] : []),
    ...(wrongAtSource > 0 ? [`${wrongAtSource} of these because of the source`] : []),
    ...(unfinished > 0 ? [`${unfinished} unfinished`] : []),
  ];
  return [
    ['repaired', parts.join(', ')],
    ['before it', found.map(([name, count]) => `${name}=${count}`).join(' ')],
  ];
}
