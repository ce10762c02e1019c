// A listing's lines, written, and a block's line read. Checks nothing across lines: listing/listing.ts does.

import { LmError, printable } from '../errors.js';
import {
  type Block,
  type Entry,
  type EntryKey,
  isSameOwner,
  joinKey,
  kindOf,
  type ListingEnd,
  type ListingHeader,
  NO_INODE,
  type Owner,
} from '../files/entry.js';
import { checkName, LONGEST_KEY } from '../files/roots.js';
import { joinMicroseconds, splitMicroseconds } from '../files/times.js';
import { isUint32, type OwnerMapping, type OwnerNames } from '../owners/owner-names.js';

/** Of a listing that a reader of this version understands, whatever was added to it; another version is refused. */
export const PROTOCOL_VERSION = 1;

/**
 * The names of what was added since features are announced. A client asks for features by name, in a request header; the listing's header
 * has those of them that it holds. A reader does without one that is not there, and passes over what it does not know: names, members of
 * the header and the end, kinds of lines, values after a block's `marks`. So nothing may be added unasked that changes the meaning of the
 * rest, or costs those who have no use for it.
 */
export const FEATURES = ['ctimes', 'links', 'exclude', 'names'] as const;
export type Feature = (typeof FEATURES)[number];

/** Of a request header's words, those that are known here. */
export const featuresIn = (text: string | undefined): Feature[] =>
  FEATURES.filter((feature) => (text ?? '').split(',').some((word) => word.trim() === feature));

export const ENTRIES_PER_BLOCK = 1000;

/** `names`: of the owners of the roots. */
export const headerLine = (header: ListingHeader, names?: OwnerNames): string =>
  `${JSON.stringify({ type: 'listing', ...header, ...(names && { names: namesIn(names) }) })}\n`;

/** Before the first block that has an owner with one of these numbers. Root is not told of: its number means the same everywhere. */
export const namesLine = (names: OwnerNames): string => `${JSON.stringify({ type: 'names', ...namesIn(names) })}\n`;

const namesIn = ({ users, groups, trouble }: OwnerNames) => ({
  users: Object.fromEntries(users),
  groups: Object.fromEntries(groups),
  trouble,
});

export const progressLine = (entries: number): string => `${JSON.stringify({ type: 'progress', entries })}\n`;

export const endLine = (end: ListingEnd): string => `${JSON.stringify({ type: 'end', ...end })}\n`;

/**
 * `[dir, [[name, size, mtimeUs, mode, target?], …], ⇥[[uid, gid, entries], …], ⇥[ino, …], [ns, …], marks?, {ctimes: [ns, …]?,
 * links: [count, …]?}?]`; marks are null where there are none and more follows. What equal entries have in common comes first, owners next, and what each host has its own of last; a tab, which JSON allows between values and never
 * within one, ends each part. So the lines of equal directories are equal up to a tab, and need not be taken apart to see it.
 * `ns` are the nanoseconds beyond the microsecond, which no copy keeps.
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
  const asked = askedOf(entries);
  const more = asked === '' ? marks : `${marks === '' ? ',null' : marks}${asked}`;
  return `[${quoted(dir)},[${contents}],\t${JSON.stringify(ownersOf(entries))},\t[${inodes}],[${nanos}]${more}]\n`;
}

/** What entries tell when they are asked; of one walk, all or none. */
function askedOf(entries: readonly Entry[]): string {
  const [first] = entries;
  if (first?.ctimeNs === undefined && first?.links === undefined) return '';
  return `,${JSON.stringify({
    ...(first.ctimeNs !== undefined && { ctimes: entries.map(({ ctimeNs }) => ctimeNs) }),
    ...(first.links !== undefined && { links: entries.map(({ links }) => links) }),
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
 * Whether a line says the same as another of ours, up to the owners or with them; of these, `toOurs` makes from the part of the line that
 * has them what it would be here.
 */
export function saysTheSame(
  line: Uint8Array,
  ours: Uint8Array,
  owners: boolean,
  toOurs?: (part: Uint8Array) => Uint8Array,
): boolean {
  const first = ours.indexOf(TAB) + 1;
  const end = owners ? ours.indexOf(TAB, first) + 1 : first;
  if (!owners || !toOurs)
    return line.length >= end && Buffer.compare(line.subarray(0, end), ours.subarray(0, end)) === 0;
  if (Buffer.compare(line.subarray(0, first), ours.subarray(0, first)) !== 0) return false;
  const part = line.subarray(first, line.indexOf(TAB, first) + 1);
  return Buffer.compare(toOurs(part), ours.subarray(first, end)) === 0;
}

/** `[[uid, gid, entries], …],⇥` of a source's line, as a walk of this host writes it of the same entries. Throws `protocol`. */
export function ownersHere(part: Uint8Array, mapping: OwnerMapping, dir: EntryKey): Uint8Array {
  let runs: unknown;
  try {
    runs = JSON.parse(Buffer.from(part).toString('latin1').slice(0, -2));
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

export const broken = (what: string): LmError =>
  new LmError('protocol', `the source sent a listing that cannot be right: ${what}`);

/** Its owners are those of this host by `mapping`. Throws `protocol` for what no honest agent writes, names no host may have included. */
export function blockOf(
  [dir, contents, owners, inodes, nanos, marks, asked]: unknown[],
  mapping?: OwnerMapping,
): Block {
  if (
    typeof dir !== 'string' ||
    !areRows(contents) ||
    !areRows(owners) ||
    !Array.isArray(inodes) ||
    !Array.isArray(nanos)
  )
    throw broken('a line that is no block');
  if (dir.length > LONGEST_KEY) throw broken(`a directory of ${dir.length} characters`);
  const { excluded, device } = (marks ?? {}) as { excluded?: unknown; device?: unknown };
  const each = ownerOfEach(owners, contents.length, dir, mapping);
  const ctimes = oneEach((asked as { ctimes?: unknown } | undefined)?.ctimes, contents.length, isNanosecondsText, dir);
  const links = oneEach((asked as { links?: unknown } | undefined)?.links, contents.length, isUint32, dir);
  return {
    dir,
    entries: contents.map((row, i) => entryOf(row, inodes[i], nanos[i], each[i], ctimes?.[i], links?.[i], dir)),
    ...(typeof excluded === 'number' && { excluded }),
    ...(typeof device === 'string' && { device }),
  };
}

const areRows = (value: unknown): value is unknown[][] => Array.isArray(value) && value.every(Array.isArray);
const malformed = (dir: EntryKey): LmError => broken(`a malformed row in ${printable(dir)}`);

/** One object for all of a run. */
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
    const isTold = isUint32(uid) && isUint32(gid);
    if (!isTold && (uid !== null || gid !== null)) throw malformed(dir);
    const owner = isTold && mapping ? mapping.toHere({ uid, gid }) : isTold ? { uid, gid } : undefined;
    if (isTold && !owner) throw broken(`an owner, ${uid}:${gid}, whose names were not told`);
    yield [owner, entries];
  }
}

const isRunLength = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 1;

function oneEach<T>(
  values: unknown,
  count: number,
  isOne: (value: unknown) => value is T,
  dir: EntryKey,
): T[] | undefined {
  if (values === undefined) return undefined;
  if (!Array.isArray(values) || values.length !== count || !values.every(isOne)) throw malformed(dir);
  return values;
}

/** By hand, not by zod: it is called a million times. */
function entryOf(
  row: unknown[],
  ino: unknown,
  ns: unknown,
  owner: Owner | undefined,
  ctimeNs: string | undefined,
  links: number | undefined,
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
  };
}

const isDigits = (value: unknown): value is string => typeof value === 'string' && /^\d{1,20}$/.test(value);
/** Of times; a file system may keep any 64-bit number of seconds. */
const isNanosecondsText = (value: unknown): value is string => typeof value === 'string' && /^-?\d{1,28}$/.test(value);
const isMicroseconds = (value: unknown): value is string => typeof value === 'string' && /^-?\d{1,25}$/.test(value);

/** Beyond a microsecond. */
const isNanoseconds = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 1000;

/** Sums of bytes are exact up to 2^53. */
const isSize = (value: unknown): value is string => isDigits(value) && Number.isSafeInteger(Number(value));

/** The text of a symbolic link, as the kernel takes it and as it can travel. */
const isTarget = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length < 4096 && !value.includes('\0') && value.isWellFormed();
