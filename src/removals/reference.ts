// Computes the reference of a source, directory by directory: what was last accepted, and not what the source had when a run began. Pure:
// each function returns the next reference; state/journal/reference.ts records it.

import { type EntryKey, isWithin, type RootKey } from '../files/entry.js';
import type { Held, Holdings } from '../plan/holdings.js';
import type { DeleteLimit } from './loss.js';

export interface Reference {
  /** A complete pass has ended, so that `last` is what it left. Until then `last` is what all passes have copied. */
  complete: boolean;
  /** Not everything here was written by lm: removals here are counted as well, until a complete pass has ended. */
  adopted: boolean;
  /** The exclusions of both sides: with other exclusions nothing can be compared. */
  exclusions: string;
  /** The largest number of entries that each root has had at the source. */
  roots: Map<RootKey, number>;
  /** The limit in force when a complete pass last ended. */
  limit?: DeleteLimit | undefined;
  dirs: Map<EntryKey, Marks>;
}

export interface Marks {
  last: Held;
  /**
   * The last accepted state. It grows to what two complete passes in a row have found, so that the moment in which a compaction has both
   * old and new files does not count, and shrinks when a refusal is accepted. Until a pass is complete, it is what the running pass is to
   * copy.
   */
  accepted: Held;
  /** Bytes of files that came since the last complete pass, and in the run that ended with it, in directories that had files before. */
  came: number;
  cameBefore: number;
}

const UNKNOWN: Marks = { last: { files: 0, bytes: 0 }, accepted: { files: 0, bytes: 0 }, came: 0, cameBefore: 0 };
const NONE: Held = { files: 0, bytes: 0 };

const minOf = (a: Held, b: Held): Held => ({ files: Math.min(a.files, b.files), bytes: Math.min(a.bytes, b.bytes) });
const maxOf = (a: Held, b: Held): Held => ({ files: Math.max(a.files, b.files), bytes: Math.max(a.bytes, b.bytes) });
const isNone = ({ files, bytes }: Held): boolean => files === 0 && bytes === 0;

export const noReference = (exclusions: string, adopted: boolean): Reference => ({
  complete: false,
  adopted,
  exclusions,
  roots: new Map(),
  dirs: new Map(),
});

/** The reference of a destination whose passes left none: what is here counts as what they have copied. */
export function referenceOfHere(holdings: Holdings, from: Reference): Reference {
  const dirs = new Map<EntryKey, Marks>();
  for (const { dir, local } of holdings)
    dirs.set(dir, { ...UNKNOWN, last: local, accepted: from.complete ? local : NONE });
  return { ...from, dirs };
}

/** Adds, before a complete pass has ended, what has come of the files that the pass before was to copy. */
export function withBrought(reference: Reference, holdings: Holdings): Reference {
  if (reference.complete) return reference;
  const dirs = new Map(reference.dirs);
  for (const { dir, local } of holdings) {
    const marks = dirs.get(dir);
    if (marks) dirs.set(dir, { ...marks, last: maxOf(marks.last, minOf(marks.accepted, local)) });
  }
  return { ...reference, dirs };
}

/** The reference when a pass begins that is to copy what the source has now. */
export function whenPassBegins(reference: Reference, seen: Seen): Reference {
  const dirs = new Map(reference.dirs);
  for (const { dir, source, fresh } of seen.holdings) {
    const marks = dirs.get(dir);
    if (!marks && reference.complete) continue;
    const accepted = reference.complete ? marks!.accepted : source;
    dirs.set(dir, { ...UNKNOWN, ...marks, accepted, came: marks ? marks.came + fresh.bytes : 0 });
  }
  return { ...reference, roots: grownRoots(reference, seen), dirs };
}

/** The reference when a refusal has been accepted: the source as it is now. */
export function whenAccepted(reference: Reference, { holdings, only, ...seen }: Seen): Reference {
  const dirs = dirsOutside(reference, only);
  for (const { dir, source } of holdings)
    if (covers(only, dir)) dirs.set(dir, { ...UNKNOWN, last: source, accepted: source });
  return { ...reference, roots: new Map(Object.entries(seen.roots)), dirs };
}

/** The reference when a pass has ended that saw all of the source: what both sides had. With --only, other keys keep what they had. */
export function whenPassEnds(reference: Reference, seen: Seen, limit: DeleteLimit): Reference {
  const { holdings, only } = seen;
  if (only !== undefined && !reference.complete) return withBrought(reference, holdings);
  const dirs = dirsOutside(reference, only);
  const before = reference.complete ? reference.dirs : new Map<EntryKey, Marks>();
  for (const { dir, source, remaining } of holdings) {
    if (!covers(only, dir)) continue;
    const last = minOf(source, remaining);
    const was = before.get(dir);
    const accepted = reference.complete ? maxOf(was?.accepted ?? NONE, minOf(was?.last ?? NONE, last)) : last;
    dirs.set(dir, { last, accepted, came: 0, cameBefore: was?.came ?? 0 });
  }
  for (const [dir, { accepted }] of before)
    if (covers(only, dir) && !dirs.has(dir) && !isNone(accepted)) dirs.set(dir, { ...UNKNOWN, accepted });
  return { ...reference, complete: true, adopted: false, limit, roots: grownRoots(reference, seen), dirs };
}

/** What a survey has seen. */
export interface Seen {
  holdings: Holdings;
  /** Entries of each root at the source. */
  roots: Record<RootKey, number>;
  only: EntryKey | undefined;
}

const covers = (only: EntryKey | undefined, dir: EntryKey): boolean => only === undefined || isWithin(dir, only);

const dirsOutside = ({ dirs }: Reference, only: EntryKey | undefined): Map<EntryKey, Marks> =>
  only === undefined ? new Map() : new Map([...dirs].filter(([dir]) => !isWithin(dir, only)));

function grownRoots(reference: Reference, { roots }: Seen): Map<RootKey, number> {
  const grown = new Map(reference.roots);
  for (const [key, entries] of Object.entries(roots)) grown.set(key, Math.max(entries, grown.get(key) ?? 0));
  return grown;
}
