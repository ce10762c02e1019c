// The two listings of a migration, the source's and this host's, without what either side excludes. Compares no entry.

import type { ClosedDirectories } from '../disk/closed-directories.js';
import { LmError, localError } from '../errors.js';
import type { Emit } from '../events.js';
import { MAY_LOOK } from '../files/dirfd.js';
import {
  type DirType,
  type EntryKey,
  type Exclusions,
  isWithin,
  type ListedBlock,
  type Listing,
  type ListingEnd,
  type ListingHeader,
  parentOf,
  type RootKey,
  type WalkedBlock,
} from '../files/entry.js';
import { pathOf, type Roots } from '../files/roots.js';
import { type MountPoint, mountPointsBelow } from '../linux/mount-points.js';
import { type Walker, type WalkJob, walkHere } from '../listing/walk-lines.js';
import { compileFilter, type Filter, type FilterSpec, isKeyExcluded } from '../patterns/filter.js';
import { excludedBy, name, nobody } from '../plan/left-out.js';
import { type RootPair, rootPairs } from '../plan/root-pairs.js';
import type { LeftOut, Named } from '../report.js';
import { countListing } from '../source/listing-count.js';
import { withoutExcluded } from './exclude.js';
import { matchRoots, type NodeSeen, refuseHalfANode, watchForNode } from './guard-sides.js';
import { refuseUnserved, watchForUnserved } from './guard-unserved.js';
import { type OwnerMap, watchForOwners } from './owner-map.js';
import { withoutSetuid } from './setuid.js';

export interface BothSidesOptions {
  roots: Roots;
  /** Roots a dry run has not created. */
  absent: readonly RootKey[];
  /** This side's. */
  exclusions: Exclusions;
  only: EntryKey | undefined;
  /** Whether set-user-id and set-group-id of programs are the destination's to have. */
  keepSetuid: boolean;
  /** Types that the operator leaves out knowingly. */
  without: readonly DirType[];
  /** The cassandra.yaml that names the roots here; undefined where they are named one by one. */
  yaml: string | undefined;
  /** Makes the map of the source's owners for the listing; undefined where numbers are taken as they are. */
  owners: (() => OwnerMap) | undefined;
  walker: Walker;
  /** Hears of those that had to be opened; undefined where none has to be. */
  closed: ClosedDirectories | undefined;
  /** Is given the lines of the walk, for whoever wants to keep them. */
  keepWalk?: (lines: Uint8Array) => void;
  emit: Emit;
  signal: AbortSignal;
}

/** What is mounted below the roots here. */
export interface LocalMounts {
  /** Those that take part, as they are now. Throws `local`. */
  now(): MountPoint[];
  /** Whether a directory with this key does: neither excluded nor beside the part asked for. */
  takesPart(key: EntryKey): boolean;
}

export interface BothSides {
  /** The source's. */
  header: ListingHeader;
  source: AsyncIterable<ListedBlock>;
  /** Whose owners its entries have; complete once it has been read to its end. */
  owners: OwnerMap | undefined;
  /** As the walk finds it; what either side excludes is left out and counted. */
  local: AsyncIterable<WalkedBlock>;
  mounts: LocalMounts;
  /** Those that take part, as they were before any of them was opened to its owner. */
  rootPairs: ReadonlyMap<RootKey, RootPair>;
  /** Whether a pattern of either side keeps an entry with this key out, or a directory above it. */
  isExcluded(key: EntryKey): boolean;
  /**
   * The source's proof, once both have been read to their ends. Throws `refused` for names that cannot be copied, or fetched, and `local`
   * for what could not be read here: what is not known here must not be taken for absent.
   */
  prove(): ListingEnd;
  /** What either listing is without; once both have been read to their ends. */
  leftOut(): Pick<LeftOut, 'excludedAtSource' | 'excludedHere' | 'setuid' | 'hardLinks' | 'holes'>;
}

/** Asks the source for its listing, with this host's owners by the map. */
export type ListSource = (owners: OwnerMap | undefined) => Promise<Listing>;

/** Throws `refused` when the two sides cannot be the two ends of one migration, `source`, `protocol` or `local` when listing fails. */
export async function listBothSides(list: ListSource, options: BothSidesOptions): Promise<BothSides> {
  const { roots, exclusions, only, absent, keepSetuid, walker, closed, keepWalk, emit, signal } = options;
  closed?.closeAgain(emit); // what an earlier look has opened would seem to have that mode
  const began = performance.now();
  const owners = options.owners?.();
  const source = await list(owners);
  matchRoots(source.header, options);
  const node: NodeSeen = { key: undefined };
  const own: FilterSpec = { exclusions, roots: [...roots] };
  const filters = [own, filterOf(source.header)];
  const excludes = compileFilter(...filters);
  refuseAllExcluded(excludes, roots);
  const takingPart = source.header.roots.filter(({ key }) => takesPart({ key, isDirectory: true }, excludes, only));
  const pairs = rootPairs(takingPart, roots, absent);
  closed?.openRoots(MAY_LOOK);
  const job: WalkJob = {
    roots,
    filters,
    absent,
    ...(only !== undefined && { only }),
    opensClosed: closed !== undefined,
    endsAtLostPattern: true,
  };
  const [ours, setuid] = [nobody(), nobody()];
  const local = walkHere(walker, job, closed && ((sums) => closed.note(sums)), keepWalk);
  const unserved = nobody();
  const count = countListing(emit);
  const served = watchForUnserved(
    withoutExcluded(source.blocks, compileFilter(own), (key) => name(ours, key)),
    source.serves,
    (key) => name(unserved, key),
  );
  const taking = owners ? watchForOwners(served, owners) : served;
  return {
    header: source.header,
    source: stoppable(
      count.source(watchForNode(keepSetuid ? taking : withoutSetuid(taking, (key) => name(setuid, key)), node)),
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
    prove() {
      const proof = source.end();
      const here = local.end();
      const elapsedMs = performance.now() - began;
      tellListed(emit, 'source', proof, excludedBy(proof, ours), elapsedMs);
      tellListed(emit, 'destination', here, excludedBy(here), elapsedMs);
      refuseHalfANode(node, options);
      refuseUnserved(unserved);
      refuseUnnameable(proof, 'the source');
      refuseUnnameable(here, 'the destination');
      const [unread] = here.firstErrors;
      if (!unread) return proof;
      throw localError('read', pathOf(roots, unread.key), Object.assign(new Error(), { code: unread.message }));
    },
    leftOut: () => ({
      excludedAtSource: excludedBy(source.end(), ours),
      excludedHere: excludedBy(local.end()),
      ...notCarriedOf(source.end()),
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

/** What is met at the source and becomes something else here. A Sidecar and older agents do not tell. */
const notCarriedOf = ({ hardLinks, holes }: ListingEnd): Pick<LeftOut, 'hardLinks' | 'holes'> => ({
  ...(hardLinks && { hardLinks }),
  ...(holes && { holes }),
});

/** The source's patterns speak of the source's directories. */
const filterOf = ({ exclusions, roots }: ListingHeader): FilterSpec => ({ exclusions, roots, whose: 'source' });

/** A pattern may mean a root; one that means every root was meant for what lies below, and nothing would pass for all there is. */
function refuseAllExcluded(excludes: Filter, roots: Roots): void {
  if (!roots.every(({ key }) => excludes(key, 'directory'))) return;
  throw new LmError('refused', 'every root is excluded, so nothing is left to copy', {
    hint: 'see dirs_to_exclude on both hosts: a pattern may match a root itself',
  });
}

function refuseUnnameable({ unnameable }: ListingEnd, where: string): void {
  if (unnameable.length === 0) return;
  throw new LmError(
    'refused',
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

function tellListed(
  emit: Emit,
  side: 'source' | 'destination',
  { entries, bytes }: ListingEnd,
  { entries: excluded, first: firstExcluded }: Named,
  elapsedMs: number,
): void {
  emit({ type: 'listed', side, entries, bytes, excluded, firstExcluded, elapsedMs });
}
