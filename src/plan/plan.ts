// The decisions of a diff, set aside in spools, in the order in which they are carried out. Decides and does nothing itself.

import { join } from 'node:path';
import { partNameOf } from '../disk/disk.js';
import type { Action, Emit, Reason } from '../events.js';
import { type Entry, type EntryKey, FIRST_FEW, joinKey, rootOf } from '../files/entry.js';
import { type Slice, type SliceLimits, Spool } from '../spool/spool.js';
import type { PlanCounts } from './counts.js';
import type { Mend, PlanSink } from './plan-sink.js';

/** Files up to this size travel in bundles, larger ones in ranges; on a slow line, and when some of it is here, a smaller one too. */
export const BUNDLE_BYTES = 8 * 1024 * 1024;

/** Keeps a bundle's answer from being all frame heads, and a lane's unit short, when files are tiny. */
const BUNDLE_ENTRIES = 1000;

/** Directories may lie so deep that their keys alone would make a request longer than an agent takes (`MAX_REQUEST_BYTES`). */
const BUNDLE_KEY_BYTES = 2 * 1024 * 1024;

/** Even numbers: an entry may have two entries. */
const CHECK = { entries: 1000, bytes: Number.POSITIVE_INFINITY };
const DEED = { entries: 5000, bytes: Number.POSITIVE_INFINITY };

export interface Plan {
  counts: PlanCounts;
  spools: PlanSpools;
  firstRemovals: EntryKey[];
  /** Unfinished files that are of no use any more. */
  staleParts: { dir: EntryKey; name: string }[];
  /** Bytes of parts that will be gone on with, by root or mount point: they take up their room already. */
  bytesResumed: Map<EntryKey, number>;
}

export interface PlanSpools {
  remove: Spool;
  mkdir: Spool;
  /** Small files, empty files and links. */
  bundle: Spool;
  /** Larger files, and those of which an earlier run has left a part; one slice a file. */
  big: Spool;
  /** Two entries each, in this and those below: the source's, whose attributes are to be set, and the local one that is to have them. */
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

/** Files of equal size whose digests will tell, each as the source's entry and then the local one, by which attribute needs mending too. */
export type Checks = Map<Mend | undefined, Spool>;

export interface PlanOptions {
  /** Hears of every path; without it a plan of a million files makes no million events. */
  itemize?: Emit;
  dryRun: boolean;
  /** What an earlier run's part of this very file takes up on disk; undefined when there is none to go on with. */
  bytesLeft(key: EntryKey, entry: Entry): number | undefined;
  /** As in DiffPolicy. */
  mountOf?(dir: EntryKey): EntryKey;
}

/** `dir` is there already. */
export function createPlanWriter(
  dir: string,
  { itemize, dryRun, bytesLeft, mountOf = rootOf }: PlanOptions,
): PlanWriter {
  const { spools, checks, close } = openSpools(dir);
  const parts: Plan['staleParts'] = [];
  const resumed = new Set<EntryKey>();
  const bytesResumed = new Map<EntryKey, number>();
  const firstRemovals: EntryKey[] = [];
  const tell = (action: Action, where: EntryKey, entry: Entry, reason: Reason): void =>
    itemize?.({ type: 'item', action, key: joinKey(where, entry.name), bytes: Number(entry.size), reason, dryRun });
  return {
    remove(where, entry, reason) {
      spools.remove.add(where, entry);
      if (firstRemovals.length < FIRST_FEW) firstRemovals.push(joinKey(where, entry.name));
      tell('remove', where, entry, reason);
    },
    mkdir(where, entry, reason) {
      spools.mkdir.add(where, entry);
      tell('mkdir', where, entry, reason);
    },
    fetch(where, entry, reason) {
      const left = entry.kind === 'file' ? bytesLeft(joinKey(where, entry.name), entry) : undefined;
      (isBig(entry) || left !== undefined ? spools.big : spools.bundle).add(where, entry);
      if (left !== undefined) {
        resumed.add(joinKey(where, partNameOf(entry.name)));
        bytesResumed.set(mountOf(where), (bytesResumed.get(mountOf(where)) ?? 0) + left);
      }
      tell('copy', where, entry, reason);
    },
    fix(where, entry, reason, local) {
      spools.fix.add(where, entry);
      spools.fix.add(where, local);
      tell('fix', where, entry, reason);
    },
    settle(where, entry, made, mend, local = unknown(entry)) {
      const spool = made ? spools.settleMade : spools.settle;
      spool.add(where, entry);
      spool.add(where, local);
      if (mend) tell('fix', where, entry, mend);
    },
    check(where, entry, local, mend) {
      const spool = checks.get(mend)!;
      spool.add(where, entry);
      spool.add(where, local);
    },
    checks() {
      for (const spool of checks.values()) spool.finish();
      return checks;
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

/** All, or none. */
function openSpools(dir: string): { spools: PlanSpools; checks: Checks; close(): void } {
  const open: Spool[] = [];
  const close = (): void => {
    for (const spool of open) spool.close();
  };
  const spool = (name: string, limits: SliceLimits = DEED): Spool => {
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
      settleMade: spool('settle-made'),
      settle: spool('settle'),
    };
    const checks: Checks = new Map([[undefined, spool('check', CHECK)]]);
    for (const mend of MENDED) checks.set(mend, spool(`check-${mend}`, CHECK));
    return { spools, checks, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** A directory that is still to be made. */
const unknown = ({ name, kind, mode }: Entry): Entry => ({
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
});

const MENDED = ['mode', 'owner', 'mtime'] as const satisfies Mend[];

const isBig = (entry: Entry): boolean => entry.kind === 'file' && Number(entry.size) > BUNDLE_BYTES;

/** Big files first: what is left at the end is then small, and no lane waits long for another. */
export const bigFirst = (slices: Slice[]): Slice[] => [...slices].sort((a, b) => b.bytes - a.bytes);
