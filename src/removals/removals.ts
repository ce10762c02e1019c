// What CLEANING may remove, when, and how a refusal explains itself. Pure judgement over counts and what the source held before.

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

/** Of what somebody else has put here: what goes, and what goes or is replaced. */
export interface Outside {
  remove: Share;
  lost: Share;
}

export const NOTHING_OUTSIDE: Outside = { remove: { entries: 0, bytes: 0 }, lost: { entries: 0, bytes: 0 } };

export interface RemovalsCase {
  plan: Pick<Plan, 'counts' | 'firstRemovals'>;
  limit: DeleteLimit;
  /** What the next copy is judged by, as flags are not remembered. */
  usual: DeleteLimit;
  /** Undefined when it is lost: then what goes is all there is to judge by. */
  reference: Reference | undefined;
  only: EntryKey | undefined;
  outside: Outside;
  /** It was named and given to lm in this run: of what goes, it alone does not count. */
  adopted: boolean;
  /** See `Tells`. */
  tellsMounts: boolean;
}

export interface Verdict {
  /** The first that applies; nothing may be removed. */
  objection?: LmError;
  /** No loss, but what goes is more than may be missing here meanwhile: it goes once what replaces it has come. */
  later: boolean;
  /** More is lost than is allowed as a rule: what is left is what counts from here on. */
  accepted: boolean;
}

/** Judges what is missing at the source, and where lm did not put everything here itself, what goes from here as well. */
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
  const { goes, of } = goesOf(given);
  if (byRemovals && beyond(goes, of, limit)) return verdict(tooMuchGoes(given));
  if (!marks) return verdict();
  const since = lossOf(lastOf(marks), sourceOf(given));
  const all = reference.complete ? lossOf(acceptedOf(marks), sourceOf(given)) : since;
  const letThrough = wasLetThrough(all, reference);
  const losses = letThrough ? [since] : [since, all];
  const weight = limit.kind === 'count' ? ({ touched }: Loss): number => touched : shareLost;
  const worst = losses.reduce((a, b) => (weight(b) > weight(a) ? b : a));
  if (exceeds(worst, limit)) return verdict(tooMuchLost(given, worst));
  if (!adopted && beyond(outside.lost, counts.local, limit)) return verdict(tooMuchOfOthers(given));
  const usual = [
    DEFAULT_LIMIT,
    given.usual,
    ...(reference.limit ? [reference.limit] : []),
    ...(letThrough ? [limit] : []),
  ];
  const accepted = usual.some((each) => [since, all].some((loss) => exceeds(loss, each)));
  const later = !byRemovals && counts.remove.entries > 0 && exceeds(lossOf(lastOf(marks), leftOf(given)), limit);
  return { later, accepted };
}

/**
 * Whether the last complete pass was told to let so much through, by a limit that somebody has stated: what it ended with is not asked for
 * again by a stricter one. The default has let nothing through knowingly.
 */
const wasLetThrough = (all: Loss, { complete, limit = DEFAULT_LIMIT }: Reference): boolean =>
  complete && !isDeepStrictEqual(limit, DEFAULT_LIMIT) && !exceeds(all, limit);

/** What goes, of what is here, but for what the operator has just given away. */
function goesOf({ plan: { counts }, outside, adopted }: RemovalsCase): { goes: Share; of: Share } {
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

function* leftOf({ plan: { counts }, reference }: RemovalsCase): Generator<[EntryKey, Held & Partial<Since>]> {
  for (const { dir, left } of counts.holdings) yield [dir, { ...left, came: cameTo(dir, reference) }];
}

function cameTo(dir: EntryKey, reference: Reference | undefined): number {
  const marks = reference?.dirs.get(dir);
  return marks ? marks.came + marks.cameBefore : 0;
}

/**
 * Some directories are emptied as a matter of course: logs, hints and caches. Where a source tells nothing by which a disk that is not
 * mounted could be noticed, as a Sidecar, none is.
 */
function emptiedRoot({ plan, reference, only, tellsMounts }: RemovalsCase): LmError | undefined {
  const { counts } = plan;
  if (counts.total.entries === 0 && counts.local.entries > 0)
    return new LmError(
      'refused',
      `the source lists nothing ${only === undefined ? 'at all' : `at ${printable(only)}`}, so nothing is removed here`,
      {
        details: removalLines(plan),
        hint: `is its disk mounted? ${only === undefined ? 'to empty this destination, do it by hand' : 'if it is gone there by right, lm copy without --only removes it'}`,
      },
    );
  if (only !== undefined) return undefined;
  for (const [key, { source, local }] of counts.roots) {
    if (source > 0 || local === 0) continue;
    const held = reference === undefined || (reference.roots.get(key) ?? 0) > 0;
    if (tellsMounts && !(held && NEVER_EMPTY.test(key))) continue;
    return new LmError(
      'refused',
      `the source lists nothing for ${key}, where ${formatEntries(local)} ${local === 1 ? 'is' : 'are'} here`,
      {
        hint: 'is its disk mounted? if that directory is empty there by right, empty it here by hand',
      },
    );
  }
  return undefined;
}

const NEVER_EMPTY = /^(?:data|local_system_data)\//;

/** What a refusal has to show: how much would go, and what first. */
export function removalLines({ counts: { remove, local }, firstRemovals }: RemovalsCase['plan']): string[] {
  return [
    `it would remove ${remove.entries} of ${formatEntries(local.entries)} (${formatBytes(remove.bytes)} of ${formatBytes(local.bytes)}), first:`,
    ...firstRemovals.map((key) => `  ${printable(key)}`),
  ];
}

function beyond(part: Share, whole: Share, limit: DeleteLimit): boolean {
  return limit.kind === 'count' ? part.entries > limit.entries : shareOf(part, whole) > limit.share;
}

function shareOf(part: Share, whole: Share): number {
  const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);
  return Math.max(ratio(part.entries, whole.entries), ratio(part.bytes, whole.bytes));
}

const asGiven = (limit: DeleteLimit): string =>
  limit.kind === 'count' ? `${limit.entries}` : `${Number((limit.share * 100).toPrecision(15))}%`;

const allowing = (limit: DeleteLimit, entries: number, share: number): string =>
  `--max-delete ${limit.kind === 'count' ? entries : `${Math.ceil(share * 100)}%`}`;

function tooMuchGoes(given: RemovalsCase): LmError {
  const { plan, limit } = given;
  const { goes, of } = goesOf(given);
  return new LmError('refused', `cleaning would remove more than --max-delete ${asGiven(limit)} allows`, {
    details: removalLines(plan),
    hint: `if that is right: ${allowing(limit, goes.entries, shareOf(goes, of))}`,
  });
}

function tooMuchOfOthers({ plan, limit, outside: { lost } }: RemovalsCase): LmError {
  const { local, remove } = plan.counts;
  return new LmError(
    'refused',
    `more of what lm did not put here would be removed or replaced than --max-delete ${asGiven(limit)} allows`,
    {
      details: [
        `it would remove or replace ${lost.entries} of ${local.entries} entries (${formatBytes(lost.bytes)} of ${formatBytes(local.bytes)}), named above`,
        ...(remove.entries > 0 ? removalLines(plan) : []),
      ],
      hint: `if that is right: ${allowing(limit, lost.entries, shareOf(lost, local))}`,
    },
  );
}

function tooMuchLost({ plan, limit }: RemovalsCase, loss: Loss): LmError {
  const { bytes, ofBytes, files, ofFiles, touched, worst } = loss;
  return new LmError('refused', `the source has lost more than --max-delete ${asGiven(limit)} allows`, {
    details: [
      `of what it held when that was last accepted it has lost ${formatBytes(bytes)} of ${formatBytes(ofBytes)}, ${Math.ceil(files)} of ${formatCount(ofFiles, 'file')}:`,
      ...worst.map(({ dir, was, now }) => `  ${printable(dir)}: ${held(was)}, now ${held(now)}`),
      ...(plan.counts.remove.entries > 0 ? removalLines(plan) : []),
    ],
    hint: `is all of it there by right? if so: ${allowing(limit, touched, shareLost(loss))}`,
  });
}

const held = ({ files, bytes }: Held): string => `${formatBytes(bytes)} in ${formatCount(files, 'file')}`;
