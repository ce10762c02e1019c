// Compares both listings in one sweep: fills the counters that need no digest, and sets aside the files that need one.

import { join } from 'node:path';
import type { InaccessibleDirectories } from '../disk/inaccessible-directories.js';
import type { Emit } from '../events.js';
import { type DirType, type Entry, type EntryKey, isWithin, joinKey } from '../files/entry.js';
import type { BlockSum, Exclusions, ListedBlock, ListingHeader, ListingTotals, WalkedBlock } from '../files/listing.js';
import type { Roots } from '../files/roots.js';
import type { Fidelity } from '../linux/fidelity.js';
import type { Walker } from '../listing/walk-lines.js';
import { type Owners, refusedOwners } from '../migration/owners.js';
import { addNamed, noneNamed, notKeptIn } from '../plan/left-out.js';
import { type Merged, mergeUnlike, type Pair } from '../plan/merge.js';
import type { VerifyReport } from '../report/verify-report.js';
import { type Listings, type ListSource, type LocalMounts, listSides } from '../sides/listings.js';
import { fromWholeListing } from '../sides/whole-listing.js';
import type { Source } from '../source/source.js';
import { type ComparePolicy, compareEntries, type Finding } from './compare.js';
import { SetAside } from './files/set-aside.js';
import type { Proofs } from './proofs.js';
import { createTally, type Tally } from './tally.js';

export interface SweepOptions {
  source: Source;
  roots: Roots;
  /** The exclusions of this side. */
  exclusions: Exclusions;
  /** Whether owners are compared, and to which accounts the source's are mapped. */
  owners: Owners;
  /** What the destination is known not to keep, which is counted as no difference. */
  fidelity: Fidelity | undefined;
  /** As in `BothSidesOptions`. */
  keepSetuid: boolean;
  without: readonly DirType[];
  /** Whether what differs in metadata counts as not yet copied. */
  live?: boolean;
  /** What earlier reads have proved; undefined where nothing of it is kept. */
  proofs?: Proofs | undefined;
  yaml: string | undefined;
  /** Directories that were opened for this run; undefined for root, who opens none. */
  inaccessible: InaccessibleDirectories | undefined;
  /** An existing directory for temporary files. */
  spool: string;
  walker: Walker;
  emit: Emit;
  signal: AbortSignal;
  /** Called with each entry that only the source has. */
  missing?: ((dir: EntryKey, source: Entry) => void) | undefined;
  /** Called before anything is compared, with the identity of the source and the mounts here. May throw `refused`. */
  admit(header: ListingHeader, mounts: LocalMounts): void;
}

export interface Sweep {
  /** Files of equal size on both sides; to be closed. */
  toDigest: SetAside;
  /** The totals of the source's listing; entries it could not read are among its errors. */
  totals: ListingTotals;
  /** As in `Listings`. */
  isExcluded(key: EntryKey): boolean;
  /** How two entries differ, but for what the destination cannot keep. Counts nothing. */
  findings(key: EntryKey, source: Entry, local: Entry): Finding[];
  /** Whether the source tells the hashes of blocks. */
  hasBlocks: boolean;
}

/**
 * Fills `report` but for the digests. A listing that breaks off is begun again, unless a difference was emitted already, which cannot be
 * taken back.
 */
export function compareListings(options: SweepOptions, report: VerifyReport): Promise<Sweep> {
  const { source, signal } = options;
  const before = { ...report };
  let emitted = 0;
  const emit: Emit = (event) => {
    if (event.type === 'difference') emitted++;
    options.emit(event);
  };
  return fromWholeListing({
    ...{ source, signal },
    features: options.proofs ? ['ctimes', 'links', 'blocks', 'allocated'] : ['allocated'],
    use: (list) => compareOnce(list, { ...options, emit }, Object.assign(report, before)),
    cannotRepeat: () => emitted > 0,
  });
}

async function compareOnce(list: ListSource, options: SweepOptions, report: VerifyReport): Promise<Sweep> {
  const { source, admit, proofs } = options;
  const { begin, areSet } = options.owners;
  const ctimes = proofs !== undefined;
  const sides = await listSides(list, { ...options, owners: begin, absent: [], only: undefined, ctimes });
  admit(sides.header, sides.mounts);
  await proofs?.begin(sides.header);
  if (proofs?.incremental) report.proofs = proofs.counted;
  const policy: ComparePolicy = { unit: source.capabilities.timeUnit, owners: areSet, named: sides.owners?.named };
  const toDigest = new SetAside(join(options.spool, 'verify.jsonl'));
  try {
    return await sweepOver(sides, toDigest, policy, report, options);
  } catch (error) {
    toDigest.close();
    throw error;
  }
}

async function sweepOver(
  sides: Listings,
  toDigest: SetAside,
  policy: ComparePolicy,
  report: VerifyReport,
  options: SweepOptions,
): Promise<Sweep> {
  const { source, emit, fidelity, owners, proofs, live = false, missing } = options;
  const [special, shielded] = [noneNamed(), noneNamed()];
  const unkept = { times: noneNamed(), modes: noneNamed(), owners: noneNamed() };
  const tally = createTally(report, emit, live);
  /** What differs, without what the destination cannot keep, which is counted apart. */
  const compare = (key: EntryKey, there: Entry, here: Entry): Finding[] =>
    compareEntries(there, here, policy).filter(({ reason }) => {
      const kind = fidelity?.excuses(reason, key, there, here);
      if (kind) addNamed(unkept[kind], key);
      return kind === undefined;
    });
  const extraneous = createExtraneous(tally.onlyHere, (key) => addNamed(shielded, key));
  /** The block that was accepted last, if its files are still to be read. */
  let unread: BlockSum | undefined;
  const needsEntries = missing !== undefined; // to write a file again takes all that is listed of it
  const takes = (there: ListedBlock, here: WalkedBlock): boolean => {
    if (!proofs) return false;
    if (proofs.takes(there, here, owners.areSet)) return true;
    if (proofs.incremental || needsEntries || !there.line || !there.takeIfSame?.(here, owners.areSet)) return false;
    unread = here.sum;
    toDigest.addBlock(there.line, here.line, here.sum);
    return true;
  };
  for await (const merged of mergeUnlike(sides.source, sides.local, takes)) {
    if (!('pairs' in merged)) {
      extraneous.see({ ...merged, pairs: [], excluded: merged.excluded !== undefined });
      report.metadataMatched += merged.entries;
      report.filesMatched += merged.entries - merged.directories.length - (merged === unread ? merged.files : 0);
      continue;
    }
    extraneous.see(merged);
    let alike = true;
    for (const pair of merged.pairs) {
      if (isSpecial(pair.source)) addNamed(special, joinKey(merged.dir, pair.source!.name));
      alike = judge(merged.dir, pair, compare, { extraneous, tally, toDigest, report, proofs, missing }) && alike;
    }
    if (alike) proofs?.claim(merged.dir, merged.pairs);
  }
  extraneous.end();
  for (const [key, { source: there, local: here }] of sides.rootPairs) {
    const findings = compare(key, there, here);
    if (findings.length > 0) tally.differs(key, there, findings);
  }
  const notKept = notKeptIn(unkept, fidelity);
  if (notKept) report.notKept = notKept;
  const totals = sides.finish();
  const refused = refusedOwners(sides.owners);
  if (refused) throw refused;
  owners.emitReport(sides.owners, source, totals.errors === 0);
  const ownersReport = owners.report(sides.owners, source);
  if (ownersReport) report.owners = ownersReport;
  report.leftOut = { ...sides.leftOut(), special, shielded, stale: noneNamed() };
  for (const { key, message } of totals.firstErrors)
    emit({ type: 'difference', difference: { key, reason: 'unreadable-at-source', source: message } });
  const findings: Sweep['findings'] = (key, there, here) =>
    compareEntries(there, here, policy).filter(({ reason }) => !fidelity?.excuses(reason, key, there, here));
  const hasBlocks = sides.header.features.includes('blocks');
  return { toDigest, totals, isExcluded: sides.isExcluded, findings, hasBlocks };
}

const isSpecial = (entry: Entry | undefined): boolean => entry !== undefined && entry.kind === 'other';

/** Sockets, pipes and devices of the source are not compared, nor special files of the same name here; other special files here are. */
function participating(pair: Pair): Pair {
  if (!isSpecial(pair.source)) return pair;
  return pair.local && !isSpecial(pair.local) ? { local: pair.local } : {};
}

interface Judging {
  extraneous: Extraneous;
  tally: Tally;
  toDigest: SetAside;
  report: VerifyReport;
  proofs: Proofs | undefined;
  missing: SweepOptions['missing'];
}

/** Returns whether both sides list the entry, with the same attributes. */
function judge(
  dir: EntryKey,
  pair: Pair,
  compare: (key: EntryKey, source: Entry, local: Entry) => Finding[],
  judging: Judging,
): boolean {
  const { extraneous, tally, report } = judging;
  const { source, local } = participating(pair);
  if (source && local) {
    const key = joinKey(dir, source.name);
    const findings = compare(key, source, local);
    const decided = findings.length > 0 && tally.differs(key, source, findings);
    if (findings.length === 0) report.metadataMatched++;
    if (!decided) setAside(dir, source, local, judging);
    return findings.length === 0;
  }
  if (source) {
    tally.onlyThere(joinKey(dir, source.name), source);
    judging.missing?.(dir, source);
  }
  if (!source && local) extraneous.add(joinKey(dir, local.name), local.kind === 'directory');
  return false;
}

/** Entries that only this side has. A directory that a copy leaves here, because something excluded lies in it, is no difference. */
interface Extraneous {
  /** Called before the pairs of `merged` are compared. */
  see(merged: Merged): void;
  add(key: EntryKey, isDirectory: boolean): void;
  end(): void;
}

function createExtraneous(emitOne: (key: EntryKey) => void, keepOne: (key: EntryKey) => void): Extraneous {
  const announced = new Map<EntryKey, { key: EntryKey; stays: boolean }>();
  /** The extraneous directories in which the sweep is, from the root down. */
  const path: { key: EntryKey; stays: boolean }[] = [];
  const leaveUnless = (around: (key: EntryKey) => boolean): void => {
    for (let last = path.at(-1); last && !around(last.key); last = path.at(-1)) {
      path.pop();
      if (last.stays) keepOne(last.key);
      else emitOne(last.key);
    }
  };
  return {
    see({ dir, excluded }) {
      leaveUnless((key) => isWithin(dir, key));
      const found = announced.get(dir);
      if (found && path.at(-1) !== found) path.push(found);
      announced.delete(dir);
      if (excluded) for (const each of path) each.stays = true;
    },
    add(key, isDirectory) {
      if (isDirectory) announced.set(key, { key, stays: false });
      else emitOne(key);
    },
    end: () => leaveUnless(() => false),
  };
}

/** The target of a link has been compared already. An empty file needs a digest too: only reading shows that it is empty. */
function setAside(dir: EntryKey, source: Entry, local: Entry, { toDigest, report, proofs }: Judging): void {
  const { kind } = source;
  if (kind === 'directory') return;
  if (kind === 'link' || proofs?.isProved(dir, source, local)) {
    report.filesMatched++;
    return;
  }
  toDigest.add(dir, source, local);
}
