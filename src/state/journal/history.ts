// What the journal's records add up to. Pure; a record that was lost may cost work here, but never earns trust.

import { EXIT } from '../../exit-codes.js';
import type { EntryKey } from '../../files/entry.js';
import type { State, VerificationState } from '../../report.js';
import {
  applyToParts,
  doubtParts,
  type FoldedPart,
  type KnownPart,
  knownPart,
  type PartRecord,
  syncParts,
} from './folded-parts.js';

/** What a run writes down. Numbers of bytes are exact up to 2^53; 64-bit values are decimal strings, as in `Entry`. */
export type JournalRecord =
  | { type: 'run-started'; run: string; command: 'copy' | 'verify'; boot: string; source: string }
  | PartRecord
  /** About to be published, but young when they were read: only their digests can prove them. */
  | { type: 'young'; keys: EntryKey[] }
  /** More of them than are named: every file with such a time or a later one. */
  | { type: 'young-since'; mtimeNs: string }
  /** Proved by their digests, or gone. `since`: and so is all that was told by its time alone. */
  | { type: 'settled'; keys: EntryKey[]; since?: boolean }
  | { type: 'iteration-ended'; iteration: number; state: State }
  /** What was finished before `beganMs` is on disk. `rechecked`: and every suspect file has been read again and is right. */
  | { type: 'sync-point'; boot: string; beganMs: number; rechecked?: boolean }
  /** `final`: of all there is, down to the last entry, but for what `exclusions` leave out; see `exclusionsSum`. */
  | { type: 'copy-ended'; run: string; exitCode: number; final?: boolean; exclusions?: string }
  /** With limits: what the verification did not look at; without them, at every entry of a source that stood still. */
  | ({ type: 'verify-ended'; run: string; state: VerificationState; exitCode: number } & Limits)
  /** What a complete pass left here is on record; `final`: a final pass has succeeded, then or before. */
  | { type: 'inventory'; run: string; final: boolean; sum: string }
  /** The first record of a journal that was started afresh: what the one before it amounted to. */
  | { type: 'carried'; facts: Facts };

/**
 * A verification so limited proves too little to complete a migration: of a part, of a source that lives, by other exclusions than the last
 * copy's, of this side alone.
 */
export interface Limits {
  only?: EntryKey;
  live?: boolean;
  otherExclusions?: boolean;
  offline?: boolean;
}

/** A time of writing under one boot, of which nothing proves that it has reached the disk. Epoch milliseconds. */
export interface Unsynced {
  boot: string;
  fromMs: number;
  /** When writing went on under another boot; null while it may go on under this one. */
  toMs: number | null;
}

interface Facts {
  lastRun?: { run: string; command: 'copy' | 'verify'; source: string; atMs: number };
  /**
   * `exitCode` and `endedMs` are missing when the run never said how it ended, `final` also when it was not to be of all there
   * is. Dry runs leave no record.
   */
  lastCopy?: {
    run: string;
    atMs: number;
    endedMs?: number;
    exitCode?: number;
    final?: boolean;
    exclusions?: string;
  };
  lastVerify?: {
    run: string;
    state: VerificationState;
    exitCode: number;
    atMs: number;
    live?: true;
    otherExclusions?: true;
  };
  /** A verification of every entry, begun after the last copy had ended, found no difference; no later one did. */
  verified: boolean;
  lastSyncPoint?: { boot: string; atMs: number };
  /** The last one; see state/journal/inventory.ts. */
  inventory?: { run: string; final: boolean; sum: string };
  unsynced: Unsynced[];
  /** Absent in records of an lm that knew none. */
  young?: EntryKey[];
  youngSinceNs?: string;
}

export interface History extends Omit<Facts, 'young'> {
  /** Files whose times prove nothing: they were young when they were read, and no digest has settled them since. */
  young: Set<EntryKey>;
  parts: Map<EntryKey, KnownPart>;
  /** Of boots other than this one: what was written then must be read again before it is trusted; see `isSuspect`. */
  unsynced: Unsynced[];
  /** Lines that were not what lm had written; what they may have said is taken for the worst. */
  damagedLines: number;
}

/** A record with the time it was written, or a line that holds none any more. */
export type Line = { atMs: number; record: JournalRecord } | 'damaged';

/** The history as this boot of the machine may believe it. */
export function foldHistory(lines: Iterable<Line>, boot: string): History {
  const facts: Facts = { verified: false, unsynced: [] };
  const fold: Fold = { facts, parts: new Map(), young: new Set(), run: '', boot: '', atMs: 0 };
  let damagedLines = 0;
  for (const line of lines) {
    if (line === 'damaged') {
      damagedLines++;
      assumeTheWorst(fold);
    } else {
      const wentBack = line.atMs < fold.atMs;
      fold.atMs = line.atMs;
      apply(fold, line.record);
      if (wentBack) clockSetBack(fold);
    }
  }
  const { young: _, ...known } = fold.facts;
  return {
    ...known,
    young: fold.young,
    parts: new Map([...fold.parts].map(([key, part]) => [key, knownPart(part, boot)])),
    unsynced: fold.facts.unsynced.filter((u) => u.boot !== boot),
    damagedLines,
  };
}

/** Everything but the parts, as the first record of a fresh journal. Lossless while `parts` is empty and nothing is suspect. */
export const carry = ({ parts: _, damagedLines: __, young, ...facts }: History): JournalRecord => ({
  type: 'carried',
  facts: { ...facts, ...(young.size > 0 && { young: [...young] }) },
});

/** The kernel stamps files with a clock that lags by up to a tick, and seconds are all that some file systems keep. */
const CLOCK_SLACK_MS = 2_000;

/** Whether a file last changed at `ctimeMs` may have lost its bytes when the machine went down. */
export const isSuspect = (history: Pick<History, 'unsynced'>, ctimeMs: number): boolean =>
  history.unsynced.some(
    ({ fromMs, toMs }) => ctimeMs >= fromMs - CLOCK_SLACK_MS && ctimeMs <= (toMs ?? Infinity) + CLOCK_SLACK_MS,
  );

interface Fold {
  facts: Facts;
  parts: Map<EntryKey, FoldedPart>;
  young: Set<EntryKey>;
  /** Of the record at hand; '' for a run and a boot that a lost record may have ended. */
  run: string;
  boot: string;
  atMs: number;
}

function apply(fold: Fold, record: JournalRecord): void {
  const { facts, parts, atMs } = fold;
  switch (record.type) {
    case 'run-started':
      startRun(fold, record);
      return;
    case 'part-started':
    case 'range-begun':
    case 'range-done':
    case 'part-ended':
      applyToParts(parts, record, fold.boot, atMs);
      return;
    case 'young':
      for (const key of record.keys) fold.young.add(key);
      return;
    case 'young-since':
      facts.youngSinceNs = earlier(facts.youngSinceNs, record.mtimeNs);
      return;
    case 'settled':
      for (const key of record.keys) fold.young.delete(key);
      if (record.since) delete facts.youngSinceNs;
      return;
    case 'iteration-ended':
      return;
    case 'sync-point':
      syncPoint(fold, record);
      return;
    case 'copy-ended':
      if (facts.lastCopy?.run === record.run)
        facts.lastCopy = {
          ...facts.lastCopy,
          endedMs: atMs,
          exitCode: record.exitCode,
          ...(record.final && { final: true }),
          ...(record.exclusions !== undefined && { exclusions: record.exclusions }),
        };
      if (fold.run !== record.run) fold.run = ''; // what began while it still ran proves nothing of what it left
      if (record.exitCode === EXIT.local) doubtParts(parts, fold.boot);
      if (record.exitCode === 0 && record.final) parts.clear(); // it leaves none; one that aims lower may, for the next to go on with
      return;
    case 'inventory': {
      const { type: _, ...inventory } = record;
      facts.inventory = inventory;
      return;
    }
    case 'verify-ended': {
      const { run, state, exitCode } = record;
      const passed = state === 'COMPLETED' && run === fold.run;
      if (isLimited(record)) {
        facts.verified &&= passed;
        const { live, otherExclusions } = record;
        if ((live || otherExclusions) && !facts.verified)
          facts.lastVerify = {
            ...{ run, state, exitCode, atMs },
            ...(live && { live }),
            ...(otherExclusions && { otherExclusions }),
          };
        return;
      }
      facts.lastVerify = { run, state, exitCode, atMs };
      facts.verified = passed;
      if (facts.verified) facts.unsynced = facts.unsynced.filter((u) => !isOfAnother(u, fold.boot));
      return;
    }
    case 'carried':
      fold.facts = structuredClone(record.facts);
      for (const key of fold.facts.young ?? []) fold.young.add(key);
      return;
    default:
      record satisfies never;
  }
}

const isLimited = ({ only, live = false, otherExclusions = false, offline = false }: Limits): boolean =>
  only !== undefined || live || otherExclusions || offline;

/** Whether the last copy was a final pass that succeeded: then all there was is here. */
export const endedInFinalPass = ({ lastCopy }: Pick<History, 'lastCopy'>): boolean =>
  lastCopy?.exitCode === 0 && lastCopy.final === true;

/** Whether `exclusions` are those of the last copy, as far as it has told them. */
export const leftOutTheSame = ({ lastCopy }: Pick<History, 'lastCopy'>, exclusions: string | undefined): boolean =>
  lastCopy?.exclusions === undefined || lastCopy.exclusions === exclusions;

const earlier = (a: string | undefined, b: string): string => (a !== undefined && BigInt(a) < BigInt(b) ? a : b);

/** What a lost record told of may have been this boot as well: what was written then may be in its memory only. */
const isOfAnother = (u: Unsynced, boot: string): boolean => u.boot !== boot && u.boot !== '';

function startRun(fold: Fold, record: JournalRecord & { type: 'run-started' }): void {
  const { facts, atMs } = fold;
  const { run, command, source, boot } = record;
  fold.run = run;
  fold.boot = boot;
  facts.lastRun = { run, command, source, atMs };
  const isOver = (u: Unsynced): boolean => isOfAnother(u, boot) || (u.boot === '' && command === 'copy');
  for (const earlier of facts.unsynced) if (isOver(earlier) && atMs >= earlier.fromMs) earlier.toMs ??= atMs; // a clock that went back tells no end
  if (command === 'verify') return;
  facts.lastCopy = { run, atMs };
  facts.verified = false;
  if (!facts.unsynced.some((u) => u.boot === boot && u.toMs === null))
    facts.unsynced.push({ boot, fromMs: atMs, toMs: null });
}

function syncPoint({ facts, parts }: Fold, record: JournalRecord & { type: 'sync-point' }): void {
  const { boot, beganMs, rechecked = false } = record;
  syncParts(parts, boot, beganMs);
  facts.lastSyncPoint = { boot, atMs: beganMs };
  /** What a lost record began may be this very run, which goes on writing. */
  const goesOn = (u: Unsynced): boolean => u.boot === boot || (rechecked && u.boot === '' && u.toMs === null);
  if (rechecked) facts.unsynced = facts.unsynced.filter(goesOn);
  for (const open of facts.unsynced) if (goesOn(open)) open.fromMs = Math.max(open.fromMs, beganMs);
}

/** What is written from here on may seem older than what its time of writing began with. */
function clockSetBack({ facts, atMs }: Fold): void {
  for (const open of facts.unsynced) if (open.toMs === null) open.fromMs = Math.min(open.fromMs, atMs);
}

/**
 * The lost record may have voided a part, begun a copy, or told of another boot. Or of young files: they were published after the record
 * before it, so they are among what is not surely on disk.
 */
function assumeTheWorst(fold: Fold): void {
  fold.run = fold.boot = '';
  fold.parts.clear();
  fold.facts.verified = false;
  if (fold.facts.lastCopy) delete fold.facts.lastCopy.final;
  fold.facts.unsynced.push({ boot: '', fromMs: fold.atMs, toMs: null });
}
