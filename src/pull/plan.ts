// The decisions of a diff, set aside in spools, in the order in which they are carried out. Decides and does nothing itself.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { localError } from '../errors.js';
import type { Action, Emit, Reason } from '../events.js';
import { type EntryKey, FIRST_FEW, joinKey, kindOf, type RootKey, type Row, rootOf } from '../files/entry.js';
import type { PlanCounts } from './counts.js';
import type { PlanSink } from './diff.js';
import { partNameOf } from './disk.js';
import { type Slice, type SliceLimits, Spool } from './spool.js';

/** Files up to this size travel in bundles, larger ones in ranges. */
export const BUNDLE_BYTES = 8 * 1024 * 1024;

/** Keeps a bundle's answer from being all frame heads, and a lane's unit short, when files are tiny. */
const BUNDLE_ENTRIES = 1000;

/** Directories may lie so deep that their keys alone would make a request longer than an agent takes (`MAX_REQUEST_BYTES`). */
const BUNDLE_KEY_BYTES = 2 * 1024 * 1024;

/** An even number: a file has two rows. */
const CHECK = { entries: 1000, bytes: Number.POSITIVE_INFINITY };
const DEED = { entries: 5000, bytes: Number.POSITIVE_INFINITY };

export interface Plan {
  counts: PlanCounts;
  spools: PlanSpools;
  firstRemovals: EntryKey[];
  /** Unfinished files that are of no use any more. */
  staleParts: { dir: EntryKey; name: string }[];
  /** Bytes of parts that will be gone on with: they take up their room already. */
  bytesResumed: Map<RootKey, number>;
}

export interface PlanSpools {
  remove: Spool;
  mkdir: Spool;
  /** Small files, empty files and links. */
  bundle: Spool;
  /** One slice a file. */
  big: Spool;
  fix: Spool;
  /** Directories the plan makes, and then those that were there: none of the former holds one of the latter. */
  settleMade: Spool;
  settle: Spool;
}

export interface PlanWriter extends PlanSink {
  /** Ends the listing of what was to be checked, and hands it over. Only the other methods may be called from here on. */
  checks(): Checks;
  /** Closes the spools. */
  finish(counts: PlanCounts): Plan;
  /** Closes them for a plan that will not be. */
  abandon(): void;
}

/** Files of equal size whose digests will tell, each as the source's row and then the local one: those whose attributes are right, and those whose attributes need mending too. */
export interface Checks {
  right: Spool;
  toMend: Spool;
}

export interface PlanOptions {
  /** Hears of every path; without it a plan of a million files makes no million events. */
  itemize?: Emit;
  dryRun: boolean;
  /** What an earlier run's part of this very file takes up on disk; undefined when there is none to go on with. */
  bytesLeft(key: EntryKey, row: Row): number | undefined;
}

export function createPlanWriter(dir: string, { itemize, dryRun, bytesLeft }: PlanOptions): PlanWriter {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw localError('create', dir, error);
  }
  const spool = (name: string, limits: SliceLimits = DEED): Spool => new Spool(join(dir, `${name}.jsonl`), limits);
  const spools: PlanSpools = {
    remove: spool('remove'),
    mkdir: spool('mkdir'),
    bundle: spool('bundle', { entries: BUNDLE_ENTRIES, bytes: BUNDLE_BYTES, keyBytes: BUNDLE_KEY_BYTES }),
    big: spool('big', { entries: 1, bytes: Number.POSITIVE_INFINITY }),
    fix: spool('fix'),
    settleMade: spool('settle-made'),
    settle: spool('settle'),
  };
  const checks: Checks = { right: spool('check', CHECK), toMend: spool('check-mend', CHECK) };
  const parts: Plan['staleParts'] = [];
  const resumed = new Set<EntryKey>();
  const bytesResumed = new Map<RootKey, number>();
  const firstRemovals: EntryKey[] = [];
  const tell = (action: Action, where: EntryKey, row: Row, reason: Reason): void =>
    itemize?.({ type: 'item', action, key: joinKey(where, row[0]), bytes: Number(row[1]), reason, dryRun });
  return {
    remove(where, row, reason) {
      spools.remove.add(where, row);
      if (firstRemovals.length < FIRST_FEW) firstRemovals.push(joinKey(where, row[0]));
      tell('remove', where, row, reason);
    },
    mkdir(where, row, reason) {
      spools.mkdir.add(where, row);
      tell('mkdir', where, row, reason);
    },
    fetch(where, row, reason) {
      (isBig(row) ? spools.big : spools.bundle).add(where, row);
      const left = isBig(row) ? bytesLeft(joinKey(where, row[0]), row) : undefined;
      if (left !== undefined) {
        resumed.add(joinKey(where, partNameOf(row[0])));
        bytesResumed.set(rootOf(where), (bytesResumed.get(rootOf(where)) ?? 0) + left);
      }
      tell('copy', where, row, reason);
    },
    fix(where, row, reason) {
      spools.fix.add(where, row);
      tell('fix', where, row, reason);
    },
    settle(where, row, made, mend) {
      (made ? spools.settleMade : spools.settle).add(where, row);
      if (mend) tell('fix', where, row, mend);
    },
    check(where, row, local, mend) {
      const spool = mend ? checks.toMend : checks.right;
      spool.add(where, row);
      spool.add(where, local);
    },
    checks() {
      checks.right.finish();
      checks.toMend.finish();
      return checks;
    },
    part: (where, row) => void parts.push({ dir: where, name: row[0] }),
    finish(counts) {
      for (const each of Object.values(spools)) each.finish();
      const staleParts = parts.filter((part) => !resumed.has(joinKey(part.dir, part.name)));
      return { counts, spools, firstRemovals, staleParts, bytesResumed };
    },
    abandon() {
      for (const each of [...Object.values(spools), checks.right, checks.toMend]) each.close();
    },
  };
}

const isBig = (row: Row): boolean => kindOf(row[3]) === 'file' && Number(row[1]) > BUNDLE_BYTES;

/** Big files first: what is left at the end is then small, and no lane waits long for another. */
export const bigFirst = (slices: Slice[]): Slice[] => [...slices].sort((a, b) => b.bytes - a.bytes);
