// Compares one entry as both sides list it, and returns what differs. Pure; digests compare the contents.

import { type Entry, isSameOwner, type Owner } from '../files/entry.js';
import { sameTime, type TimeUnit } from '../files/times.js';
import { modeText, ownerText } from '../linux/fidelity.js';
import type { Difference } from '../report/verify-report.js';

export interface ComparePolicy {
  /** The finest unit of a time that both sides keep. */
  unit: TimeUnit;
  /** Whether this process could set owners; if not, they are not compared. */
  owners: boolean;
  /** The names of an owner on this host, as `user:group`. */
  named?: ((owner: Owner) => string) | undefined;
}

export type Finding = Omit<Difference, 'key'>;

/**
 * The time of a directory, and time and mode of a link, are not compared. A Sidecar lists neither modes nor owners, and lists a link as its
 * target.
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
    findings.push(finding('owner', ownerWithNames(source.owner, policy), ownerWithNames(local.owner, policy)));
  return findings;
}

/** `998:998 (cassandra:cassandra)` */
function ownerWithNames(owner: Owner | undefined, { named }: ComparePolicy): string {
  const [numbers, names] = [ownerText(owner), owner && named?.(owner)];
  return names === undefined || names === numbers ? numbers : `${numbers} (${names})`;
}

export const finding = (reason: Finding['reason'], source: string, destination: string): Finding => ({
  reason,
  source,
  destination,
});

/** `2026-01-02T03:04:05.000000006Z`: readable, with every digit. The times of a listing end in the year 5138. */
export function dateOf(ns: string): string {
  const time = BigInt(ns);
  const seconds = time >= 0n ? time / 1_000_000_000n : (time - 999_999_999n) / 1_000_000_000n;
  const fraction = `${time - seconds * 1_000_000_000n}`.padStart(9, '0');
  return new Date(Number(seconds) * 1000).toISOString().replace('000Z', `${fraction}Z`);
}
