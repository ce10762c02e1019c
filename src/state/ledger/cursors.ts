// Reads the lines of ledger.jsonl, those of files and the seals, each with a cursor of its own: a sweep by seals alone does not read the rows.

import { errnoOf } from '../../errors.js';
import { compareKeys, type EntryKey } from '../../files/entry.js';
import type { FilesLine, LedgerFile, LedgerTotals, Seal } from './ledger-file.js';
import { LineReader } from './line-reader.js';
import { unsealed, valuesOf } from './lines.js';
import { isRow, type Row } from './rows.js';
import { damagedAt, unusable } from './trusted-file.js';

interface Placed {
  dir: EntryKey;
  first: string;
  last: string;
}

/** Ascending lines of one kind; lines that are damaged or out of their place are left out. */
export interface LineCursor<T> {
  /** Undefined at the end. */
  readonly item: T | undefined;
  /** How many lines there were so far. */
  readonly count: number;
  advance(): void;
}

export const filesOf = (file: LedgerFile): LineCursor<FilesLine> =>
  cursor(
    file,
    { from: file.filesAt, to: file.end?.sealsAt, line: 2 },
    filesLine,
    (a, b) => compareKeys(a.last, b.first) < 0,
  );

export function sealsOf(file: LedgerFile): LineCursor<Seal> {
  const { end } = file;
  const section = { from: end?.sealsAt ?? 0, to: end?.at ?? 0, line: 2 + (end?.fileLines ?? 0) };
  return cursor(file, section, seal, (a, b) => compareKeys(a.first, b.first) <= 0);
}

/** `line`: the number of the first. Without `to` it ends where another kind of line comes. */
interface Section {
  from: number;
  to: number | undefined;
  line: number;
}

function cursor<T extends Placed>(
  { fd, note }: LedgerFile,
  { from, to = Number.POSITIVE_INFINITY, line: number }: Section,
  parse: (body: Buffer, line: Buffer) => T | 'other' | undefined,
  areInOrder: (a: T, b: T) => boolean,
): LineCursor<T> {
  const lines = new LineReader(fd, from);
  let item: T | undefined;
  let before: T | undefined;
  let count = 0;
  let ended = false;

  function next(): T | 'other' | 'damaged' | undefined {
    try {
      const line = lines.position < to ? lines.next() : undefined;
      const body = line && unsealed(line);
      return line && ((body && parse(body, line)) ?? 'damaged');
    } catch (error) {
      note(unusable(`cannot be read (${errnoOf(error)})`));
      return undefined;
    }
  }

  function advance(): void {
    item = undefined;
    while (!item && !ended) {
      const found = next();
      if (found === undefined || found === 'other') ended = true;
      else if (found !== 'damaged' && (!before || isAfter(before, found))) item = before = found;
      else note(damagedAt(number + count));
      if (!ended) count++;
    }
  }

  function isAfter(a: T, b: T): boolean {
    return a.dir === b.dir ? areInOrder(a, b) : compareKeys(a.dir, b.dir) < 0;
  }

  advance();
  return {
    get item() {
      return item;
    },
    get count() {
      return count;
    },
    advance,
  };
}

const TAB = 9;

function filesLine(body: Buffer, bytes: Buffer): FilesLine | 'other' | undefined {
  const tab = body.indexOf(TAB);
  if (tab < 0) return 'other';
  const [, dir, first, last, totals] = valuesOf(body.subarray(0, tab - 1)) ?? [];
  if (typeof dir !== 'string' || typeof first !== 'string' || typeof last !== 'string') return undefined;
  const rows = (): Row[] | undefined => {
    const all = valuesOf(body.subarray(tab + 1, -1));
    return all?.every(isRow) ? all : undefined;
  };
  return { dir, first, last, totals: totals as LedgerTotals, bytes, rows };
}

function seal(body: Buffer): Seal | 'other' | undefined {
  const [type, dir, first, last, source, local, files, bytes, oldestMs] = valuesOf(body) ?? [];
  if (type !== 'seal') return 'other';
  return { dir, first, last, source, local, files, bytes, oldestMs } as Seal;
}
