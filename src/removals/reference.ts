// What a source has to hold up to, directory by directory: not what it had when a run began, but what was last accepted. Pure: each
// function returns the next reference; where it is kept is told elsewhere.

import { type EntryKey, isWithin, type RootKey } from '../files/entry.js';
import type { Held, Holdings } from '../plan/holdings.js';
import type { DeleteLimit } from './loss.js';

export interface Reference {
  /** A pass has ended, so that `last` is what it left. Until then `last` is what all passes have brought. */
  complete: boolean;
  /** Something here was not put there by lm: what goes counts as well, until a complete pass has ended. */
  adopted: boolean;
  /** What either side excluded: of other exclusions nothing can be compared. */
  exclusions: string;
  /** The largest number of entries that each root has had at the source. */
  roots: Map<RootKey, number>;
  /** That was in force when a complete pass last ended. */
  limit?: DeleteLimit | undefined;
  dirs: Map<EntryKey, Marks>;
}

export interface Marks {
  last: Held;
  /**
   * The last accepted state: it grows with what two complete passes in a row have held, so that the moment in which a compaction has both
   * its old files and its new ones does not count, and shrinks when a refusal is accepted. Until a pass is complete: what the pass under
   * way is to bring.
   */
  accepted: Held;
  /** Bytes of files that came since the last complete pass, and in the run that ended with it, where there was something before. */
  came: number;
  cameBefore: number;
}

const UNKNOWN: Marks = { last: { files: 0, bytes: 0 }, accepted: { files: 0, bytes: 0 }, came: 0, cameBefore: 0 };
export const NONE: Held = { files: 0, bytes: 0 };

const least = (a: Held, b: Held): Held => ({ files: Math.min(a.files, b.files), bytes: Math.min(a.bytes, b.bytes) });
const most = (a: Held, b: Held): Held => ({ files: Math.max(a.files, b.files), bytes: Math.max(a.bytes, b.bytes) });
const isNone = ({ files, bytes }: Held): boolean => files === 0 && bytes === 0;

export const noReference = (exclusions: string, adopted: boolean): Reference => ({
  complete: false,
  adopted,
  exclusions,
  roots: new Map(),
  dirs: new Map(),
});

/** A destination whose passes left no reference: what is here is what they have brought, as far as anybody knows. */
export function referenceOfHere(holdings: Holdings, from: Reference): Reference {
  const dirs = new Map<EntryKey, Marks>();
  for (const { dir, local } of holdings)
    dirs.set(dir, { ...UNKNOWN, last: local, accepted: from.complete ? local : NONE });
  return { ...from, dirs };
}

/** Before a complete pass has ended: of what the pass before was to bring, that which has come. */
export function withBrought(reference: Reference, holdings: Holdings): Reference {
  if (reference.complete) return reference;
  const dirs = new Map(reference.dirs);
  for (const { dir, local } of holdings) {
    const marks = dirs.get(dir);
    if (marks) dirs.set(dir, { ...marks, last: most(marks.last, least(marks.accepted, local)) });
  }
  return { ...reference, dirs };
}

/** A pass begins that is to bring what the source has now. */
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

/** What was refused has been accepted: the source as it is now is what it has to hold up to. */
export function whenAccepted(reference: Reference, { holdings, only, ...seen }: Seen): Reference {
  const dirs = apart(reference, only);
  for (const { dir, source } of holdings)
    if (looksAt(only, dir)) dirs.set(dir, { ...UNKNOWN, last: source, accepted: source });
  return { ...reference, roots: new Map(Object.entries(seen.roots)), dirs };
}

/** A pass has ended that saw all of the source; what it left here is what both sides had. Of a part it says nothing of the rest. */
export function whenPassEnds(reference: Reference, seen: Seen, limit: DeleteLimit): Reference {
  const { holdings, only } = seen;
  if (only !== undefined && !reference.complete) return withBrought(reference, holdings);
  const dirs = apart(reference, only);
  const before = reference.complete ? reference.dirs : new Map<EntryKey, Marks>();
  for (const { dir, source, left } of holdings) {
    if (!looksAt(only, dir)) continue;
    const last = least(source, left);
    const was = before.get(dir);
    const accepted = reference.complete ? most(was?.accepted ?? NONE, least(was?.last ?? NONE, last)) : last;
    dirs.set(dir, { last, accepted, came: 0, cameBefore: was?.came ?? 0 });
  }
  for (const [dir, { accepted }] of before)
    if (looksAt(only, dir) && !dirs.has(dir) && !isNone(accepted)) dirs.set(dir, { ...UNKNOWN, accepted });
  return { ...reference, complete: true, adopted: false, limit, roots: grownRoots(reference, seen), dirs };
}

/** What a survey has seen. */
export interface Seen {
  holdings: Holdings;
  /** Entries of each root at the source. */
  roots: Record<RootKey, number>;
  only: EntryKey | undefined;
}

const looksAt = (only: EntryKey | undefined, dir: EntryKey): boolean => only === undefined || isWithin(dir, only);

const apart = ({ dirs }: Reference, only: EntryKey | undefined): Map<EntryKey, Marks> =>
  only === undefined ? new Map() : new Map([...dirs].filter(([dir]) => !isWithin(dir, only)));

function grownRoots(reference: Reference, { roots }: Seen): Map<RootKey, number> {
  const grown = new Map(reference.roots);
  for (const [key, entries] of Object.entries(roots)) grown.set(key, Math.max(entries, grown.get(key) ?? 0));
  return grown;
}
