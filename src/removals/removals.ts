// Decides what CLEANING may remove, and when, and writes the refusals. Pure: judges by the counts of a plan and by the reference.

import { isDeepStrictEqual } from 'node:util';
import { formatBytes, formatCount, formatEntries } from '../amounts.js';
import { LmError, printable } from '../errors.js';
import type { Share } from '../events.js';
import { type EntryKey, isWithin } from '../files/entry.js';
import type { Held } from '../plan/holdings.js';
import type { Plan } from '../plan/plan.js';
import { type DeleteLimit, exceeds, type Loss, lossOf, type Since, shareLost } from './loss.js';
import type { Marks, Reference } from './reference.js';

const DEFAULT_LIMIT = { kind: 'share', share: 0.5 } as const;

/** What somebody else has put here: the share that is removed, and the share that is removed or replaced. */
export interface Outside {
  remove: Share;
  lost: Share;
}

export const NOTHING_OUTSIDE: Outside = { remove: { entries: 0, bytes: 0 }, lost: { entries: 0, bytes: 0 } };

export interface RemovalsCase {
  plan: Pick<Plan, 'counts' | 'firstRemovals'>;
  limit: DeleteLimit;
  /** The limit of the next copy, because flags are not remembered. */
  usual: DeleteLimit;
  /** Undefined when it is lost: then removals here are all there is to judge by. */
  reference: Reference | undefined;
  only: EntryKey | undefined;
  outside: Outside;
  /** What is outside was named and given to lm in this run, so its removal does not count. */
  adopted: boolean;
  /** See `Tells`. */
  tellsMounts: boolean;
}

interface Verdict {
  /** The first objection that applies; then nothing may be removed. */
  objection?: LmError;
  /** Nothing is lost, but too much would be missing here meanwhile: removals come after the downloads that replace them. */
  later: boolean;
  /** More is lost than the usual limits allow: from here on, what the source has now is the reference. */
  accepted: boolean;
}

/** Judges what is missing at the source; and where lm has not written everything here, also what is removed here. */
export function judgeRemovals(given: RemovalsCase): Verdict {
  const { plan, limit, reference, only, outside, adopted } = given;
  const { counts } = plan;
  const verdict = (objection?: LmError): Verdict => ({
    ...(objection && { objection }),
    later: false,
    accepted: false,
  });
  const emptied = emptiedRoot(given);
  if (emptied) return verdict(emptied);
  const marks = reference && [...reference.dirs].filter(([dir]) => only === undefined || isWithin(dir, only));
  const byRemovals = !marks || reference.adopted || (only !== undefined && marks.length === 0);
  const { goes, of } = removedOf(given);
  if (byRemovals && isBeyond(goes, of, limit)) return verdict(tooMuchRemoved(given));
  if (!marks) return verdict();
  const since = lossOf(lastOf(marks), sourceOf(given));
  const all = reference.complete ? lossOf(acceptedOf(marks), sourceOf(given)) : since;
  const isAllowed = wasAllowed(all, reference);
  const losses = isAllowed ? [since] : [since, all];
  const weight = limit.kind === 'count' ? ({ affected }: Loss): number => affected : shareLost;
  const worst = losses.reduce((a, b) => (weight(b) > weight(a) ? b : a));
  if (exceeds(worst, limit)) return verdict(tooMuchLost(given, worst));
  if (!adopted && isBeyond(outside.lost, counts.local, limit)) return verdict(tooMuchOfOthers(given));
  const usual = [
    DEFAULT_LIMIT,
    given.usual,
    ...(reference.limit ? [reference.limit] : []),
    ...(isAllowed ? [limit] : []),
  ];
  const accepted = usual.some((each) => [since, all].some((loss) => exceeds(loss, each)));
  const later = !byRemovals && counts.remove.entries > 0 && exceeds(lossOf(lastOf(marks), remainingOf(given)), limit);
  return { later, accepted };
}

/**
 * Whether a stated limit has allowed this loss in the last complete pass: then a stricter limit does not refuse it again. The default limit
 * was stated by nobody, so it does not count.
 */
const wasAllowed = (all: Loss, { complete, limit = DEFAULT_LIMIT }: Reference): boolean =>
  complete && !isDeepStrictEqual(limit, DEFAULT_LIMIT) && !exceeds(all, limit);

/** What is removed, and of how much, without what the operator has just given to lm. */
function removedOf({ plan: { counts }, outside, adopted }: RemovalsCase): { goes: Share; of: Share } {
  const rest = ({ entries, bytes }: Share): Share =>
    adopted ? { entries: entries - outside.remove.entries, bytes: bytes - outside.remove.bytes } : { entries, bytes };
  return { goes: rest(counts.remove), of: rest(counts.local) };
}

type HeldOf = (marks: [EntryKey, Marks][]) => [EntryKey, Held][];
const lastOf: HeldOf = (marks) => marks.map(([dir, { last }]) => [dir, last]);
const acceptedOf: HeldOf = (marks) => marks.map(([dir, { accepted }]) => [dir, accepted]);

function* sourceOf({ plan: { counts }, reference }: RemovalsCase): Generator<[EntryKey, Held & Since]> {
  for (const { dir, source, shrunk, fresh } of counts.holdings)
    yield [dir, { ...source, shrunk, came: cameTo(dir, reference) + fresh.bytes }];
}

function* remainingOf({ plan: { counts }, reference }: RemovalsCase): Generator<[EntryKey, Held & Partial<Since>]> {
  for (const { dir, remaining } of counts.holdings) yield [dir, { ...remaining, came: cameTo(dir, reference) }];
}

function cameTo(dir: EntryKey, reference: Reference | undefined): number {
  const marks = reference?.dirs.get(dir);
  return marks ? marks.came + marks.cameBefore : 0;
}

/**
 * Logs, hints and caches may be empty in normal operation. When a source does not report its mounts, as a Sidecar, a disk that is not
 * mounted cannot be noticed: then no root may be empty.
 */
function emptiedRoot({ plan, reference, only, tellsMounts }: RemovalsCase): LmError | undefined {
  const { counts } = plan;
  if (counts.total.entries === 0 && counts.local.entries > 0)
    return new LmError(
      'source-empty',
      `the source lists nothing ${only === undefined ? 'at all' : `at ${printable(only)}`}, so nothing is removed here`,
      {
        details: removalLines(plan),
        hint: `is its disk mounted? ${only === undefined ? 'to empty this destination, do it by hand' : 'if it is gone there by right, lm copy without --only removes it'}`,
      },
    );
  if (only !== undefined) return undefined;
  for (const [key, { source, local }] of counts.roots) {
    if (source > 0 || local === 0) continue;
    const heldText = reference === undefined || (reference.roots.get(key) ?? 0) > 0;
    if (tellsMounts && !(heldText && NEVER_EMPTY.test(key))) continue;
    return new LmError(
      'source-empty',
      `the source lists nothing for ${key}, where ${formatEntries(local)} ${local === 1 ? 'is' : 'are'} here`,
      {
        hint: 'is its disk mounted? if that directory is empty there by right, empty it here by hand',
      },
    );
  }
  return undefined;
}

const NEVER_EMPTY = /^(?:data|local_system_data)\//;

/** The lines of a refusal: how much would be removed, and the first entries. */
export function removalLines({ counts: { remove, local }, firstRemovals }: RemovalsCase['plan']): string[] {
  return [
    `it would remove ${remove.entries} of ${formatEntries(local.entries)} (${formatBytes(remove.bytes)} of ${formatBytes(local.bytes)}), first:`,
    ...firstRemovals.map((key) => `  ${printable(key)}`),
  ];
}

function isBeyond(part: Share, whole: Share, limit: DeleteLimit): boolean {
  return limit.kind === 'count' ? part.entries > limit.entries : shareOf(part, whole) > limit.share;
}

function shareOf(part: Share, whole: Share): number {
  const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);
  return Math.max(ratio(part.entries, whole.entries), ratio(part.bytes, whole.bytes));
}

const limitText = (limit: DeleteLimit): string =>
  limit.kind === 'count' ? `${limit.entries}` : `${Number((limit.share * 100).toPrecision(15))}%`;

const allowingFlag = (limit: DeleteLimit, entries: number, share: number): string =>
  `--max-delete ${limit.kind === 'count' ? entries : `${Math.ceil(share * 100)}%`}`;

function tooMuchRemoved(given: RemovalsCase): LmError {
  const { plan, limit } = given;
  const { goes, of } = removedOf(given);
  return new LmError('max-delete', `cleaning would remove more than --max-delete ${limitText(limit)} allows`, {
    details: removalLines(plan),
    hint: `if that is right: ${allowingFlag(limit, goes.entries, shareOf(goes, of))}`,
  });
}

function tooMuchOfOthers({ plan, limit, outside: { lost } }: RemovalsCase): LmError {
  const { local, remove } = plan.counts;
  return new LmError(
    'max-delete',
    `more of what lm did not put here would be removed or replaced than --max-delete ${limitText(limit)} allows`,
    {
      details: [
        `it would remove or replace ${lost.entries} of ${local.entries} entries (${formatBytes(lost.bytes)} of ${formatBytes(local.bytes)}), named above`,
        ...(remove.entries > 0 ? removalLines(plan) : []),
      ],
      hint: `if that is right: ${allowingFlag(limit, lost.entries, shareOf(lost, local))}`,
    },
  );
}

function tooMuchLost({ plan, limit }: RemovalsCase, loss: Loss): LmError {
  const { bytes, ofBytes, files, ofFiles, affected, worst } = loss;
  return new LmError('max-delete', `the source has lost more than --max-delete ${limitText(limit)} allows`, {
    details: [
      `of what it held when that was last accepted it has lost ${formatBytes(bytes)} of ${formatBytes(ofBytes)}, ${Math.ceil(files)} of ${formatCount(ofFiles, 'file')}:`,
      ...worst.map(({ dir, was, now }) => `  ${printable(dir)}: ${held(was)}, now ${held(now)}`),
      ...(plan.counts.remove.entries > 0 ? removalLines(plan) : []),
    ],
    hint: `is all of it there by right? if so: ${allowingFlag(limit, affected, shareLost(loss))}`,
  });
}

const held = ({ files, bytes }: Held): string => `${formatBytes(bytes)} in ${formatCount(files, 'file')}`;
