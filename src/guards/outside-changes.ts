// What somebody else has done here since the last complete pass: this walk against the lines of that one, without what lm itself has
// written since. Compares names and attributes; what follows from it is decided elsewhere.

import type { Share } from '../events.js';
import { type Entry, type EntryKey, FIRST_FEW, isPartName, isWithin, joinKey } from '../files/entry.js';
import { mergeUnlike } from '../plan/merge.js';
import type { Plan } from '../plan/plan.js';
import { readSlice, type Spool } from '../spool/spool.js';
import { type StoredBlock, storedBlocks } from './stored-walk.js';

/** `new`: under a name that had nothing; `replaced`: another file, or one of another kind; `changed`: another size or time. */
export type OutsideWork = 'new' | 'changed' | 'replaced';

export interface OutsideChanges {
  entries: number;
  /** Of them, what the plan removes, and what it removes or brings anew. */
  remove: Share;
  lost: Share;
  first: { key: EntryKey; work: OutsideWork }[];
  /** Entries that were left here, are gone, and are brought again: nobody's work is lost by that. */
  gone: number;
  firstGone: EntryKey[];
}

/** What the last complete pass has left. */
export interface KnownEntries {
  lines: Iterable<Uint8Array>;
  /** It knows nothing of what lies outside these prefixes. */
  within: readonly EntryKey[];
}

export interface OutsideOptions {
  known: KnownEntries;
  walk: Iterable<Uint8Array>;
  /** The part that was walked, if it was one. */
  only: EntryKey | undefined;
  plan: Pick<Plan, 'spools'>;
  /** What passes since then were about to write, as entries of their sources, by directory. */
  planned: Iterable<[dir: EntryKey, entries: Entry[]]>;
  /** This machine went down since: what was being written then may have any size and time. */
  crashed: boolean;
}

/**
 * An entry is somebody's work when it was not left here, the source has it otherwise or not at all, and no pass of lm was about to
 * write it; or when it was left here with another size, time or inode. Directories count when they are new: what lies in them changes
 * their attributes. Modes and owners do not, since no work is lost when they are mended.
 */
export async function findOutsideChanges(options: OutsideOptions): Promise<OutsideChanges> {
  const nothing = { entries: 0, bytes: 0 };
  const found: OutsideChanges = {
    ...{ entries: 0, first: [], gone: 0, firstGone: [] },
    ...{ remove: { ...nothing }, lost: { ...nothing } },
  };
  let sets: Sets | undefined;
  for await (const { dir, was, now } of unlike(options)) {
    sets ??= setsOf(options);
    const entry = (now ?? was)!;
    const key = joinKey(dir, entry.name);
    if (!now) {
      if (!sets.fetched.has(hash(key))) continue; // the source does not have it any more either
      found.gone++;
      if (found.firstGone.length < FIRST_FEW) found.firstGone.push(key);
      continue;
    }
    const work = workOn(was, now);
    if (!work || sets.planned.has(hash(plannedAs(key, now, options)))) continue;
    const removed = sets.removed.has(hash(key));
    const lost = removed || sets.fetched.has(hash(key));
    if (work === 'new' && !lost) continue; // the source has it just so
    found.entries++;
    if (found.first.length < FIRST_FEW) found.first.push({ key, work });
    for (const share of [...(removed ? [found.remove] : []), ...(lost ? [found.lost] : [])]) {
      share.entries++;
      share.bytes += Number(now.size);
    }
  }
  return found;
}

interface Unlike {
  dir: EntryKey;
  was?: Entry | undefined;
  now?: Entry | undefined;
}

/** Entries whose blocks are not the same, byte for byte. Of most trees that is none. */
async function* unlike({ known, walk, only }: OutsideOptions): AsyncGenerator<Unlike> {
  const covers = (key: EntryKey): boolean =>
    known.within.some((prefix) => isWithin(key, prefix)) && (only === undefined || isWithin(key, only));
  const [before, now] = [storedBlocks(known.lines), storedBlocks(walk)];
  for await (const piece of mergeUnlike(before, now, (a, b) => (a as StoredBlock).line.equals(b.line))) {
    if (!('pairs' in piece)) continue;
    for (const { source: was, local } of piece.pairs) {
      const { name, kind } = (local ?? was)!;
      if ((isPartName(name) && kind !== 'directory') || !covers(joinKey(piece.dir, name))) continue;
      yield { dir: piece.dir, was, now: local };
    }
  }
}

function workOn(was: Entry | undefined, now: Entry): OutsideWork | undefined {
  if (!was) return 'new';
  const { kind } = now;
  if (was.kind !== kind) return 'replaced';
  if (kind === 'directory') return undefined;
  if (was.ino !== now.ino) return 'replaced';
  return was.size !== now.size || was.mtimeNs !== now.mtimeNs ? 'changed' : undefined;
}

/** Keys by a hash: a million of them must not live as a million strings. */
interface Sets {
  removed: Set<number>;
  /** Brought, or made. */
  fetched: Set<number>;
  planned: Set<number>;
}

function setsOf(options: OutsideOptions): Sets {
  const {
    plan: { spools },
    planned,
  } = options;
  const sets: Sets = { removed: new Set(), fetched: new Set(), planned: new Set() };
  for (const key of keysIn(spools.remove)) sets.removed.add(hash(key));
  for (const spool of [spools.mkdir, spools.bundle, spools.big])
    for (const key of keysIn(spool)) sets.fetched.add(hash(key));
  for (const [dir, entries] of planned)
    for (const entry of entries) sets.planned.add(hash(plannedAs(joinKey(dir, entry.name), entry, options)));
  return sets;
}

function* keysIn({ path, slices }: Spool): Generator<EntryKey> {
  for (const slice of slices)
    for (const [dir, entries] of readSlice(path, slice)) for (const { name } of entries) yield joinKey(dir, name);
}

/** To two seconds: some file systems keep no more of a time. A directory's size and time say nothing. */
function plannedAs(key: EntryKey, { kind, size, mtimeNs }: Entry, { crashed }: OutsideOptions): string {
  return crashed || kind === 'directory' ? key : `${key}\0${size}\0${BigInt(mtimeNs) / 2_000_000_000n}`;
}

/** 53 bits of a text, by two rounds of FNV-1a that end in Murmur's last step: two of a million keys are alike once in 18,000 runs. */
function hash(text: string): number {
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x85ebca6b);
    b ^= b >>> 13;
  }
  a = Math.imul(a ^ (a >>> 16) ^ b, 0x85ebca6b);
  b = Math.imul(b ^ (b >>> 15) ^ a, 0xc2b2ae35);
  return ((b >>> 0) & 0x1fffff) * 2 ** 32 + ((a ^ (a >>> 13)) >>> 0);
}
