// The two listings of a migration, the source's and this host's, without what either side excludes. Compares no entry.

import { LmError, localError, printable } from '../errors.js';
import type { Emit } from '../events.js';
import type {
  EntryKey,
  Exclusions,
  ListedBlock,
  Listing,
  ListingEnd,
  ListingHeader,
  RootKey,
  WalkedBlock,
} from '../files/entry.js';
import { compileFilter, type Filter, type FilterSpec } from '../files/filter.js';
import { pathOf, type Roots } from '../files/roots.js';
import { type Walker, type WalkJob, walkHere } from '../wire/walk-lines.js';
import type { ClosedDirectories } from './closed-directories.js';
import { withoutExcluded } from './exclude.js';

export interface BothSidesOptions {
  roots: Roots;
  /** Roots a dry run has not created. */
  absent: readonly RootKey[];
  /** This side's. */
  exclusions: Exclusions;
  only: EntryKey | undefined;
  walker: Walker;
  /** Hears of those that had to be opened; undefined where none has to be. */
  closed: ClosedDirectories | undefined;
  emit: Emit;
  signal: AbortSignal;
}

export interface BothSides {
  /** The source's. */
  header: ListingHeader;
  source: AsyncIterable<ListedBlock>;
  /** As the walk finds it; what either side excludes is left out and counted. */
  local: AsyncIterable<WalkedBlock>;
  /**
   * The source's proof, once both have been read to their ends. Throws `refused` for names that cannot be copied and `local`
   * for what could not be read here: what is not known here must not be taken for absent.
   */
  prove(): ListingEnd;
}

/** Throws `refused` when the two sides cannot be the two ends of one migration, `source`, `protocol` or `local` when listing fails. */
export async function listBothSides(list: () => Promise<Listing>, options: BothSidesOptions): Promise<BothSides> {
  const { roots, exclusions, only, absent, walker, closed, emit, signal } = options;
  closed?.closeAgain(emit); // what an earlier look has opened would seem to have that mode
  const began = performance.now();
  const source = await list();
  matchRoots(source.header, roots, only);
  const own: FilterSpec = { exclusions, roots: [...roots] };
  const filters = [own, filterOf(source.header)];
  refuseAllExcluded(compileFilter(...filters), roots);
  const job: WalkJob = {
    roots,
    filters,
    absent,
    ...(only !== undefined && { only }),
    opensClosed: closed !== undefined,
  };
  const local = walkHere(walker, job, closed && ((sums) => closed.note(sums)));
  return {
    header: source.header,
    source: stoppable(withoutExcluded(source.blocks, compileFilter(own)), signal),
    local: local.blocks,
    prove() {
      const proof = source.end();
      const here = local.end();
      const elapsedMs = performance.now() - began;
      tellListed(emit, 'source', proof, elapsedMs);
      tellListed(emit, 'destination', here, elapsedMs);
      refuseUnnameable(proof, 'the source');
      refuseUnnameable(here, 'the destination');
      const [unread] = here.firstErrors;
      if (!unread) return proof;
      throw localError('read', pathOf(roots, unread.key), Object.assign(new Error(), { code: unread.message }));
    },
  };
}

/** The source's patterns speak of the source's directories. */
function filterOf({ exclusions, roots }: ListingHeader): FilterSpec {
  const spec = { exclusions, roots };
  try {
    compileFilter(spec);
  } catch (cause) {
    throw new LmError('refused', `the source excludes by a pattern this lm cannot read: ${(cause as Error).message}`, {
      cause,
    });
  }
  return spec;
}

/** A pattern may mean a root; one that means every root was meant for what lies below, and nothing would pass for all there is. */
function refuseAllExcluded(excludes: Filter, roots: Roots): void {
  if (!roots.every(({ key }) => excludes(key, 'directory'))) return;
  throw new LmError('refused', 'every root is excluded, so nothing is left to copy', {
    hint: 'see dirs_to_exclude on both hosts: a pattern may match a root itself',
  });
}

/** Both sides must have the same directories in the same order; where they are is each side's own business. */
function matchRoots(header: ListingHeader, roots: Roots, only: EntryKey | undefined): void {
  const here = new Set(roots.map((root) => root.key));
  for (const { key, path } of header.roots)
    if (!here.has(key))
      throw new LmError('refused', `the source has ${key} (${printable(path)}), which has no directory here`, {
        hint: `name one with --root ${key.split('/')[0]}=DIR`,
      });
  if (only !== undefined) return;
  const there = new Set(header.roots.map((root) => root.key));
  for (const { key, path } of roots)
    if (!there.has(key))
      throw new LmError('refused', `the source does not serve ${key}, here ${printable(path)}`, {
        hint: 'leave that root out here, or add it at the source',
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

function tellListed(emit: Emit, side: 'source' | 'destination', end: ListingEnd, elapsedMs: number): void {
  const { entries, bytes, excluded, firstExcluded } = end;
  emit({ type: 'listed', side, entries, bytes, excluded, firstExcluded, elapsedMs });
}
