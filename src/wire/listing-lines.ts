// A listing's lines, written, and a block's line read. Checks nothing across lines: wire/listing.ts does.

import { LmError, printable } from '../errors.js';
import {
  type Block,
  type EntryKey,
  joinKey,
  kindOf,
  type ListingEnd,
  type ListingHeader,
  type Row,
} from '../files/entry.js';
import { checkName, LONGEST_KEY } from '../files/roots.js';
import { joinMicroseconds, splitMicroseconds } from '../files/times.js';

export const PROTOCOL_VERSION = 1;
export const ROWS_PER_BLOCK = 1000;

export const headerLine = (header: ListingHeader): string => `${JSON.stringify({ type: 'listing', ...header })}\n`;

export const progressLine = (entries: number): string => `${JSON.stringify({ type: 'progress', entries })}\n`;

export const endLine = (end: ListingEnd): string => `${JSON.stringify({ type: 'end', ...end })}\n`;

/**
 * `[dir, [[name, size, mtimeUs, mode, target?], …], ⇥[[uid, gid, rows], …], ⇥[ino, …], [ns, …], marks?]`. What equal entries have
 * in common comes first, owners next, and what each host has its own of last; a tab, which JSON allows between values and never
 * within one, ends each part. So the lines of equal directories are equal up to a tab, and need not be taken apart to see it.
 * `ns` are the nanoseconds beyond the microsecond, which no copy keeps.
 */
export function blockLine({ dir, rows, excluded, device }: Block): string {
  let contents = '';
  let inodes = '';
  let nanos = '';
  let comma = '';
  for (const [name, size, mtimeNs, mode, ino, , , target] of rows) {
    const [us, ns] = splitMicroseconds(mtimeNs);
    const link = target === undefined ? '' : `,${JSON.stringify(target)}`;
    contents += `${comma}[${quoted(name)},"${size}","${us}",${mode}${link}]`;
    inodes += `${comma}"${ino}"`;
    nanos += comma + ns;
    comma = ',';
  }
  const marks = excluded || device ? `,${JSON.stringify({ excluded, device })}` : '';
  return `[${quoted(dir)},[${contents}],\t${JSON.stringify(ownersOf(rows))},\t[${inodes}],[${nanos}]${marks}]\n`;
}

const quoted = (text: string): string => (NEEDS_ESCAPES.test(text) ? JSON.stringify(text) : `"${text}"`);
const NEEDS_ESCAPES = /["\\\p{Cc}]/u;

type OwnerRun = [uid: number | null, gid: number | null, rows: number];

function ownersOf(rows: readonly Row[]): OwnerRun[] {
  const runs: OwnerRun[] = [];
  let run: OwnerRun | undefined;
  for (const [, , , , , uid, gid] of rows) {
    if (run?.[0] !== uid || run[1] !== gid) {
      run = [uid, gid, 0];
      runs.push(run);
    }
    run[2]++;
  }
  return runs;
}

const TAB = 9;

/** Whether a line says the same as another of ours, up to the owners or with them. */
export function saysTheSame(line: Uint8Array, ours: Uint8Array, owners: boolean): boolean {
  const first = ours.indexOf(TAB) + 1;
  const end = owners ? ours.indexOf(TAB, first) + 1 : first;
  return line.length >= end && Buffer.compare(line.subarray(0, end), ours.subarray(0, end)) === 0;
}

export const broken = (what: string): LmError =>
  new LmError('protocol', `the source sent a listing that cannot be right: ${what}`);

/** Throws `protocol` for what no honest agent writes, names no host may have included. */
export function blockOf([dir, contents, owners, inodes, nanos, marks]: unknown[]): Block {
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
  const ids = ownerOfEach(owners, contents.length, dir);
  const rows = contents.map(([name, size, us, mode, target], i): Row => {
    const [uid, gid] = ids[i]!;
    const row = [name, size, us, mode, inodes[i], uid, gid];
    if (target !== undefined) row.push(target);
    checkRow(row, nanos[i], dir);
    row[2] = joinMicroseconds(row[2], nanos[i]);
    return row;
  });
  return {
    dir,
    rows,
    ...(typeof excluded === 'number' && { excluded }),
    ...(typeof device === 'string' && { device }),
  };
}

const areRows = (value: unknown): value is unknown[][] => Array.isArray(value) && value.every(Array.isArray);
const malformed = (dir: EntryKey): LmError => broken(`a malformed row in ${printable(dir)}`);

function ownerOfEach(runs: unknown[][], count: number, dir: EntryKey): unknown[][] {
  const each: unknown[][] = [];
  for (const run of runs) {
    const rows = run[2] as number;
    if (!Number.isInteger(rows) || rows < 1 || each.length + rows > count) throw malformed(dir);
    for (let i = 0; i < rows; i++) each.push(run);
  }
  if (each.length !== count) throw malformed(dir);
  return each;
}

const isDigits = (value: unknown): boolean => typeof value === 'string' && /^\d{1,20}$/.test(value);

/** Of a user, group or mode. 2^32 - 1 would mean "leave it as it is" to the kernel. */
export const isUint32 = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32 - 1;
const isId = (value: unknown): boolean => value === null || isUint32(value);

/** Sums of bytes are exact up to 2^53. */
const isSize = (value: unknown): boolean => isDigits(value) && Number.isSafeInteger(Number(value));

/** The text of a symbolic link, as the kernel takes it and as it can travel. */
const isTarget = (value: unknown): boolean =>
  typeof value === 'string' && value !== '' && value.length < 4096 && !value.includes('\0') && value.isWellFormed();

/** By hand, not by zod: it is called a million times. The time is that of the line still. */
function checkRow(row: unknown[], ns: unknown, dir: EntryKey): asserts row is Row {
  const [name, size, us, mode, ino, uid, gid, target] = row;
  const ok =
    typeof name === 'string' &&
    isSize(size) &&
    typeof us === 'string' &&
    /^-?\d{1,17}$/.test(us) &&
    Number.isInteger(ns) &&
    (ns as number) >= 0 &&
    (ns as number) < 1000 &&
    isUint32(mode) &&
    isDigits(ino) &&
    isId(uid) &&
    isId(gid) &&
    (kindOf(mode as number) === 'link' ? isTarget(target) : target === undefined);
  if (!ok) throw malformed(dir);
  checkName(name, joinKey(dir, name));
}
