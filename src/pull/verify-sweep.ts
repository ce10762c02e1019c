// Both listings in one sweep → every counter that needs no digest, and the files that need one, set aside. Reads no file.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { localError } from '../errors.js';
import type { Emit } from '../events.js';
import {
  type EntryKey,
  type Exclusions,
  isWithin,
  joinKey,
  kindOf,
  type ListingHeader,
  type Row,
} from '../files/entry.js';
import type { Roots } from '../files/roots.js';
import type { DifferenceReason, VerifyReport } from '../report.js';
import type { Walker } from '../wire/walk-lines.js';
import { listBothSides } from './both-sides.js';
import type { ClosedDirectories } from './closed-directories.js';
import { type ComparePolicy, compareRows, type Finding } from './compare.js';
import type { PairOfFiles } from './digest-both.js';
import { type Merged, mergeBlocks, type Pair } from './merge.js';
import type { Source } from './source.js';
import { readSlice, Spool } from './spool.js';

export interface SweepOptions {
  source: Source;
  roots: Roots;
  /** This side's. */
  exclusions: Exclusions;
  /** Whether this process could set owners; if not, they are not compared. */
  owners: boolean;
  /** Hears of directories that had to be opened; undefined where none has to be. */
  closed: ClosedDirectories | undefined;
  /** A directory for temporary files. */
  spool: string;
  walker: Walker;
  emit: Emit;
  signal: AbortSignal;
  /** Looks at who the source says it is, before anything is compared. May throw `refused`. */
  admit(header: ListingHeader): void;
}

export interface Sweep {
  /** Files of equal size on both sides, two rows each: the source's, then the local one. */
  toDigest: Spool;
  files: number;
  bytes: number;
  unlisted: number;
}

const ROWS_PER_SLICE = 2000;

/** One sweep over both listings: the counters that need no digest, and what is left for the digests. */
export async function compareListings(options: SweepOptions, report: VerifyReport): Promise<Sweep> {
  const { source, emit, signal, admit } = options;
  const list = async () => source.list({}, signal);
  const sides = await listBothSides(list, { ...options, absent: [], only: undefined });
  admit(sides.header);
  const policy: ComparePolicy = { unit: source.kind === 'lm' ? 'us' : 'ms', owners: options.owners };
  const sweep: Sweep = { toDigest: openSpool(options.spool), files: 0, bytes: 0, unlisted: 0 };
  const strays = createStrays((key) => {
    report.filesNotFoundAtSource++;
    emit({ type: 'difference', difference: { key, reason: 'not-found-at-source' } });
  });
  for await (const merged of mergeBlocks(sides.source, sides.local)) {
    strays.see(merged);
    for (const pair of merged.pairs) judge(merged.dir, pair, policy, strays, sweep, report, emit);
  }
  strays.end();
  sweep.toDigest.finish();
  const { errors, firstErrors } = sides.prove();
  sweep.unlisted = errors;
  for (const { key, message } of firstErrors)
    emit({ type: 'difference', difference: { key, reason: 'unreadable-at-source', source: message } });
  return sweep;
}

function openSpool(dir: string): Spool {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw localError('create', dir, error);
  }
  return new Spool(join(dir, 'verify.jsonl'), { entries: ROWS_PER_SLICE, bytes: Number.POSITIVE_INFINITY });
}

/** Sockets, pipes and devices take no part, on either side. */
const taking = (row: Row | undefined): Row | undefined => (row && kindOf(row[3]) === 'other' ? undefined : row);

function judge(
  dir: EntryKey,
  pair: Pair,
  policy: ComparePolicy,
  strays: Strays,
  sweep: Sweep,
  report: VerifyReport,
  emit: Emit,
): void {
  const [source, local] = [taking(pair.source), taking(pair.local)];
  const tell = (finding: Finding): void =>
    emit({ type: 'difference', difference: { key: joinKey(dir, (source ?? local)![0]), ...finding } });
  if (source && local) {
    const findings = compareRows(source, local, policy);
    if (findings.length === 0) report.metadataMatched++;
    else report.metadataMismatches++;
    findings.forEach(tell);
    if (findings.every(({ reason }) => !SAYS_ENOUGH.has(reason))) leaveToDigests(dir, source, local, sweep, report);
  } else if (source) {
    report.filesNotFoundAtDestination++;
    tell({ reason: 'not-found-at-destination' });
  } else if (local) strays.add(joinKey(dir, local[0]), kindOf(local[3]) === 'directory');
}

/** What only this side has. A directory a copy leaves where it is, because something excluded lies in it, is no difference. */
interface Strays {
  /** Before the pairs of `merged` are looked at. */
  see(merged: Merged): void;
  add(key: EntryKey, isDirectory: boolean): void;
  end(): void;
}

function createStrays(tell: (key: EntryKey) => void): Strays {
  const announced = new Map<EntryKey, { key: EntryKey; stays: boolean }>();
  /** Those the sweep is in, from the root down. */
  const path: { key: EntryKey; stays: boolean }[] = [];
  const leaveUnless = (around: (key: EntryKey) => boolean): void => {
    for (let last = path.at(-1); last && !around(last.key); last = path.at(-1)) {
      path.pop();
      if (!last.stays) tell(last.key);
    }
  };
  return {
    see({ dir, pairs, excluded, device }) {
      leaveUnless((key) => isWithin(dir, key));
      const stray = announced.get(dir);
      if (stray && path.at(-1) !== stray) path.push(stray);
      announced.delete(dir);
      const special = pairs.some(({ local }) => local && kindOf(local[3]) === 'other');
      if (excluded || device !== undefined || special) for (const each of path) each.stays = true;
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

/** A link's target and an empty file have been compared already. */
function leaveToDigests(dir: EntryKey, source: Row, local: Row, sweep: Sweep, report: VerifyReport): void {
  const kind = kindOf(source[3]);
  if (kind === 'directory') return;
  if (kind === 'link' || source[1] === '0') {
    report.filesMatched++;
    return;
  }
  sweep.toDigest.add(dir, source);
  sweep.toDigest.add(dir, local);
  sweep.files++;
  sweep.bytes += Number(source[1]);
}

/** The files set aside, in the order of the listings. */
export function* filesIn({ toDigest }: Sweep): Generator<PairOfFiles> {
  for (const slice of toDigest.slices)
    for (const [dir, rows] of readSlice(toDigest.path, slice))
      for (let i = 0; i < rows.length; i += 2) yield { dir, source: rows[i]!, local: rows[i + 1]! };
}
