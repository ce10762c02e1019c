// Who the other side is, and which directories are meant, so that another machine, another disk or a disk that is not mounted
// is never mistaken for the one seen before. Pure; what follows from a difference is decided by the guards.

import { printable } from '../errors.js';
import { type EntryKey, isWithin, type ListingEnd, type ListingHeader, type RootKey } from '../files/entry.js';

/** A source as far as it told. An lm agent is known by its id and machine; a Sidecar tells neither: its URL must do. */
export interface SourceIdentity {
  url: string;
  /** '' for a Sidecar. */
  agentId: string;
  machine: string;
  roots: { key: RootKey; ino: string }[];
  /** Device of every mount point, below the keys in `within`: what listings have covered so far. */
  devices: Record<EntryKey, string>;
  within: EntryKey[];
}

export interface DestinationRoot {
  key: RootKey;
  path: string;
  dev: string;
  ino: string;
}

/** `end` is missing while the listing has not been read to its end, and always for a Sidecar; then no device is compared. */
export function sourceIdentity(
  url: string,
  header: Pick<ListingHeader, 'agentId' | 'machine' | 'roots'>,
  end?: Pick<ListingEnd, 'devices'>,
  only?: EntryKey,
): SourceIdentity {
  const roots = header.roots.map(({ key, ino }) => ({ key, ino }));
  const within = only === undefined ? roots.map((root) => root.key) : [only];
  const { agentId, machine } = header;
  return { url, agentId, machine, roots, devices: end?.devices ?? {}, within: end ? within : [] };
}

/** What speaks against `seen` being the source that was `known`, a line each; none when it is. */
export function compareSources(known: SourceIdentity, seen: SourceIdentity): string[] {
  if (!known.agentId || !seen.agentId) return compareSidecars(known, seen);
  return [
    ...(known.agentId === seen.agentId ? [] : [`another agent: ${seen.agentId}, was ${known.agentId}`]),
    ...(known.machine === seen.machine ? [] : [`another machine: ${seen.machine}, was ${known.machine}`]),
    ...compareMaps(inodesOf(known), inodesOf(seen), 'directory', 'inode'),
    ...compareMaps(devicesIn(known, seen), devicesIn(seen, known), 'mount point', 'device'),
  ].map(printable);
}

/** What is known after `seen` was accepted: what it covered is as it says, the rest as before. */
export function mergeSources(known: SourceIdentity | undefined, seen: SourceIdentity): SourceIdentity {
  if (!known || known.agentId !== seen.agentId) return seen;
  const kept = Object.entries(known.devices).filter(([key]) => !covers(seen, key));
  const within = [...seen.within, ...known.within.filter((key) => !covers(seen, key))];
  return { ...seen, devices: { ...Object.fromEntries(kept), ...seen.devices }, within };
}

/** As `compareSources`, for the directories of this host. */
export function compareDestinations(known: readonly DestinationRoot[], seen: readonly DestinationRoot[]): string[] {
  const text = (root: DestinationRoot): [string, string] => [root.key, `${root.dev}:${root.ino} at ${root.path}`];
  return compareMaps(new Map(known.map(text)), new Map(seen.map(text)), 'directory', 'device and inode').map(printable);
}

function compareSidecars(known: SourceIdentity, seen: SourceIdentity): string[] {
  const text = ({ agentId, url }: SourceIdentity) => `${agentId ? 'an lm agent' : 'a Sidecar'} at ${url}`;
  return text(known) === text(seen) ? [] : [printable(`another source: ${text(seen)}, was ${text(known)}`)];
}

const inodesOf = ({ roots }: SourceIdentity): Map<string, string> => new Map(roots.map(({ key, ino }) => [key, ino]));

/** Of the devices of one, those the other has looked at as well. */
const devicesIn = (one: SourceIdentity, other: SourceIdentity): Map<string, string> =>
  new Map(Object.entries(one.devices).filter(([key]) => covers(one, key) && covers(other, key)));

const covers = ({ within }: SourceIdentity, key: EntryKey): boolean => within.some((prefix) => isWithin(key, prefix));

function compareMaps(known: Map<string, string>, seen: Map<string, string>, what: string, mark: string): string[] {
  const differences: string[] = [];
  for (const [key, value] of known) {
    const now = seen.get(key);
    if (now === undefined) differences.push(`${key} is no longer a ${what}`);
    else if (now !== value) differences.push(`${key} is another ${what}: ${mark} ${now}, was ${value}`);
  }
  for (const key of seen.keys()) if (!known.has(key)) differences.push(`${key} is a ${what} that was not there before`);
  return differences;
}
