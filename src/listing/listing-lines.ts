// Writes the lines of a listing and parses the line of a block. Checks across lines are in listing/listing-order.ts.

import { type LmError, printable } from '../errors.js';
import { type Entry, type EntryKey, isSameOwner, joinKey, kindOf, NO_INODE, type Owner } from '../files/entry.js';
import { type Block, invalidListing, type ListingHeader, type ListingTotals } from '../files/listing.js';
import { checkName, MAX_KEY } from '../files/roots.js';
import { joinMicroseconds, splitMicroseconds } from '../files/times.js';
import { isUint32, type OwnerMapping, type OwnerNames } from '../owners/owner-names.js';

/** A reader understands every listing of its version, whatever was added to it, and refuses another version. */
export const PROTOCOL_VERSION = 1;

/**
 * What was added to the first version of the protocol. A client requests features by name, in a request header; the listing's header names
 * those that it holds. A reader works without a missing feature, and ignores what it does not know: features, members of the header and the
 * end, types of lines, values after a block's `marks`. So an addition that changes the meaning of the rest, or costs a reader that does not
 * need it, must be requested. `blocks` adds nothing to the listing: its agent answers block digests. An agent that lists `allocated` sends
 * the files that have it as sparse ranges.
 */
const FEATURES = ['ctimes', 'links', 'exclude', 'names', 'blocks', 'allocated'] as const;
export type Feature = (typeof FEATURES)[number];

/** The known features among the words of a request header. */
export const featuresIn = (text: string | undefined): Feature[] =>
  FEATURES.filter((feature) => (text ?? '').split(',').some((word) => word.trim() === feature));

export const ENTRIES_PER_BLOCK = 1000;

/** `names`: those of the owners of the roots. */
export const headerLine = (header: ListingHeader, names?: OwnerNames): string =>
  `${JSON.stringify({ type: 'listing', ...header, ...(names && { names: namesIn(names) }) })}\n`;

/** Comes before the first block that has an owner with one of these numbers. Root is left out: its number means the same everywhere. */
export const namesLine = (names: OwnerNames): string => `${JSON.stringify({ type: 'names', ...namesIn(names) })}\n`;

const namesIn = ({ users, groups, trouble }: OwnerNames) => ({
  users: Object.fromEntries(users),
  groups: Object.fromEntries(groups),
  trouble,
});

export const progressLine = (entries: number): string => `${JSON.stringify({ type: 'progress', entries })}\n`;

export const endLine = (end: ListingTotals): string => `${JSON.stringify({ type: 'end', ...end })}\n`;

/**
 * `[dir, [[name, size, mtimeUs, mode, target?], …], ⇥[[uid, gid, entries], …], ⇥[ino, …], [ns, …], marks?, {ctimes: [ns, …]?,
 * links: [count, …]?, allocated: [[index, bytes], …]?}?]`; `marks` is null where there are none and more follows. What a copy keeps comes first, owners next, and what
 * differs from host to host last. A tab, which JSON allows between values but not within one, ends each of the first two sections. So lines
 * of equal directories are equal up to a tab, and are compared without parsing. `ns` are the nanoseconds beyond the microsecond, which no
 * copy keeps.
 */
export function blockLine({ dir, entries, excluded, device }: Block): string {
  let contents = '';
  let inodes = '';
  let nanos = '';
  let comma = '';
  for (const { name, size, mtimeNs, mode, ino = NO_INODE, target } of entries) {
    const [us, ns] = splitMicroseconds(mtimeNs);
    const link = target === undefined ? '' : `,${JSON.stringify(target)}`;
    contents += `${comma}[${quoted(name)},"${size}","${us}",${mode}${link}]`;
    inodes += `${comma}"${ino}"`;
    nanos += comma + ns;
    comma = ',';
  }
  const marks = excluded || device ? `,${JSON.stringify({ excluded, device })}` : '';
  const requested = requestedMembers(entries);
  const more = requested === '' ? marks : `${marks === '' ? ',null' : marks}${requested}`;
  return `[${quoted(dir)},[${contents}],\t${JSON.stringify(ownersOf(entries))},\t[${inodes}],[${nanos}]${more}]\n`;
}

/** The members that entries have on request only; all entries of one walk have `ctimeNs` and `links`, or none, and few have `allocated`. */
function requestedMembers(entries: readonly Entry[]): string {
  const [first] = entries;
  const sparse = entries.some(({ allocated }) => allocated !== undefined);
  if (first?.ctimeNs === undefined && first?.links === undefined && !sparse) return '';
  return `,${JSON.stringify({
    ...(first!.ctimeNs !== undefined && { ctimes: entries.map(({ ctimeNs }) => ctimeNs) }),
    ...(first!.links !== undefined && { links: entries.map(({ links }) => links) }),
    ...(sparse && {
      allocated: entries.flatMap(({ allocated }, i) => (allocated === undefined ? [] : [[i, allocated]])),
    }),
  })}`;
}

const quoted = (text: string): string => (NEEDS_ESCAPES.test(text) ? JSON.stringify(text) : `"${text}"`);
const NEEDS_ESCAPES = /["\\\p{Cc}]/u;

type OwnerRun = [uid: number | null, gid: number | null, entries: number];

function ownersOf(entries: readonly Entry[]): OwnerRun[] {
  const runs: OwnerRun[] = [];
  let run: OwnerRun | undefined;
  let last: Owner | undefined;
  for (const { owner } of entries) {
    if (!run || !isSameOwner(owner, last)) {
      run = [owner?.uid ?? null, owner?.gid ?? null, 0];
      runs.push(run);
      last = owner;
    }
    run[2]++;
  }
  return runs;
}

const TAB = 9;

/**
 * Whether a line of the source and one of this host describe equal entries, without the owners or with them. `toLocal` turns the owners
 * section of the source's line into that of this host.
 */
export function isSameLine(
  line: Uint8Array,
  local: Uint8Array,
  owners: boolean,
  toLocal?: (section: Uint8Array) => Uint8Array,
): boolean {
  const first = local.indexOf(TAB) + 1;
  const end = owners ? local.indexOf(TAB, first) + 1 : first;
  if (!owners || !toLocal)
    return line.length >= end && Buffer.compare(line.subarray(0, end), local.subarray(0, end)) === 0;
  if (Buffer.compare(line.subarray(0, first), local.subarray(0, first)) !== 0) return false;
  const section = line.subarray(first, line.indexOf(TAB, first) + 1);
  return Buffer.compare(toLocal(section), local.subarray(first, end)) === 0;
}

/** `[[uid, gid, entries], …],⇥`: turns this section of a source's line into the one that a walk of this host writes. Throws `protocol`. */
export function localOwners(section: Uint8Array, mapping: OwnerMapping, dir: EntryKey): Uint8Array {
  let runs: unknown;
  try {
    runs = JSON.parse(Buffer.from(section).toString('latin1').slice(0, -2));
  } catch {
    throw malformed(dir);
  }
  if (!areRows(runs)) throw malformed(dir);
  const merged: OwnerRun[] = [];
  for (const [owner, entries] of ownerRuns(runs, mapping, dir)) {
    const [uid, gid] = [owner?.uid ?? null, owner?.gid ?? null];
    const last = merged.at(-1);
    if (last && last[0] === uid && last[1] === gid) last[2] += entries;
    else merged.push([uid, gid, entries]);
  }
  return Buffer.from(`${JSON.stringify(merged)},\t`);
}

/** Parses a block's line; `mapping` maps its owners to those of this host. Throws `protocol` for what no honest agent writes. */
export function blockOf(
  [dir, contents, owners, inodes, nanos, marks, requested]: unknown[],
  mapping?: OwnerMapping,
): Block {
  if (
    typeof dir !== 'string' ||
    !areRows(contents) ||
    !areRows(owners) ||
    !Array.isArray(inodes) ||
    !Array.isArray(nanos)
  )
    throw invalidListing('a line that is no block');
  if (dir.length > MAX_KEY) throw invalidListing(`a directory of ${dir.length} characters`);
  const { excluded, device } = (marks ?? {}) as { excluded?: unknown; device?: unknown };
  const each = ownerOfEach(owners, contents.length, dir, mapping);
  const more = (requested ?? {}) as { ctimes?: unknown; links?: unknown; allocated?: unknown };
  const ctimes = oneEach(more.ctimes, contents.length, isNanosecondsText, dir);
  const links = oneEach(more.links, contents.length, isUint32, dir);
  const allocated = more.allocated === undefined ? NO_HOLES : allocatedOf(more.allocated, dir);
  return {
    dir,
    entries: contents.map((row, i) =>
      entryOf(
        row,
        inodes[i],
        nanos[i],
        each[i],
        { ctimeNs: ctimes?.[i], links: links?.[i], allocated: allocated.get(i) },
        dir,
      ),
    ),
    ...(typeof excluded === 'number' && { excluded }),
    ...(typeof device === 'string' && { device }),
  };
}

const areRows = (value: unknown): value is unknown[][] => Array.isArray(value) && value.every(Array.isArray);
export const malformed = (dir: EntryKey): LmError => invalidListing(`a malformed row in ${printable(dir)}`);

/** All entries of a run share one object. */
function ownerOfEach(
  runs: unknown[][],
  count: number,
  dir: EntryKey,
  mapping: OwnerMapping | undefined,
): (Owner | undefined)[] {
  const each: (Owner | undefined)[] = [];
  for (const [owner, entries] of ownerRuns(runs, mapping, dir)) {
    if (each.length + entries > count) throw malformed(dir);
    for (let i = 0; i < entries; i++) each.push(owner);
  }
  if (each.length !== count) throw malformed(dir);
  return each;
}

function* ownerRuns(
  runs: unknown[][],
  mapping: OwnerMapping | undefined,
  dir: EntryKey,
): Generator<[owner: Owner | undefined, entries: number]> {
  for (const [uid, gid, entries] of runs) {
    if (!isRunLength(entries)) throw malformed(dir);
    const isKnown = isUint32(uid) && isUint32(gid);
    if (!isKnown && (uid !== null || gid !== null)) throw malformed(dir);
    const owner = isKnown && mapping ? mapping.toLocal({ uid, gid }) : isKnown ? { uid, gid } : undefined;
    if (isKnown && !owner) throw invalidListing(`an owner, ${uid}:${gid}, whose names it did not send`);
    yield [owner, entries];
  }
}

const isRunLength = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 1;

export function oneEach<T>(
  values: unknown,
  count: number,
  isOne: (value: unknown) => value is T,
  dir: EntryKey,
): T[] | undefined {
  if (values === undefined) return undefined;
  if (!Array.isArray(values) || values.length !== count || !values.every(isOne)) throw malformed(dir);
  return values;
}

const NO_HOLES: ReadonlyMap<number, number> = new Map();

/** By the index of the entry. */
function allocatedOf(value: unknown, dir: EntryKey): Map<number, number> {
  if (!areRows(value)) throw malformed(dir);
  return new Map(
    value.map(([index, bytes]) => {
      if (!Number.isSafeInteger(index) || !Number.isSafeInteger(bytes) || (bytes as number) < 0) throw malformed(dir);
      return [index as number, bytes as number];
    }),
  );
}

/** Checked by hand, not with zod, because it is called a million times. */
function entryOf(
  row: unknown[],
  ino: unknown,
  ns: unknown,
  owner: Owner | undefined,
  { ctimeNs, links, allocated }: Pick<Entry, 'ctimeNs' | 'links' | 'allocated'>,
  dir: EntryKey,
): Entry {
  const [name, size, us, mode, target] = row;
  if (
    !(
      typeof name === 'string' &&
      isSize(size) &&
      isMicroseconds(us) &&
      isNanoseconds(ns) &&
      isUint32(mode) &&
      isDigits(ino) &&
      (target === undefined || isTarget(target))
    )
  )
    throw malformed(dir);
  const kind = kindOf(mode);
  if ((kind === 'link') !== (target !== undefined)) throw malformed(dir);
  checkName(name, joinKey(dir, name));
  return {
    name,
    kind,
    size,
    mtimeNs: joinMicroseconds(us, ns),
    mode,
    ino: ino === NO_INODE ? undefined : ino,
    owner,
    target,
    ctimeNs,
    links,
    allocated,
  };
}

export const isDigits = (value: unknown): value is string => typeof value === 'string' && /^\d{1,20}$/.test(value);
/** A file system may keep any 64-bit number of seconds. */
export const isNanosecondsText = (value: unknown): value is string =>
  typeof value === 'string' && /^-?\d{1,28}$/.test(value);
const isMicroseconds = (value: unknown): value is string => typeof value === 'string' && /^-?\d{1,25}$/.test(value);

/** The nanoseconds beyond a microsecond. */
export const isNanoseconds = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 1000;

/** Limited because sums of bytes are exact up to 2^53 only. */
const isSize = (value: unknown): value is string => isDigits(value) && Number.isSafeInteger(Number(value));

/** The text of a symbolic link that the kernel takes and JSON can carry. */
const isTarget = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length < 4096 && !value.includes('\0') && value.isWellFormed();
