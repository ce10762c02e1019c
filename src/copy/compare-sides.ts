// The two sides listed and compared, entry by entry, into a plan that its digests have still to complete. A listing that breaks off is
// begun again.

import { formatSpecial } from '../amounts.js';
import { printable } from '../errors.js';
import type { Emit } from '../events.js';
import { DirCache } from '../files/dirfd.js';
import { type EntryKey, joinKey, type ListingEnd, type WalkedBlock } from '../files/entry.js';
import { mountFinder } from '../linux/mount-points.js';
import type { Feature } from '../listing/listing-lines.js';
import type { PlanCounts } from '../plan/counts.js';
import { diff } from '../plan/diff.js';
import type { DiffPolicy } from '../plan/differences.js';
import { createPlanWriter, type PlanWriter } from '../plan/plan.js';
import { type BothSides, type ListSource, listBothSides } from '../sides/both-sides.js';
import { lookOutFor, type Selected } from '../sides/look-out.js';
import { fromWholeListing } from '../sides/whole-listing.js';
import { WalkFile } from '../spool/walk-file.js';
import { bytesOfPart, resumable } from '../transfer/parts.js';
import type { Survey, SurveyorOptions } from './survey.js';

/** A plan that lacks what only digests can tell. It is finished, or its writer is abandoned. */
export interface Compared
  extends Pick<Survey, 'header' | 'proof' | 'mountPoints' | 'mounts' | 'rootPairs' | 'owners' | 'txnLogs'> {
  writer: PlanWriter;
  counts: PlanCounts;
  mountOf: NonNullable<DiffPolicy['mountOf']>;
  walk: WalkFile;
  leftOut: BothSides['leftOut'];
  selected: Selected | undefined;
}

export function compareSides(policy: DiffPolicy, options: SurveyorOptions): Promise<Compared> {
  const { source, known, signal } = options;
  const { only } = options.migration.settings;
  const features: Feature[] = known.hasParts ? ['ctimes'] : [];
  return fromWholeListing({ source, only, features, signal, use: (list) => compareOnce(list, policy, options) });
}

/** Throws what `listBothSides` and its proof throw. */
async function compareOnce(list: ListSource, given: DiffPolicy, options: SurveyorOptions): Promise<Compared> {
  const { migration, known, spool, walker, closed, emit, signal } = options;
  const { roots, absent, settings } = migration;
  const { dryRun, verbose, exclusions, only, without, keepSetuid } = settings;
  const walk = new WalkFile(spool);
  const sides = await listBothSides(list, {
    roots,
    absent: dryRun ? absent.map(({ key }) => key) : [],
    ...{ exclusions, only, without, keepSetuid },
    yaml: settings.cassandra?.file,
    owners: options.owners.begin,
    ...{ walker, closed, emit, signal },
    keepWalk: (lines) => walk.add(lines),
  });
  const { header, prove, leftOut, mounts, rootPairs, owners } = sides;
  const { source, local, selected } = only === undefined ? { ...sides, selected: undefined } : lookOutFor(only, sides);
  const mountPoints = mounts.now();
  const mounted = new Set(mountPoints.map(({ key }) => key));
  const mountOf = mountFinder(mountPoints);
  const policy: DiffPolicy = { ...given, roots: rootPairs, isMountPoint: (key) => mounted.has(key), mountOf };
  const dirs = new DirCache(roots);
  const writer = createPlanWriter(spool, {
    ...((dryRun || verbose) && { itemize: emit }),
    dryRun,
    bytesLeft: (key, entry) => (resumable(known.partOf(key), entry) ? bytesOfPart(dirs, roots, key) : undefined),
    mountOf,
  });
  try {
    const txnLogs: EntryKey[] = [];
    const counts = await diff(source, notingTxnLogs(local, txnLogs), policy, writer);
    // Here the promise is kept that a listing which breaks off, or was damaged anywhere, costs no data: not a file is made, replaced or
    // removed before both listings have come to their ends, each of their lines proved to be as it was sent.
    const proof = prove();
    tellUnread(proof, emit);
    tellSpecial(counts, emit);
    const found = { mountPoints, mountOf, mounts, rootPairs, owners, txnLogs };
    return { writer, counts, header, proof, ...found, walk, leftOut, selected };
  } catch (error) {
    abandon({ writer, walk }); // it may be tried again
    throw error;
  } finally {
    dirs.close();
  }
}

export function abandon({ writer, walk }: Pick<Compared, 'writer' | 'walk'>): void {
  writer.abandon();
  walk.close();
}

/** In the roots whose tables a node reads them for. */
async function* notingTxnLogs(blocks: AsyncIterable<WalkedBlock>, keys: EntryKey[]): AsyncGenerator<WalkedBlock> {
  for await (const walked of blocks) {
    const { dir, txnLogs = [] } = walked.sum;
    if (/^(data|local_system_data)\//.test(dir)) for (const name of txnLogs) keys.push(joinKey(dir, name));
    yield walked;
  }
}

/** Named, because nothing is removed until they can be read. */
function tellUnread({ errors, firstErrors }: ListingEnd, emit: Emit): void {
  if (errors === 0) return;
  const some = firstErrors.map(({ key, message }) => `${printable(key)} (${printable(message)})`).join(', ');
  const more = errors > firstErrors.length ? ', …' : '';
  emit({ type: 'warning', text: `the source could not read ${errors} of its entries: ${some}${more}` });
}

function tellSpecial({ special, firstSpecial }: PlanCounts, emit: Emit): void {
  if (special === 0) return;
  const some = firstSpecial.map(printable).join(', ') + (special > firstSpecial.length ? ', …' : '');
  emit({ type: 'warning', text: `${formatSpecial(special, 'at the source')}: ${some}` });
}
