// Compares the identities of source, destination and mounts with those recorded before, so that another machine, another disk or a disk
// that is not mounted is noticed. Pure; the guards decide what follows from a difference.

import { printable } from '../../errors.js';
import { describeMarks, isSameDirectory, type ReportedMarks } from '../../files/directory-marks.js';
import { type EntryKey, isWithin, type RootKey } from '../../files/entry.js';
import type { ListingHeader, ListingTotals } from '../../files/listing.js';
import type { KnownMount, MountPoint } from '../../linux/mount-points.js';

/** The identity that a source reports. An lm agent is known by its id and machine; a Sidecar reports neither, so it is known by its URL. */
export interface SourceIdentity {
  url: string;
  /** '' for a Sidecar. */
  agentId: string;
  machine: string;
  roots: (ReportedMarks & { key: RootKey })[];
  /** Device of every mount point, below the keys in `within`: what listings have covered so far. */
  devices: Record<EntryKey, string>;
  /** Inode and birth time of mount points; absent for an older agent. */
  mounts?: ListingTotals['mounts'];
  within: EntryKey[];
}

/** The device number, major and minor in one, is for people: a boot may change it. Records of lm 0.1.0 keep no more than the inode beside it. */
export interface DestinationRoot extends ReportedMarks {
  key: RootKey;
  path: string;
  dev: string;
}

/** `end` is missing while the listing has not been read to its end, and always for a Sidecar; then no device is compared. */
export function sourceIdentity(
  url: string,
  header: Pick<ListingHeader, 'agentId' | 'machine' | 'roots'>,
  end?: Pick<ListingTotals, 'devices' | 'mounts'>,
  only?: EntryKey,
): SourceIdentity {
  const roots = header.roots.map(({ key, ino, birthNs, top }) => ({
    ...{ key, ino },
    ...(birthNs !== undefined && { birthNs }),
    ...(top !== undefined && { top }),
  }));
  const within = only === undefined ? roots.map((root) => root.key) : [only];
  const { agentId, machine } = header;
  const identity = { url, agentId, machine, roots, devices: end?.devices ?? {}, within: end ? within : [] };
  return end?.mounts ? { ...identity, mounts: end.mounts } : identity;
}

/** The differences between the source that was `known` and the one `seen` now, a line each; none when it is the same. */
export function compareSources(known: SourceIdentity, seen: SourceIdentity): string[] {
  if (!known.agentId || !seen.agentId) return compareSidecars(known, seen);
  return [
    ...(known.agentId === seen.agentId ? [] : [`another agent: ${seen.agentId}, was ${known.agentId}`]),
    ...(known.machine === seen.machine ? [] : [`another machine: ${seen.machine}, was ${known.machine}`]),
    ...compareRoots(known.roots, seen.roots),
    ...compareMaps(mountsIn(known, seen), mountsIn(seen, known), 'mount point', isSameSourceMount, describeSourceMount),
  ].map(printable);
}

/** The identity to record once `seen` was accepted: `seen` for what it covered, `known` for the rest. */
export function mergeSources(known: SourceIdentity | undefined, seen: SourceIdentity): SourceIdentity {
  if (!known || known.agentId !== seen.agentId) return seen;
  const kept = Object.entries(known.devices).filter(([key]) => !covers(seen, key));
  const within = [...seen.within, ...known.within.filter((key) => !covers(seen, key))];
  const mounts = Object.entries(known.mounts ?? {}).filter(([key]) => !covers(seen, key));
  return {
    ...seen,
    devices: { ...Object.fromEntries(kept), ...seen.devices },
    ...((known.mounts || seen.mounts) && { mounts: { ...Object.fromEntries(mounts), ...seen.mounts } }),
    within,
  };
}

/** As `compareSources`, for the directories of this host. */
export function compareDestinations(known: readonly DestinationRoot[], seen: readonly DestinationRoot[]): string[] {
  return compareRoots(
    known,
    seen,
    ({ path, dev, ...marks }) => `${describeMarks(marks)} at ${path}, device ${dev}`,
  ).map(printable);
}

/** As `compareSources`, for what is mounted below the directories of this host. */
export function compareMounts(known: readonly KnownMount[], seen: readonly MountPoint[]): string[] {
  const differences: string[] = [];
  for (const was of known) {
    const now = seen.find(({ key }) => key === was.key);
    if (!now) differences.push(`${was.key} is no longer a mount point: it was ${describeMount(was)}`);
    else if (!isSameMount(was, now))
      differences.push(`${was.key} is another mount: ${describeNow(now)}, it was ${describeMount(was)}`);
  }
  for (const now of seen)
    if (!known.some(({ key }) => key === now.key))
      differences.push(`${now.key} is a mount point that was not there before: ${describeNow(now)}`);
  return differences.map(printable);
}

/** A birth time of 0 is not compared: another kernel may report one. Neither is the device number, which may change with every boot. */
function isSameMount(a: KnownMount, b: KnownMount): boolean {
  const marks = ({ root, fsType, source, ino }: KnownMount): string => JSON.stringify([root, fsType, source, ino]);
  return marks(a) === marks(b) && (a.birthNs === b.birthNs || a.birthNs === '0' || b.birthNs === '0');
}

function describeMount({ root, fsType, source, ino, birthNs }: KnownMount): string {
  const made = birthNs === '0' ? '' : `, made ${new Date(Number(BigInt(birthNs) / 1_000_000n)).toISOString()}`;
  return `${root} of ${fsType} ${source}, inode ${ino}${made}`;
}

const describeNow = (mount: MountPoint): string => `${describeMount(mount)}, device ${mount.device}`;

function compareSidecars(known: SourceIdentity, seen: SourceIdentity): string[] {
  const text = ({ agentId, url }: SourceIdentity) => `${agentId ? 'an lm agent' : 'a Sidecar'} at ${url}`;
  return text(known) === text(seen) ? [] : [printable(`another source: ${text(seen)}, was ${text(known)}`)];
}

type KnownRoot = ReportedMarks & { key: RootKey; path?: string };

function compareRoots<R extends KnownRoot>(
  known: readonly R[],
  seen: readonly R[],
  describe: (root: R) => string = describeMarks,
): string[] {
  const byKey = (roots: readonly R[]): Map<string, R> => new Map(roots.map((root) => [root.key, root]));
  const isSame = (was: R, now: R): boolean => was.path === now.path && isSameDirectory(was, now);
  return compareMaps(byKey(known), byKey(seen), 'directory', isSame, describe);
}

interface SourceMount {
  device: string;
  marks: ReportedMarks | undefined;
}

/** The mount points of one that the other covers too. A root is among them only when its birth time is unknown, so its inode alone identifies it. */
const mountsIn = (one: SourceIdentity, other: SourceIdentity): Map<string, SourceMount> =>
  new Map(
    Object.entries(one.devices)
      .filter(
        ([key]) => covers(one, key) && covers(other, key) && !(hasBirthTime(one, key) && hasBirthTime(other, key)),
      )
      .map(([key, device]) => [key, { device, marks: one.mounts?.[key] }]),
  );

const hasBirthTime = ({ roots }: SourceIdentity, key: string): boolean =>
  roots.some((root) => root.key === key && root.birthNs !== undefined);

/** When one side reports no more than a device number, that is all there is to compare. */
const isSameSourceMount = (was: SourceMount, now: SourceMount): boolean =>
  was.marks && now.marks ? isSameDirectory(was.marks, now.marks) : was.device === now.device;

const describeSourceMount = ({ device, marks }: SourceMount): string =>
  `${marks ? `${describeMarks(marks)}, ` : ''}device ${device}`;

const covers = ({ within }: SourceIdentity, key: EntryKey): boolean => within.some((prefix) => isWithin(key, prefix));

function compareMaps<T>(
  known: Map<string, T>,
  seen: Map<string, T>,
  what: string,
  isSame: (was: T, now: T) => boolean,
  describe: (of: T) => string,
): string[] {
  const differences: string[] = [];
  for (const [key, was] of known) {
    const now = seen.get(key);
    if (now === undefined) differences.push(`${key} is no longer a ${what}`);
    else if (!isSame(was, now)) differences.push(`${key} is another ${what}: ${describe(now)}, was ${describe(was)}`);
  }
  for (const key of seen.keys()) if (!known.has(key)) differences.push(`${key} is a ${what} that was not there before`);
  return differences;
}
