// Both listings in one sweep → every counter that needs no digest, and the files that need one, set aside. Reads no file.

import { join } from 'node:path';
import type { ClosedDirectories } from '../disk/closed-directories.js';
import type { Emit } from '../events.js';
import {
  type DirType,
  type Entry,
  type EntryKey,
  type Exclusions,
  isWithin,
  joinKey,
  type ListingEnd,
  type ListingHeader,
} from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import type { Fidelity } from '../linux/fidelity.js';
import type { Walker } from '../listing/walk-lines.js';
import { type Owners, refusedOwners } from '../migration/owners.js';
import type { PairOfFiles } from '../plan/digest-both.js';
import { name, nobody, notKeptIn } from '../plan/left-out.js';
import { type Merged, mergeBlocks, type Pair } from '../plan/merge.js';
import type { DifferenceReason, VerifyReport } from '../report.js';
import { type BothSides, type ListSource, type LocalMounts, listBothSides } from '../sides/both-sides.js';
import { fromWholeListing } from '../sides/whole-listing.js';
import type { Source } from '../source/source.js';
import { readSlice, Spool } from '../spool/spool.js';
import { type ComparePolicy, compareEntries, type Finding } from './compare.js';

export interface SweepOptions {
  source: Source;
  roots: Roots;
  /** This side's. */
  exclusions: Exclusions;
  /** Whether owners are compared, and whom the source's are taken for. */
  owners: Owners;
  /** What the destination is known not to keep: no difference, whatever it is. */
  fidelity: Fidelity | undefined;
  /** As in `BothSidesOptions`. */
  keepSetuid: boolean;
  without: readonly DirType[];
  yaml: string | undefined;
  /** Hears of directories that had to be opened; undefined where none has to be. */
  closed: ClosedDirectories | undefined;
  /** A directory for temporary files, which is there. */
  spool: string;
  walker: Walker;
  emit: Emit;
  signal: AbortSignal;
  /** Looks at who the source says it is, and what is mounted here, before anything is compared. May throw `refused`. */
  admit(header: ListingHeader, mounts: LocalMounts): void;
}

export interface Sweep {
  /** Files of equal size on both sides, two entries each: the source's, then the local one. */
  toDigest: Spool;
  files: number;
  bytes: number;
  /** What the source's listing came to; entries it could not read are among its errors. */
  proof: ListingEnd;
}

type SetAside = Omit<Sweep, 'proof'>;

/** Two entries a file. */
const SLICE = { entries: 2000, bytes: Number.POSITIVE_INFINITY };

/**
 * One sweep over both listings: the counters that need no digest, and what is left for the digests. A listing that breaks off is begun
 * again, unless a difference was told of it already: that cannot be taken back.
 */
export function compareListings(options: SweepOptions, report: VerifyReport): Promise<Sweep> {
  const { source, signal } = options;
  const untouched = { ...report };
  let told = 0;
  const emit: Emit = (event) => {
    if (event.type === 'difference') told++;
    options.emit(event);
  };
  return fromWholeListing({
    ...{ source, signal },
    use: (list) => compareOnce(list, { ...options, emit }, Object.assign(report, untouched)),
    isSpent: () => told > 0,
  });
}

async function compareOnce(list: ListSource, options: SweepOptions, report: VerifyReport): Promise<Sweep> {
  const { source, admit } = options;
  const { begin, areSet } = options.owners;
  const sides = await listBothSides(list, { ...options, owners: begin, absent: [], only: undefined });
  admit(sides.header, sides.mounts);
  const policy: ComparePolicy = { unit: source.tells.timeUnit, owners: areSet, named: sides.owners?.named };
  const toDigest = new Spool(join(options.spool, 'verify.jsonl'), SLICE);
  try {
    return await sweepOver(sides, { toDigest, files: 0, bytes: 0 }, policy, report, options);
  } catch (error) {
    toDigest.close();
    throw error;
  }
}

async function sweepOver(
  sides: BothSides,
  sweep: SetAside,
  policy: ComparePolicy,
  report: VerifyReport,
  { source, emit, fidelity, owners }: Pick<SweepOptions, 'source' | 'emit' | 'fidelity' | 'owners'>,
): Promise<Sweep> {
  const [special, shielded] = [nobody(), nobody()];
  const unkept = { times: nobody(), modes: nobody(), owners: nobody() };
  /** Without what the destination cannot keep, which is counted apart. */
  const excused = (findings: Finding[], key: EntryKey, source: Entry, local: Entry): Finding[] =>
    findings.filter(({ reason }) => {
      const kind = fidelity?.excuses(reason, key, source, local);
      if (kind) name(unkept[kind], key);
      return kind === undefined;
    });
  const strays = createStrays(
    (key) => {
      report.filesNotFoundAtSource++;
      emit({ type: 'difference', difference: { key, reason: 'not-found-at-source' } });
    },
    (key) => name(shielded, key),
  );
  for await (const merged of mergeBlocks(sides.source, sides.local)) {
    strays.see(merged);
    for (const pair of merged.pairs) {
      if (isSpecial(pair.source)) name(special, joinKey(merged.dir, pair.source!.name));
      judge(
        merged.dir,
        pair,
        (key, a, b) => excused(compareEntries(a, b, policy), key, a, b),
        strays,
        sweep,
        report,
        emit,
      );
    }
  }
  strays.end();
  for (const [key, { source: there, local: here }] of sides.rootPairs) {
    const findings = excused(compareEntries(there, here, policy), key, there, here);
    if (findings.length > 0) report.metadataMismatches++;
    for (const finding of findings) emit({ type: 'difference', difference: { key, ...finding } });
  }
  sweep.toDigest.finish();
  const notKept = notKeptIn(unkept, fidelity);
  if (notKept) report.notKept = notKept;
  const proof = sides.prove();
  const refused = refusedOwners(sides.owners);
  if (refused) throw refused;
  owners.tell(sides.owners, source, proof.errors === 0);
  const told = owners.report(sides.owners, source);
  if (told) report.owners = told;
  report.leftOut = { ...sides.leftOut(), special, shielded, stale: nobody() };
  for (const { key, message } of proof.firstErrors)
    emit({ type: 'difference', difference: { key, reason: 'unreadable-at-source', source: message } });
  return { ...sweep, proof };
}

const isSpecial = (entry: Entry | undefined): boolean => entry !== undefined && entry.kind === 'other';

/** Sockets, pipes and devices of the source take no part, nor what stands for one here; others here are like any file. */
function taking(pair: Pair): Pair {
  if (!isSpecial(pair.source)) return pair;
  return pair.local && !isSpecial(pair.local) ? { local: pair.local } : {};
}

function judge(
  dir: EntryKey,
  pair: Pair,
  compare: (key: EntryKey, source: Entry, local: Entry) => Finding[],
  strays: Strays,
  sweep: SetAside,
  report: VerifyReport,
  emit: Emit,
): void {
  const { source, local } = taking(pair);
  const tell = (finding: Finding): void =>
    emit({ type: 'difference', difference: { key: joinKey(dir, (source ?? local)!.name), ...finding } });
  if (source && local) {
    const findings = compare(joinKey(dir, source.name), source, local);
    if (findings.length === 0) report.metadataMatched++;
    else report.metadataMismatches++;
    findings.forEach(tell);
    if (findings.every(({ reason }) => !SAYS_ENOUGH.has(reason))) leaveToDigests(dir, source, local, sweep, report);
  } else if (source) {
    report.filesNotFoundAtDestination++;
    tell({ reason: 'not-found-at-destination' });
  } else if (local) strays.add(joinKey(dir, local.name), local.kind === 'directory');
}

/** What only this side has. A directory a copy leaves where it is, because something excluded lies in it, is no difference. */
interface Strays {
  /** Before the pairs of `merged` are looked at. */
  see(merged: Merged): void;
  add(key: EntryKey, isDirectory: boolean): void;
  end(): void;
}

function createStrays(tell: (key: EntryKey) => void, stays: (key: EntryKey) => void): Strays {
  const announced = new Map<EntryKey, { key: EntryKey; stays: boolean }>();
  /** Those the sweep is in, from the root down. */
  const path: { key: EntryKey; stays: boolean }[] = [];
  const leaveUnless = (around: (key: EntryKey) => boolean): void => {
    for (let last = path.at(-1); last && !around(last.key); last = path.at(-1)) {
      path.pop();
      if (last.stays) stays(last.key);
      else tell(last.key);
    }
  };
  return {
    see({ dir, excluded }) {
      leaveUnless((key) => isWithin(dir, key));
      const stray = announced.get(dir);
      if (stray && path.at(-1) !== stray) path.push(stray);
      announced.delete(dir);
      if (excluded) for (const each of path) each.stays = true;
    },
    add(key, isDirectory) {
      if (isDirectory) announced.set(key, { key, stays: false });
      else tell(key);
    },
    end: () => leaveUnless(() => false),
  };
}

/** Contents that differ for sure: no digest could say otherwise. */
const SAYS_ENOUGH: ReadonlySet<DifferenceReason> = new Set(['type', 'size', 'link-target']);

/** A link's target has been compared already. An empty file is asked for like any other: only reading it tells whether it is one. */
function leaveToDigests(dir: EntryKey, source: Entry, local: Entry, sweep: SetAside, report: VerifyReport): void {
  const { kind } = source;
  if (kind === 'directory') return;
  if (kind === 'link') {
    report.filesMatched++;
    return;
  }
  sweep.toDigest.add(dir, source);
  sweep.toDigest.add(dir, local);
  sweep.files++;
  sweep.bytes += Number(source.size);
}

/** The files set aside, in the order of the listings. */
export function* filesIn({ toDigest }: Sweep): Generator<PairOfFiles> {
  for (const slice of toDigest.slices)
    for (const [dir, entries] of readSlice(toDigest.path, slice))
      for (let i = 0; i < entries.length; i += 2) yield { dir, source: entries[i]!, local: entries[i + 1]! };
}
