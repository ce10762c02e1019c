// Finds what somebody else has done here since the last complete pass: compares this walk with the walk of that pass, and leaves out what
// lm itself has written since.

import type { Share } from '../events.js';
import { type Entry, type EntryKey, isPartName, isWithin, joinKey } from '../files/entry.js';
import { FIRST_FEW } from '../files/listing.js';
import { mergeUnlike } from '../plan/merge.js';
import type { Plan } from '../plan/plan.js';
import { readSlice, type Spool } from '../spool/spool.js';
import { type StoredBlock, storedBlocks } from './stored-walk.js';

/** `new`: under a name that had nothing; `replaced`: another file, or one of another kind; `changed`: another size or time. */
type OutsideWork = 'new' | 'changed' | 'replaced';

export interface OutsideChanges {
  entries: number;
  /** Those of them that the plan removes. */
  remove: Share;
  /** Those of them that the plan removes or replaces. */
  lost: Share;
  first: { key: EntryKey; work: OutsideWork }[];
  /** Entries that the last pass left here, that are gone, and that are copied again: nobody's work is lost by that. */
  gone: number;
  firstGone: EntryKey[];
}

/** What the last complete pass has left here. */
interface KnownEntries {
  lines: Iterable<Uint8Array>;
  /** The prefixes of keys that it covers. */
  within: readonly EntryKey[];
}

export interface OutsideOptions {
  known: KnownEntries;
  walk: Iterable<Uint8Array>;
  /** The key that was walked, when the run is limited to one. */
  only: EntryKey | undefined;
  plan: Pick<Plan, 'spools'>;
  /** What passes since then were about to write, as the source listed it, by directory. */
  planned: Iterable<[dir: EntryKey, entries: Entry[]]>;
  /** This machine has crashed since: what was being written then may have any size and time. */
  crashed: boolean;
}

/**
 * An entry is an outside change when lm did not leave it here, the source has it otherwise or not at all, and no pass of lm was about to
 * write it; or when lm left it here with another size, time or inode. Directories count only when they are new, because their entries
 * change their attributes. Modes and owners do not count: no work is lost when they are fixed.
 */
export async function findOutsideChanges(options: OutsideOptions): Promise<OutsideChanges> {
  const nothing = { entries: 0, bytes: 0 };
  const found: OutsideChanges = {
    ...{ entries: 0, first: [], gone: 0, firstGone: [] },
    ...{ remove: { ...nothing }, lost: { ...nothing } },
  };
  let sets: Sets | undefined;
  for await (const { dir, was, now } of changedEntries(options)) {
    sets ??= setsOf(options);
    const entry = (now ?? was)!;
    const key = joinKey(dir, entry.name);
    if (!now) {
      if (!sets.fetched.has(hash(key))) continue; // gone at the source as well
      found.gone++;
      if (found.firstGone.length < FIRST_FEW) found.firstGone.push(key);
      continue;
    }
    const work = workOn(was, now);
    if (!work || sets.planned.has(hash(plannedAs(key, now, options)))) continue;
    const removed = sets.removed.has(hash(key));
    const lost = removed || sets.fetched.has(hash(key));
    if (work === 'new' && !lost) continue; // the source has the same entry
    found.entries++;
    if (found.first.length < FIRST_FEW) found.first.push({ key, work });
    for (const share of [...(removed ? [found.remove] : []), ...(lost ? [found.lost] : [])]) {
      share.entries++;
      share.bytes += Number(now.size);
    }
  }
  return found;
}

interface ChangedEntry {
  dir: EntryKey;
  was?: Entry | undefined;
  now?: Entry | undefined;
}

/** The entries of blocks that are not the same, byte for byte. In most trees there are none. */
async function* changedEntries({ known, walk, only }: OutsideOptions): AsyncGenerator<ChangedEntry> {
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

/** Sets of hashes of keys, because a million keys take too much memory as strings. */
interface Sets {
  removed: Set<number>;
  /** Files to download and directories to make. */
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

/** With the time to two seconds, because some file systems keep no more. Size and time of a directory are left out. */
function plannedAs(key: EntryKey, { kind, size, mtimeNs }: Entry, { crashed }: OutsideOptions): string {
  return crashed || kind === 'directory' ? key : `${key}\0${size}\0${BigInt(mtimeNs) / 2_000_000_000n}`;
}

/** A hash of 53 bits, by two rounds of FNV-1a and Murmur's last step: among a million keys, two collide once in 18,000 runs. */
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
