// Reads the files of a block from its line, or from the lines of both ends once `takeIfSame` has found these equal. What is equal is then read
// from this host's line alone, and of the source's only what a copy does not keep; that is checked here for the first time.

import { compareKeys, type Entry, type EntryKey, kindOf, NO_INODE } from '../files/entry.js';
import { joinMicroseconds } from '../files/times.js';
import { isUint32 } from '../owners/owner-names.js';
import { textOf } from '../wire/lines.js';
import {
  blockOf,
  ENTRIES_PER_BLOCK,
  isDigits,
  isNanoseconds,
  isNanosecondsText,
  malformed,
  oneEach,
} from './listing-lines.js';

/** A regular file that both ends list alike, without its owner and its holes. */
export interface FileOfBoth {
  dir: EntryKey;
  source: Entry;
  local: Entry;
}

/** Throws `protocol` for a line of the source that no honest agent writes. */
export function filesOfBoth(source: Uint8Array, local: Uint8Array): { dir: EntryKey; files: FileOfBoth[] } {
  const [dir, rows, , inodes, nanos, , requested] = JSON.parse(textOf(local)) as OwnLine;
  const here: Attributes = { inodes, nanos, ...requested };
  const there = attributesIn(source, rows.length, dir);
  const files: FileOfBoth[] = [];
  for (const [i, row] of rows.entries())
    if (kindOf(row[MODE]) === 'file') files.push({ dir, source: entryOf(row, there, i), local: entryOf(row, here, i) });
  return { dir, files };
}

/** The files of one line, which a client has sent back. Throws `protocol` for a line that no listing has. */
export function filesOfLine(line: Uint8Array): { dir: EntryKey; files: Entry[] } {
  const { dir, entries } = blockOf(parsed(textOf(line), 'a line'));
  if (entries.length > ENTRIES_PER_BLOCK) failed(dir);
  for (const [i, { name }] of entries.entries()) if (i > 0 && compareKeys(entries[i - 1]!.name, name) >= 0) failed(dir); // no file is read twice
  return { dir, files: entries.filter(({ kind }) => kind === 'file') };
}

type OwnRow = [name: string, size: string, us: string, mode: number];
const MODE = 3;
type OwnLine = [EntryKey, OwnRow[], unknown, string[], number[], unknown, Requested | undefined];

interface Requested {
  ctimes?: string[] | undefined;
  links?: number[] | undefined;
}

/** One each of every entry of the block. */
interface Attributes extends Requested {
  inodes: string[];
  nanos: number[];
}

const TAB = 9;

/** What comes behind the owners. */
function attributesIn(line: Uint8Array, count: number, dir: EntryKey): Attributes {
  const owners = line.indexOf(TAB) + 1;
  const [inodes, nanos, , requested] = parsed(`[${textOf(line.subarray(line.indexOf(TAB, owners) + 1))}`, dir);
  const { ctimes, links } = (requested ?? {}) as Record<string, unknown>;
  return {
    inodes: oneEach(inodes, count, isDigits, dir) ?? failed(dir),
    nanos: oneEach(nanos, count, isNanoseconds, dir) ?? failed(dir),
    ctimes: oneEach(ctimes, count, isNanosecondsText, dir),
    links: oneEach(links, count, isUint32, dir),
  };
}

function parsed(text: string, dir: EntryKey): unknown[] {
  try {
    const values: unknown = JSON.parse(text);
    return Array.isArray(values) ? values : failed(dir);
  } catch {
    return failed(dir);
  }
}

function failed(dir: EntryKey): never {
  throw malformed(dir);
}

function entryOf([name, size, us, mode]: OwnRow, { inodes, nanos, ctimes, links }: Attributes, i: number): Entry {
  const ino = inodes[i]!;
  return {
    name,
    kind: 'file',
    size,
    mtimeNs: joinMicroseconds(us, nanos[i]!),
    mode,
    ino: ino === NO_INODE ? undefined : ino,
    owner: undefined,
    target: undefined,
    ctimeNs: ctimes?.[i],
    links: links?.[i],
    allocated: undefined,
  };
}
