// Lists the two sides and compares them entry by entry into a plan, which digests have still to complete. Begins again when a listing
// breaks off.

import { formatSpecial } from '../amounts.js';
import { printable } from '../errors.js';
import type { Emit } from '../events.js';
import { DirCache } from '../files/dirfd.js';
import { type EntryKey, joinKey } from '../files/entry.js';
import type { ListingTotals, WalkedBlock } from '../files/listing.js';
import { mountFinder } from '../linux/mount-points.js';
import type { Feature } from '../listing/listing-lines.js';
import type { PlanCounts } from '../plan/counts.js';
import { diff } from '../plan/diff.js';
import type { DiffPolicy } from '../plan/differences.js';
import { createPlanWriter, type PlanWriter } from '../plan/plan.js';
import { type Listings, type ListSource, listSides } from '../sides/listings.js';
import { type Selected, watchForKey } from '../sides/selected-key.js';
import { fromWholeListing } from '../sides/whole-listing.js';
import { WalkFile } from '../spool/walk-file.js';
import { isOfUse } from '../transfer/parts/basis.js';
import { bytesOfPart } from '../transfer/parts.js';
import type { Survey, SurveyOptions } from './survey-types.js';

/** A plan without the files that only digests can decide. The caller finishes it or abandons it. */
export interface Compared
  extends Pick<Survey, 'header' | 'totals' | 'mountPoints' | 'mounts' | 'rootPairs' | 'owners' | 'txnLogs'> {
  writer: PlanWriter;
  counts: PlanCounts;
  mountOf: NonNullable<DiffPolicy['mountOf']>;
  walk: WalkFile;
  leftOut: Listings['leftOut'];
  selected: Selected | undefined;
}

export function compareSides(policy: DiffPolicy, options: SurveyOptions): Promise<Compared> {
  const { source, signal } = options;
  const { only } = options.migration.settings;
  const features: Feature[] = ['ctimes', 'blocks', 'allocated'];
  return fromWholeListing({ source, only, features, signal, use: (list) => compareOnce(list, policy, options) });
}

/** Throws what `listSides` and its proof throw. */
async function compareOnce(list: ListSource, given: DiffPolicy, options: SurveyOptions): Promise<Compared> {
  const { migration, known, spool, walker, inaccessible, emit, signal } = options;
  const { roots, absent, settings } = migration;
  const { dryRun, verbose, exclusions, only, without, keepSetuid } = settings;
  const walk = new WalkFile(spool);
  const sides = await listSides(list, {
    roots,
    absent: dryRun ? absent.map(({ key }) => key) : [],
    ...{ exclusions, only, without, keepSetuid },
    yaml: settings.cassandra?.file,
    owners: options.owners.begin,
    ...{ walker, inaccessible, emit, signal },
    keepWalk: (lines) => walk.add(lines),
  });
  const { header, finish, leftOut, mounts, rootPairs, owners } = sides;
  const { source, local, selected } = only === undefined ? { ...sides, selected: undefined } : watchForKey(only, sides);
  const mountPoints = mounts.now();
  const mounted = new Set(mountPoints.map(({ key }) => key));
  const mountOf = mountFinder(mountPoints);
  const policy: DiffPolicy = { ...given, roots: rootPairs, isMountPoint: (key) => mounted.has(key), mountOf };
  const dirs = new DirCache(roots);
  const writer = createPlanWriter(spool, {
    ...((dryRun || verbose) && { itemize: emit }),
    dryRun,
    bytesOfPart: (key, entry) =>
      isOfUse(known.partOf(key), entry, settings.delta) ? bytesOfPart(dirs, roots, key) : undefined,
    mountOf,
  });
  try {
    const txnLogs: EntryKey[] = [];
    const counts = await diff(source, collectTxnLogs(local, txnLogs), policy, writer);
    // A listing that breaks off or is damaged costs no data: no file is created, replaced or removed before both listings have come to
    // their ends and every line of them has been proved to be as it was sent.
    const totals = finish();
    warnUnread(totals, emit);
    warnSpecial(counts, emit);
    const found = { mountPoints, mountOf, mounts, rootPairs, owners, txnLogs };
    return { writer, counts, header, totals, ...found, walk, leftOut, selected };
  } catch (error) {
    abandon({ writer, walk }); // the listing may be tried again
    throw error;
  } finally {
    dirs.close();
  }
}

export function abandon({ writer, walk }: Pick<Compared, 'writer' | 'walk'>): void {
  writer.abandon();
  walk.close();
}

/** Collects the keys of transaction logs in the roots in which a node reads them. */
async function* collectTxnLogs(blocks: AsyncIterable<WalkedBlock>, keys: EntryKey[]): AsyncGenerator<WalkedBlock> {
  for await (const walked of blocks) {
    const { dir, txnLogs = [] } = walked.sum;
    if (/^(data|local_system_data)\//.test(dir)) for (const name of txnLogs) keys.push(joinKey(dir, name));
    yield walked;
  }
}

/** Names entries the source could not read, because nothing is removed until it can read them. */
function warnUnread({ errors, firstErrors }: ListingTotals, emit: Emit): void {
  if (errors === 0) return;
  const some = firstErrors.map(({ key, message }) => `${printable(key)} (${printable(message)})`).join(', ');
  const more = errors > firstErrors.length ? ', …' : '';
  emit({ type: 'warning', text: `the source could not read ${errors} of its entries: ${some}${more}` });
}

function warnSpecial({ special, firstSpecial }: PlanCounts, emit: Emit): void {
  if (special === 0) return;
  const some = firstSpecial.map(printable).join(', ') + (special > firstSpecial.length ? ', …' : '');
  emit({ type: 'warning', text: `${formatSpecial(special, 'at the source')}: ${some}` });
}
