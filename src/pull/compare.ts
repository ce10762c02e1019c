// One entry as both sides list it → what differs in it. Pure; what the bytes are is for the digests to say.

import { kindOf, type Row } from '../files/entry.js';
import { sameTime, type TimeUnit } from '../files/times.js';
import type { Difference } from '../report.js';

export interface ComparePolicy {
  /** What both sides can hold of a time. */
  unit: TimeUnit;
  /** Whether this process could set owners; if not, they are nobody's fault. */
  owners: boolean;
}

export type Finding = Omit<Difference, 'key'>;

/**
 * What a directory's time is, or a link's time or mode, means nothing. A Sidecar tells neither mode nor owner, and lists a
 * link as what it leads to.
 */
export function compareRows(source: Row, local: Row, policy: ComparePolicy): Finding[] {
  const kind = kindOf(source[3]);
  if (kindOf(local[3]) !== kind) return [finding('type', kind, kindOf(local[3]))];
  const findings: Finding[] = [];
  if (kind === 'link' && source[7] !== local[7]) findings.push(finding('link-target', source[7]!, local[7]!));
  if (kind === 'file' && source[1] !== local[1]) findings.push(finding('size', source[1], local[1]));
  if (kind === 'file' && !sameTime(source[2], local[2], policy.unit))
    findings.push(finding('mtime', dateOf(source[2]), dateOf(local[2])));
  if (source[5] === null) return findings;
  const [a, b] = [permissions(source), permissions(local)];
  if (kind !== 'link' && a !== b) findings.push(finding('mode', a, b));
  const [ours, theirs] = [owner(local), owner(source)];
  if (policy.owners && ours !== theirs) findings.push(finding('owner', theirs, ours));
  return findings;
}

const finding = (reason: Finding['reason'], source: string, destination: string): Finding => ({
  reason,
  source,
  destination,
});

const permissions = ([, , , mode]: Row): string => (mode & 0o7777).toString(8).padStart(4, '0');
const owner = ([, , , , , uid, gid]: Row): string => `${uid}:${gid}`;

/** `2026-01-02T03:04:05.000000006Z`: what people read, and no digit less. A listing's times end in the year 5138. */
function dateOf(ns: string): string {
  const time = BigInt(ns);
  const seconds = time >= 0n ? time / 1_000_000_000n : (time - 999_999_999n) / 1_000_000_000n;
  const fraction = `${time - seconds * 1_000_000_000n}`.padStart(9, '0');
  return new Date(Number(seconds) * 1000).toISOString().replace('000Z', `${fraction}Z`);
}
