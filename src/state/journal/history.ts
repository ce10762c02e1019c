// Folds the journal's records into the history of a migration. Pure; a lost record may cost work, but is never counted as a proof.

import { EXIT } from '../../exit-codes.js';
import type { EntryKey } from '../../files/entry.js';
import {
  applyToParts,
  carryParts,
  type FoldedPart,
  type KnownPart,
  knownPart,
  requireDigests,
  syncParts,
} from './folded-parts.js';
import type { Facts, JournalRecord, Limits, UnsyncedPeriod } from './records.js';

export interface History extends Omit<Facts, 'young'> {
  /** Files whose times prove nothing: they were young when they were read, and no digest has proved them since. */
  young: Set<EntryKey>;
  parts: Map<EntryKey, KnownPart>;
  /** Periods of other boots than this one: what was written then needs a digest; see `mayBeUnsynced`. */
  unsynced: UnsyncedPeriod[];
  /** Lines whose checksum is wrong. Whatever they recorded is assumed to be the worst. */
  damagedLines: number;
}

/** A record with the time at which it was written, or a line with a wrong checksum. */
export type Line = { atMs: number; record: JournalRecord } | 'damaged';

/** The history as it holds under `boot` of the machine. */
export function foldHistory(lines: Iterable<Line>, boot: string): History {
  const { facts, parts, young, damagedLines } = foldLines(lines);
  const { young: _, ...known } = facts;
  return {
    ...known,
    young,
    parts: new Map([...parts].map(([key, part]) => [key, knownPart(part, boot)])),
    unsynced: facts.unsynced.filter((u) => u.boot !== boot),
    damagedLines,
  };
}

/**
 * What a journal amounts to, as the first records of one that is started afresh. Undefined where it has damaged lines, which are kept to be
 * looked at, or more than `maxYoung` young files.
 */
export function carryHistory(lines: Iterable<Line>, maxYoung: number): JournalRecord[] | undefined {
  const { facts, parts, young, run, boot, damagedLines } = foldLines(lines);
  if (damagedLines > 0 || young.size > maxYoung) return undefined;
  const { young: _, ...known } = facts;
  const carried = { ...known, ...(young.size > 0 && { young: [...young] }) };
  return [{ type: 'carried', facts: carried, run, boot }, ...carryParts(parts)];
}

function foldLines(lines: Iterable<Line>): Fold {
  const facts: Facts = { verified: false, unsynced: [] };
  const fold: Fold = { facts, parts: new Map(), young: new Set(), run: '', boot: '', atMs: 0, damagedLines: 0 };
  for (const line of lines) {
    if (line === 'damaged') {
      fold.damagedLines++;
      applyDamagedLine(fold);
    } else {
      const wentBack = line.atMs < fold.atMs;
      fold.atMs = line.atMs;
      apply(fold, line.record);
      if (wentBack) applyClockSetBack(fold);
    }
  }
  return fold;
}

/** The kernel's clock for files lags by up to a tick, and some file systems keep whole seconds. */
const CLOCK_SLACK_MS = 2_000;

/** Whether a file that last changed at `ctimeMs` may have lost bytes when the machine crashed. */
export const mayBeUnsynced = (history: Pick<History, 'unsynced'>, ctimeMs: number): boolean =>
  history.unsynced.some(
    ({ fromMs, toMs }) => ctimeMs >= fromMs - CLOCK_SLACK_MS && ctimeMs <= (toMs ?? Infinity) + CLOCK_SLACK_MS,
  );

interface Fold {
  facts: Facts;
  parts: Map<EntryKey, FoldedPart>;
  young: Set<EntryKey>;
  /** The run and the boot of the current record; '' when a lost record may have ended them. */
  run: string;
  boot: string;
  atMs: number;
  damagedLines: number;
}

function apply(fold: Fold, record: JournalRecord): void {
  const { facts, parts, atMs } = fold;
  switch (record.type) {
    case 'run-started':
      startRun(fold, record);
      return;
    case 'part-started':
      if (facts.lastRun?.command === 'verify') startWriting(fold); // it repairs what it has found wrong
      applyToParts(parts, record, fold.boot, atMs);
      return;
    case 'range-begun':
    case 'range-done':
    case 'part-ended':
    case 'part-carried':
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
    case 'snapshot':
      if (record.proved) delete facts.fromSnapshot;
      else facts.fromSnapshot = true;
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
      if (fold.run !== record.run) fold.run = ''; // a run that began before this copy ended proves nothing about what it left
      if (record.exitCode === EXIT.local) requireDigests(parts, fold.boot);
      if (record.exitCode === 0 && record.final) parts.clear(); // only a final pass leaves no part to resume
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
        facts.verified &&= passed && record.notYetCopied !== true;
        const { live, otherExclusions, offline } = record;
        if ((live || otherExclusions || offline) && !facts.verified)
          facts.lastVerify = {
            ...{ run, state, exitCode, atMs },
            ...(live && { live }),
            ...(otherExclusions && { otherExclusions }),
            ...(offline && { offline }),
          };
        return;
      }
      const { incremental, oldestMs } = record;
      facts.lastVerify = {
        ...{ run, state, exitCode, atMs },
        ...(incremental && { incremental }),
        ...(oldestMs !== undefined && { oldestMs }),
      };
      facts.verified = passed;
      if (facts.verified) facts.unsynced = facts.unsynced.filter((u) => !isOfOtherBoot(u, fold.boot));
      return;
    }
    case 'sstables': {
      const { damagedAtSource: known = 0 } = facts;
      facts.damagedAtSource = record.all ? record.damagedAtSource : Math.max(known, record.damagedAtSource);
      return;
    }
    case 'post-check': {
      const { run, command, check } = record;
      const ended = check && { exitCode: check.exitCode, signal: check.signal };
      facts.postCheck = { run, command, atMs, ...(ended && { ended }) };
      return;
    }
    case 'carried':
      fold.facts = structuredClone(record.facts);
      fold.run = record.run ?? '';
      fold.boot = record.boot ?? '';
      for (const key of fold.facts.young ?? []) fold.young.add(key);
      return;
    default:
      record satisfies never;
  }
}

const isLimited = ({ only, live = false, otherExclusions = false, offline = false }: Limits): boolean =>
  only !== undefined || live || otherExclusions || offline;

/** Whether the last copy was a final pass that succeeded. */
export const endedInFinalPass = ({ lastCopy }: Pick<History, 'lastCopy'>): boolean =>
  lastCopy?.exitCode === 0 && lastCopy.final === true;

/** Whether `exclusions` are those of the last copy, if it has recorded them. */
export const hasSameExclusions = ({ lastCopy }: Pick<History, 'lastCopy'>, exclusions: string | undefined): boolean =>
  lastCopy?.exclusions === undefined || lastCopy.exclusions === exclusions;

const earlier = (a: string | undefined, b: string): string => (a !== undefined && BigInt(a) < BigInt(b) ? a : b);

/** A lost record ('') may be of this boot as well: what was written then may still be in memory only. */
const isOfOtherBoot = (u: UnsyncedPeriod, boot: string): boolean => u.boot !== boot && u.boot !== '';

function startRun(fold: Fold, record: JournalRecord & { type: 'run-started' }): void {
  const { facts, atMs } = fold;
  const { run, command, source, boot } = record;
  fold.run = run;
  fold.boot = boot;
  facts.lastRun = { run, command, source, atMs };
  const hasEnded = (u: UnsyncedPeriod): boolean => isOfOtherBoot(u, boot) || (u.boot === '' && command === 'copy');
  for (const earlier of facts.unsynced) if (hasEnded(earlier) && atMs >= earlier.fromMs) earlier.toMs ??= atMs; // a time from before a clock was set back is no end
  if (command === 'verify') return;
  facts.lastCopy = { run, atMs };
  startWriting(fold);
}

/** From here on what was verified may be another, and what is written may be lost when the machine crashes. */
function startWriting({ facts, boot, atMs }: Fold): void {
  facts.verified = false;
  if (!facts.unsynced.some((u) => u.boot === boot && u.toMs === null))
    facts.unsynced.push({ boot, fromMs: atMs, toMs: null });
}

function syncPoint({ facts, parts }: Fold, record: JournalRecord & { type: 'sync-point' }): void {
  const { boot, beganMs, rechecked = false } = record;
  syncParts(parts, boot, beganMs);
  facts.lastSyncPoint = { boot, atMs: beganMs };
  /** A period that a lost record began may be that of this run, which goes on writing. */
  const isOpen = (u: UnsyncedPeriod): boolean => u.boot === boot || (rechecked && u.boot === '' && u.toMs === null);
  if (rechecked) facts.unsynced = facts.unsynced.filter(isOpen);
  for (const open of facts.unsynced) if (isOpen(open)) open.fromMs = Math.max(open.fromMs, beganMs);
}

/** What is written from here on may have times before the beginning of its period. */
function applyClockSetBack({ facts, atMs }: Fold): void {
  for (const open of facts.unsynced) if (open.toMs === null) open.fromMs = Math.min(open.fromMs, atMs);
}

/**
 * The lost record may have ended a part, begun a copy or named another boot. It may have named young files as well: those were published
 * after the record before it, so the unsynced period covers them.
 */
function applyDamagedLine(fold: Fold): void {
  fold.run = fold.boot = '';
  fold.parts.clear();
  fold.facts.verified = false;
  if (fold.facts.lastCopy) delete fold.facts.lastCopy.final;
  fold.facts.unsynced.push({ boot: '', fromMs: fold.atMs, toMs: null });
}
