// Sorts what a delta says: one change for each file, which is what its lines about it amount to, and the claims. Applies nothing.

import { closeSync } from 'node:fs';
import type { EntryKey } from '../../../files/entry.js';
import type { Stamp } from '../../../files/proof-text.js';
import { type Claim, type DeltaLine, type DeltaPlace, damageText, deltaIn, scanDelta } from '../delta.js';
import { isSameProof, laterOf, type Row, stamped } from '../rows.js';
import { openTrusted } from '../trusted-file.js';
import { byKey, type Keyed, KeySort } from './key-sort.js';
import { LineIndex } from './line-index.js';

/** `number`: that of the last line about the file. */
export interface Change extends Keyed {
  number: number;
  /** A new proof. */
  row?: Row;
  /** Of what the ledger has of the file, before `row` is compared with it. */
  stamp?: Stamp;
  /** What the ledger has of the file does not count, not even when it is the same: it was dropped, or another proof came between. */
  replaces: boolean;
}

/** `name` is that of its first file. */
export type SortedClaim = Claim & Keyed;

/** To be closed. */
export interface Changes {
  /** Why neither the ledger nor what came before a damaged line counts; undefined where all counts. */
  fault: string | undefined;
  /** What was there before it was damaged, and is gone. */
  damaged: boolean;
  isEmpty: boolean;
  files(): Generator<Change>;
  claims(): Generator<SortedClaim>;
  close(): void;
}

/** What limits the memory that sorting takes. */
export interface SortLimits {
  recordsPerRun?: number;
  linesInMemory?: number;
}

/** Undefined when there is no delta. Throws `local` when there is no room to sort it in. */
export function readChanges(
  dir: string,
  spool: string,
  identity: string,
  limits: SortLimits = {},
): Changes | undefined {
  const fd = openTrusted(deltaIn(dir));
  if (fd === undefined) return undefined;
  if (typeof fd === 'object') return { ...NO_CHANGES, fault: fd.why, close: () => {} };
  try {
    const lines = sortedByLine(fd, identity, limits);
    return withClose(lines.isSorted ? lines : sortedByFile(fd, identity, spool, limits), fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

const NO_CHANGES = {
  ...{ fault: undefined, damaged: false, isEmpty: true },
  files: function* (): Generator<Change> {},
  claims: function* (): Generator<SortedClaim> {},
};

const withClose = ({ close, ...changes }: Changes, fd: number): Changes => ({
  ...changes,
  close() {
    close();
    closeSync(fd);
  },
});

/** What the lines of a delta are collected in. */
interface Collected {
  take(line: DeltaLine, place: DeltaPlace): void;
  clear(): void;
}

function scanned(fd: number, identity: string, { take, clear }: Collected) {
  let isEmpty = true;
  const {
    foreign,
    damaged = false,
    damagedLine,
  } = scanDelta(
    fd,
    identity,
    (line, place) => {
      isEmpty = false;
      take(line, place);
    },
    clear,
  );
  return { fault: foreign ?? damageText(damagedLine), damaged, isEmpty };
}

/** What a run writes that looks at each file once: its lines do not meet, and only they are sorted. */
function sortedByLine(fd: number, identity: string, { linesInMemory }: SortLimits): Changes & { isSorted: boolean } {
  const files = new LineIndex(fd, linesInMemory);
  const claims = new LineIndex(fd, linesInMemory);
  const clear = (): void => {
    files.clear();
    claims.clear();
  };
  const take: Collected['take'] = (line, place) => (line.type === 'claim' ? claims : files).add(line, place);
  const found = scanned(fd, identity, { take, clear });
  return {
    ...found,
    isSorted: files.sort({ mayOverlap: false }) && claims.sort({ mayOverlap: true }),
    files: () => changesIn(files),
    claims: () => claimsIn(claims),
    close: clear,
  };
}

function* changesIn(lines: LineIndex): Generator<Change> {
  for (const line of lines.lines()) if (line.type !== 'claim') yield* changesOf(line);
}

function* claimsIn(lines: LineIndex): Generator<SortedClaim> {
  for (const line of lines.lines()) if (line.type === 'claim') yield keyed(line.claim);
}

/** Of the same file several changes may have come, which become one. */
function sortedByFile(fd: number, identity: string, spool: string, { recordsPerRun }: SortLimits): Changes {
  const files = new KeySort<Change>(spool, recordsPerRun);
  const claims = new KeySort<SortedClaim>(spool, recordsPerRun);
  const clear = (): void => {
    files.clear();
    claims.clear();
  };
  const take = (line: DeltaLine): void => {
    if (line.type === 'claim') claims.add(keyed(line.claim), charactersOf(line.claim));
    else for (const change of changesOf(line)) files.add(change, charactersIn(change));
  };
  try {
    const found = scanned(fd, identity, { take, clear });
    return { ...found, files: () => folded(files.sorted()), claims: () => claims.sorted(), close: clear };
  } catch (error) {
    clear();
    throw error;
  }
}

const keyed = (claim: Claim): SortedClaim => ({ ...claim, name: claim.names[0] ?? '' });

const charactersOf = ({ names }: Claim): number => names.reduce((sum, name) => sum + name.length + 20, 200);

const charactersIn = ({ name, row, stamp }: Change): number =>
  name.length + (row ? row[2].length + 300 : stamp ? 300 : 200);

function changesOf(line: Exclude<DeltaLine, { type: 'claim' }>): Change[] {
  const { number, dir } = line;
  if (line.type === 'drop') return [{ dir, name: line.name, number, replaces: true }];
  if (line.type === 'stamp')
    return line.stamps.map((stamp) => ({ dir, name: stamp[0], number, stamp, replaces: false }));
  return line.rows.map((row) => ({ dir, name: row[0], number, row, replaces: false }));
}

/** Makes one change of those that follow one another of a file. */
function* folded(changes: Iterable<Change>): Generator<Change> {
  let last: Change | undefined;
  for (const change of changes) {
    if (last && byKey(last, change) === 0) {
      last = together(last, change);
      continue;
    }
    if (last) yield last;
    last = change;
  }
  if (last) yield last;
}

function together(earlier: Change, later: Change): Change {
  const { row, stamp, replaces } = later;
  if (replaces) return later;
  if (stamp) {
    const { number } = later;
    return earlier.row ? { ...earlier, number, row: stamped(earlier.row, stamp) } : { ...earlier, number, stamp };
  }
  const isOther = earlier.row !== undefined && !isSameProof(earlier.row, row!);
  return { ...earlier, ...later, row: laterOf(earlier.row, row!), replaces: earlier.replaces || isOther };
}

/** The row of a file after a change of it. */
export function changed(row: Row | undefined, { row: newer, stamp, replaces }: Change): Row | undefined {
  const older = replaces || !row ? undefined : stamp ? stamped(row, stamp) : row;
  return newer ? laterOf(older, newer) : older;
}

/** The next of ascending items, which can be looked at before it is taken. */
export class Ahead<T extends { dir: EntryKey }> {
  readonly #items: Iterator<T>;
  #next: T | undefined;

  constructor(items: Iterator<T>) {
    this.#items = items;
    this.take();
  }

  get next(): T | undefined {
    return this.#next;
  }

  /** The next one if it is of this directory. */
  in(dir: EntryKey): T | undefined {
    return this.#next?.dir === dir ? this.#next : undefined;
  }

  take(): T | undefined {
    const taken = this.#next;
    const { done, value } = this.#items.next();
    this.#next = done ? undefined : value;
    return taken;
  }
}
