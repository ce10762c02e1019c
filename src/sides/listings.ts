// Lists both sides of a migration, the source and this host, without what either side excludes. Compares no entry.

import type { InaccessibleDirectories } from '../disk/inaccessible-directories.js';
import { LmError, localError } from '../errors.js';
import type { Emit } from '../events.js';
import { MAY_READ } from '../files/dirfd.js';
import { type DirType, type EntryKey, isWithin, parentOf, type RootKey } from '../files/entry.js';
import type { Exclusions, ListedBlock, Listing, ListingHeader, ListingTotals, WalkedBlock } from '../files/listing.js';
import { pathOf, type Roots } from '../files/roots.js';
import { type MountPoint, mountPointsBelow } from '../linux/mount-points.js';
import { type Walker, type WalkJob, walkHere } from '../listing/walk-lines.js';
import { compileFilter, type Filter, type FilterSpec, isKeyExcluded } from '../patterns/filter.js';
import { addNamed, excludedBy, noneNamed } from '../plan/left-out.js';
import { type RootPair, rootPairs } from '../plan/root-pairs.js';
import type { LeftOut, Named } from '../report/parts.js';
import { countListing } from '../source/listing-count.js';
import { withoutExcluded } from './exclude.js';
import { type FoundNode, matchRoots, refuseIncompleteNode, watchForNode } from './guard-sides.js';
import { refuseUnserved, watchForUnserved } from './guard-unserved.js';
import { watchForLinksOut } from './links-out.js';
import { type OwnerMap, watchForOwners } from './owner-map.js';
import { withoutSetuid } from './setuid.js';

interface ListingsOptions {
  roots: Roots;
  /** Roots that do not exist because a dry run creates none. */
  absent: readonly RootKey[];
  /** The exclusions of this host. */
  exclusions: Exclusions;
  only: EntryKey | undefined;
  /** Whether programs keep set-user-id and set-group-id at the destination. */
  keepSetuid: boolean;
  /** Types that the operator leaves out with --without. */
  without: readonly DirType[];
  /** The cassandra.yaml that names the roots of this host; undefined where they are named one by one. */
  yaml: string | undefined;
  /** Whether the walk of this host has the ctimes of its entries. */
  ctimes?: boolean;
  /** Makes the map of the source's owners for the listing; undefined where numbers are taken as they are. */
  owners: (() => OwnerMap) | undefined;
  walker: Walker;
  /** Opens inaccessible directories to their owner; undefined where none has to be. */
  inaccessible: InaccessibleDirectories | undefined;
  /** Called with the lines of the walk, so that they can be kept. */
  keepWalk?: (lines: Uint8Array) => void;
  emit: Emit;
  signal: AbortSignal;
}

/** The mount points below the roots of this host. */
export interface LocalMounts {
  /** The mount points that take part, as they are now. Throws `local`. */
  now(): MountPoint[];
  /** Whether a directory with this key takes part: not excluded, and not beside `only`. */
  takesPart(key: EntryKey): boolean;
}

export interface Listings {
  /** The header of the source's listing. */
  header: ListingHeader;
  source: AsyncIterable<ListedBlock>;
  /** The map of the source's owners; complete once `source` has been read to its end. */
  owners: OwnerMap | undefined;
  /** The walk of this host; entries that either side excludes are left out and counted. */
  local: AsyncIterable<WalkedBlock>;
  mounts: LocalMounts;
  /** The roots that take part, as they were before any was opened to its owner. */
  rootPairs: ReadonlyMap<RootKey, RootPair>;
  /** Whether a pattern of either side excludes this key, or a directory above it. */
  isExcluded(key: EntryKey): boolean;
  /**
   * The totals of the source, once both have been read to their ends. Throws `refused` for names that cannot be copied or fetched, and
   * `local` for what could not be read on this host: it must not be taken for absent.
   */
  finish(): ListingTotals;
  /** What either listing lacks, once both have been read to their ends. */
  leftOut(): Pick<LeftOut, 'excludedAtSource' | 'excludedHere' | 'setuid' | 'hardLinks' | 'linksOut' | 'holes'>;
}

/** Requests the source's listing, with its owners mapped to this host's. */
export type ListSource = (owners: OwnerMap | undefined) => Promise<Listing>;

/** Throws `refused` when the two sides cannot be the two ends of one migration, `source`, `protocol` or `local` when listing fails. */
export async function listSides(list: ListSource, options: ListingsOptions): Promise<Listings> {
  const { roots, exclusions, only, absent, keepSetuid, walker, inaccessible, keepWalk, emit, signal } = options;
  inaccessible?.restoreModes(emit); // directories that an earlier survey opened would be listed with that mode
  const began = performance.now();
  const owners = options.owners?.();
  const source = await list(owners);
  matchRoots(source.header, options);
  const node: FoundNode = { key: undefined };
  const own: FilterSpec = { exclusions, roots: [...roots] };
  const filters = [own, filterOf(source.header)];
  const excludes = compileFilter(...filters);
  refuseAllExcluded(excludes, roots);
  const takingPart = source.header.roots.filter(({ key }) => takesPart({ key, isDirectory: true }, excludes, only));
  const pairs = rootPairs(takingPart, roots, absent);
  inaccessible?.openRoots(MAY_READ);
  const job: WalkJob = {
    roots,
    filters,
    absent,
    ...(only !== undefined && { only }),
    opensInaccessible: inaccessible !== undefined,
    endsAtLostPattern: true,
    ctimes: options.ctimes ?? false,
  };
  const [excludedHere, setuid, linksOut] = [noneNamed(), noneNamed(), noneNamed()];
  const local = walkHere(walker, job, inaccessible && ((sums) => inaccessible.note(sums)), keepWalk);
  const unserved = noneNamed();
  const count = countListing(emit);
  const served = watchForUnserved(
    withoutExcluded(source.blocks, compileFilter(own), (key) => addNamed(excludedHere, key)),
    source.serves,
    (key) => addNamed(unserved, key),
  );
  const linking = watchForLinksOut(served, roots, (key) => addNamed(linksOut, key));
  const taking = owners ? watchForOwners(linking, owners) : linking;
  return {
    header: source.header,
    source: stoppable(
      count.source(watchForNode(keepSetuid ? taking : withoutSetuid(taking, (key) => addNamed(setuid, key)), node)),
      signal,
    ),
    owners,
    local: count.local(local.blocks),
    rootPairs: pairs,
    mounts: {
      now: () => mountPointsBelow(roots).filter((mount) => takesPart(mount, excludes, only)),
      takesPart: (key) => takesPart({ key, isDirectory: true }, excludes, only),
    },
    isExcluded: (key) => excludes(key, 'directory') || isKeyExcluded(excludes, key),
    finish() {
      const totals = source.totals();
      const here = local.totals();
      const elapsedMs = performance.now() - began;
      emitListed(emit, 'source', totals, excludedBy(totals, excludedHere), elapsedMs);
      emitListed(emit, 'destination', here, excludedBy(here), elapsedMs);
      refuseIncompleteNode(node, options);
      refuseUnserved(unserved);
      refuseUnnameable(totals, 'the source');
      refuseUnnameable(here, 'the destination');
      const [unread] = here.firstErrors;
      if (!unread) return totals;
      throw localError('read', pathOf(roots, unread.key), Object.assign(new Error(), { code: unread.message }));
    },
    leftOut: () => ({
      excludedAtSource: excludedBy(source.totals(), excludedHere),
      excludedHere: excludedBy(local.totals()),
      ...linksAndHoles(source.totals()),
      ...(linksOut.entries > 0 && { linksOut }),
      setuid,
    }),
  };
}

function takesPart(
  { key, isDirectory }: Pick<MountPoint, 'key' | 'isDirectory'>,
  excludes: Filter,
  only: EntryKey | undefined,
): boolean {
  if (only !== undefined && !isWithin(key, only) && !isWithin(only, key)) return false;
  if (excludes(key, isDirectory ? 'directory' : 'file')) return false;
  for (let dir = parentOf(key); dir.includes('/'); dir = parentOf(dir)) if (excludes(dir, 'directory')) return false;
  return true;
}

/** Hard links and holes of the source, which become something else here. A Sidecar and older agents do not report them. */
const linksAndHoles = ({ hardLinks, holes }: ListingTotals): Pick<LeftOut, 'hardLinks' | 'holes'> => ({
  ...(hardLinks && { hardLinks }),
  ...(holes && { holes }),
});

/** The source's patterns match the source's paths. */
const filterOf = ({ exclusions, roots }: ListingHeader): FilterSpec => ({ exclusions, roots, side: 'source' });

/** A pattern may match a root. Where all roots are excluded, the patterns were meant for entries below, and an empty copy would look complete. */
function refuseAllExcluded(excludes: Filter, roots: Roots): void {
  if (!roots.every(({ key }) => excludes(key, 'directory'))) return;
  throw new LmError('all-excluded', 'every root is excluded, so nothing is left to copy', {
    hint: 'see dirs_to_exclude on both hosts: a pattern may match a root itself',
  });
}

function refuseUnnameable({ unnameable }: ListingTotals, where: string): void {
  if (unnameable.length === 0) return;
  throw new LmError(
    'unusable-name',
    `${where} holds names that are not UTF-8, which cannot be copied without changing them`,
    {
      details: unnameable,
      hint: 'rename or exclude them',
    },
  );
}

async function* stoppable<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  for await (const item of items) {
    signal.throwIfAborted();
    yield item;
  }
}

function emitListed(
  emit: Emit,
  side: 'source' | 'destination',
  { entries, bytes }: ListingTotals,
  { entries: excluded, first: firstExcluded }: Named,
  elapsedMs: number,
): void {
  emit({ type: 'listed', side, entries, bytes, excluded, firstExcluded, elapsedMs });
}
