// Writes the decisions of a diff to spools, in the order in which they are carried out.

import { join } from 'node:path';
import { partNameOf } from '../disk/disk.js';
import type { Action, Emit, Reason } from '../events.js';
import { type Entry, type EntryKey, joinKey, rootOf } from '../files/entry.js';
import { FIRST_FEW } from '../files/listing.js';
import type { Named } from '../report/parts.js';
import { type Slice, type SliceLimits, Spool } from '../spool/spool.js';
import type { PlanCounts } from './counts.js';
import type { Fix, PlanSink } from './plan-sink.js';

/** Files up to this size are fetched in bundles, larger ones in ranges; smaller ones too on a slow line or when a part of them is here. */
export const BUNDLE_BYTES = 8 * 1024 * 1024;

/** Keeps units of tiny files short, and their responses from being mostly frame heads. */
const BUNDLE_ENTRIES = 1000;

/** The keys of deep directories alone could make a request longer than an agent accepts (`MAX_REQUEST_BYTES`). */
const BUNDLE_KEY_BYTES = 2 * 1024 * 1024;

/** Limits of entries are even, because some spools have two entries for each file. */
const CHECK = { entries: 1000, bytes: Number.POSITIVE_INFINITY };
const OPERATION = { entries: 5000, bytes: Number.POSITIVE_INFINITY };

export interface Plan {
  counts: PlanCounts;
  spools: PlanSpools;
  firstRemovals: EntryKey[];
  /** Parts that are of no use any more. */
  staleParts: { dir: EntryKey; name: string }[];
  /** Bytes of parts that the plan goes on with, by root or mount point: they have their disk space already. */
  bytesResumed: Map<EntryKey, number>;
}

export interface PlanSpools {
  remove: Spool;
  mkdir: Spool;
  /** Small files, empty files and links. */
  bundle: Spool;
  /** Larger files, and those of which an earlier run has left a part; one slice for each file. */
  big: Spool;
  /** This and the next two have two entries each: the source's, whose attributes are to be set, and the local one that gets them. */
  fix: Spool;
  /** Directories that the plan makes, and those that exist. None of the former holds one of the latter, so they are finished first. */
  finishMade: Spool;
  finish: Spool;
}

export interface PlanWriter extends PlanSink {
  /** Finishes the spools of files to check and returns them. `check` must not be called after that. */
  checks(): Checks;
  /** Closes the spools. */
  finish(counts: PlanCounts): Plan;
  /** Closes the spools of a plan that is given up. */
  abandon(): void;
}

/** Files of equal size to compare by digest, each as the source's entry and then the local one; by the attribute to fix if they are equal. */
type Checks = Map<Fix | undefined, Spool>;

interface PlanOptions {
  /** Called for every path. Not set unless requested, so that a plan of a million files does not make a million events. */
  itemize?: Emit;
  dryRun: boolean;
  /** Disk space of a part that is of use for the file; undefined when there is none. */
  bytesOfPart(key: EntryKey, entry: Entry): number | undefined;
  /** As in DiffPolicy. */
  mountOf?(dir: EntryKey): EntryKey;
}

/** `dir` exists already. */
export function createPlanWriter(
  dir: string,
  { itemize, dryRun, bytesOfPart, mountOf = rootOf }: PlanOptions,
): PlanWriter {
  const { spools, checks, close } = openSpools(dir);
  const parts: Plan['staleParts'] = [];
  const resumed = new Set<EntryKey>();
  const bytesResumed = new Map<EntryKey, number>();
  const firstRemovals: EntryKey[] = [];
  const itemized = (action: Action, where: EntryKey, entry: Entry, reason: Reason): void =>
    itemize?.({ type: 'item', action, key: joinKey(where, entry.name), bytes: Number(entry.size), reason, dryRun });
  return {
    remove(where, entry, reason) {
      spools.remove.add(where, entry);
      if (firstRemovals.length < FIRST_FEW) firstRemovals.push(joinKey(where, entry.name));
      itemized('remove', where, entry, reason);
    },
    mkdir(where, entry, reason) {
      spools.mkdir.add(where, entry);
      itemized('mkdir', where, entry, reason);
    },
    fetch(where, entry, reason) {
      const resumable = entry.kind === 'file' ? bytesOfPart(joinKey(where, entry.name), entry) : undefined;
      (isBig(entry) || resumable !== undefined ? spools.big : spools.bundle).add(where, entry);
      if (resumable !== undefined) {
        resumed.add(joinKey(where, partNameOf(entry.name)));
        const bytes = Math.min(resumable, Number(entry.size)); // the rest of a longer one is no room for another file yet
        bytesResumed.set(mountOf(where), (bytesResumed.get(mountOf(where)) ?? 0) + bytes);
      }
      itemized('copy', where, entry, reason);
    },
    fix(where, entry, reason, local) {
      spools.fix.add(where, entry);
      spools.fix.add(where, local);
      itemized('fix', where, entry, reason);
    },
    finishDirectory(where, entry, isNew, fix, local = missingDirectory(entry)) {
      const spool = isNew ? spools.finishMade : spools.finish;
      spool.add(where, entry);
      spool.add(where, local);
      if (fix) itemized('fix', where, entry, fix);
    },
    check(where, entry, local, fix) {
      const spool = checks.get(fix)!;
      spool.add(where, entry);
      spool.add(where, local);
    },
    checks() {
      for (const spool of checks.values()) spool.finish();
      return checks;
    },
    left(where, entry) {
      if (bytesOfPart(joinKey(where, entry.name), entry) !== undefined)
        resumed.add(joinKey(where, partNameOf(entry.name)));
    },
    part: (where, entry) => void parts.push({ dir: where, name: entry.name }),
    finish(counts) {
      for (const each of Object.values(spools)) each.finish();
      const staleParts = parts.filter((part) => !resumed.has(joinKey(part.dir, part.name)));
      return { counts, spools, firstRemovals, staleParts, bytesResumed };
    },
    abandon: close,
  };
}

/** Opens all spools, or none. */
function openSpools(dir: string): { spools: PlanSpools; checks: Checks; close(): void } {
  const open: Spool[] = [];
  const close = (): void => {
    for (const spool of open) spool.close();
  };
  const spool = (name: string, limits: SliceLimits = OPERATION): Spool => {
    open.push(new Spool(join(dir, `${name}.jsonl`), limits));
    return open.at(-1)!;
  };
  try {
    const spools: PlanSpools = {
      remove: spool('remove'),
      mkdir: spool('mkdir'),
      bundle: spool('bundle', { entries: BUNDLE_ENTRIES, bytes: BUNDLE_BYTES, keyBytes: BUNDLE_KEY_BYTES }),
      big: spool('big', { entries: 1, bytes: Number.POSITIVE_INFINITY }),
      fix: spool('fix'),
      finishMade: spool('settle-made'),
      finish: spool('settle'),
    };
    const checks: Checks = new Map([[undefined, spool('check', CHECK)]]);
    for (const fix of FIXES) checks.set(fix, spool(`check-${fix}`, CHECK));
    return { spools, checks, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Stands for the local entry of a directory that does not exist yet. */
const missingDirectory = ({ name, kind, mode }: Entry): Entry => ({
  name,
  kind,
  size: '0',
  mtimeNs: '0',
  mode,
  ino: undefined,
  owner: undefined,
  target: undefined,
  ctimeNs: undefined,
  links: undefined,
  allocated: undefined,
});

const FIXES = ['mode', 'owner', 'mtime'] as const satisfies Fix[];

const isBig = (entry: Entry): boolean => entry.kind === 'file' && Number(entry.size) > BUNDLE_BYTES;

/** Parts that this run cannot resume; they are removed. */
export const stalePartsOf = ({ staleParts }: Plan): Named => ({
  entries: staleParts.length,
  first: staleParts.slice(0, FIRST_FEW).map(({ dir, name }) => joinKey(dir, name)),
});

/** Sorts big files first: what is fetched last is then small, and no worker waits long for another. */
export const bigFirst = (slices: Slice[]): Slice[] => [...slices].sort((a, b) => b.bytes - a.bytes);
