// One entry as both sides list it → what differs in it. Pure; what the bytes are is for the digests to say.

import { type Entry, isSameOwner, type Owner } from '../files/entry.js';
import { sameTime, type TimeUnit } from '../files/times.js';
import { modeText, ownerText } from '../linux/fidelity.js';
import type { Difference } from '../report.js';

export interface ComparePolicy {
  /** What both sides can hold of a time. */
  unit: TimeUnit;
  /** Whether this process could set owners; if not, they are nobody's fault. */
  owners: boolean;
  /** What an owner is called here, as `user:group`. */
  named?: ((owner: Owner) => string) | undefined;
}

export type Finding = Omit<Difference, 'key'>;

/**
 * What a directory's time is, or a link's time or mode, means nothing. A Sidecar tells neither mode nor owner, and lists a
 * link as what it leads to.
 */
export function compareEntries(source: Entry, local: Entry, policy: ComparePolicy): Finding[] {
  const { kind } = source;
  if (local.kind !== kind) return [finding('type', kind, local.kind)];
  const findings: Finding[] = [];
  if (kind === 'link' && source.target !== local.target)
    findings.push(finding('link-target', source.target!, local.target!));
  if (kind === 'file' && source.size !== local.size) findings.push(finding('size', source.size, local.size));
  if (kind === 'file' && !sameTime(source.mtimeNs, local.mtimeNs, policy.unit))
    findings.push(finding('mtime', dateOf(source.mtimeNs), dateOf(local.mtimeNs)));
  if (!source.owner) return findings;
  const [a, b] = [modeText(source.mode), modeText(local.mode)];
  if (kind !== 'link' && a !== b) findings.push(finding('mode', a, b));
  if (policy.owners && !isSameOwner(source.owner, local.owner))
    findings.push(finding('owner', called(source.owner, policy), called(local.owner, policy)));
  return findings;
}

/** `998:998 (cassandra:cassandra)` */
function called(owner: Owner | undefined, { named }: ComparePolicy): string {
  const [numbers, names] = [ownerText(owner), owner && named?.(owner)];
  return names === undefined || names === numbers ? numbers : `${numbers} (${names})`;
}

const finding = (reason: Finding['reason'], source: string, destination: string): Finding => ({
  reason,
  source,
  destination,
});

/** `2026-01-02T03:04:05.000000006Z`: what people read, and no digit less. A listing's times end in the year 5138. */
function dateOf(ns: string): string {
  const time = BigInt(ns);
  const seconds = time >= 0n ? time / 1_000_000_000n : (time - 999_999_999n) / 1_000_000_000n;
  const fraction = `${time - seconds * 1_000_000_000n}`.padStart(9, '0');
  return new Date(Number(seconds) * 1000).toISOString().replace('000Z', `${fraction}Z`);
}
