// Both sides listed and compared → a plan and the proofs that came with it. Changes nothing but its own spool.

import { LmError, localError, printable } from '../errors.js';
import type { Emit } from '../events.js';
import {
  type EntryKey,
  type Exclusions,
  type Listing,
  type ListingEnd,
  type ListingHeader,
  type RootKey,
  rootOf,
} from '../files/entry.js';
import { compileFilter, type FilterSpec } from '../files/filter.js';
import { pathOf, type Roots } from '../files/roots.js';
import { headerLine, PROTOCOL_VERSION, readListing } from '../wire/listing.js';
import { type WalkJob, walkLines } from '../wire/walk-lines.js';
import { type DiffPolicy, diff } from './diff.js';
import { withoutExcluded } from './exclude.js';
import { createPlanWriter, type Plan, type PlanOptions, type PlanWriter } from './plan.js';

export interface SurveyOptions extends PlanOptions {
  roots: Roots;
  /** Roots a dry run has not created. */
  absent: readonly RootKey[];
  /** This side's. */
  exclusions: Exclusions;
  only: EntryKey | undefined;
  policy: DiffPolicy;
  /** A directory for the plan. */
  spool: string;
  emit: Emit;
  signal: AbortSignal;
  /** Settles files of equal size by their digests; see `Checks`. */
  compareDigests(writer: PlanWriter, counts: Plan['counts']): Promise<void>;
}

export interface Survey {
  plan: Plan;
  header: ListingHeader;
  /** The source's proof: without it, or with errors in it, nothing may be removed. */
  proof: ListingEnd;
}

/** Throws `refused` when the two sides cannot be the two ends of one migration, `source`, `protocol` or `local` when listing fails. */
export async function survey(list: () => Promise<Listing>, options: SurveyOptions): Promise<Survey> {
  const { roots, exclusions, only, emit, signal } = options;
  const began = performance.now();
  const source = await list();
  matchRoots(source.header, roots, only);
  const own: FilterSpec = { exclusions, roots: [...roots] };
  const local = await listHere({ roots, filters: [own, filterOf(source.header)], only, absent: options.absent });
  const writer = createPlanWriter(options.spool, options);
  const blocks = withoutExcluded(source.blocks, compileFilter(own));
  const counts = await diff(stoppable(blocks, signal), local.blocks, options.policy, writer);
  const proof = source.end();
  const here = local.end();
  const elapsedMs = performance.now() - began;
  tellListed(emit, 'source', proof, elapsedMs);
  tellListed(emit, 'destination', here, elapsedMs);
  refuseUnnameable(proof, 'the source');
  refuseUnnameable(here, 'the destination');
  const [unread] = here.firstErrors;
  if (unread) throw localError('read', pathOf(roots, unread.key), Object.assign(new Error(), { code: unread.message }));
  await options.compareDigests(writer, counts);
  return { plan: writer.finish(counts), header: source.header, proof };
}

/** This host's entries, as the walk finds them; what either side excludes is left out and counted. */
export async function listHere(walk: WalkJob): Promise<Listing> {
  const { roots, only } = walk;
  const header: ListingHeader = {
    protocol: PROTOCOL_VERSION,
    agentId: '',
    machine: '',
    roots: roots
      .filter(({ key }) => only === undefined || key === rootOf(only))
      .map(({ key, path }) => ({ key, path, ino: '0', mode: 0, uid: null, gid: null })),
    exclusions: { filesToExclude: [], dirsToExclude: [] },
  };
  const lines = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from(headerLine(header));
    yield* walkLines(walk);
  };
  return readListing(lines());
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
