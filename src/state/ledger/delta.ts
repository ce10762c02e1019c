// The lines of ledger.new.jsonl, the delta: what was proved, read again, dropped and claimed since the ledger was written, in the order in which it
// happened. Each line is sealed, with its number in that order.
//
// A line that is lost can matter here, unlike in the ledger. Most cannot: when a file changes, its validators do, and the old row no longer
// matches. But a `drop` may say that a file is not what its row says although its validators are the same, as after a bit has rotted, and
// a newer row may correct such a one. So where a line is damaged or missing, nothing that came before it counts, the old ledger included. A
// line that is cut short at the end is one whose write never ended; a caller for whom a drop must outlive a crash calls `sync`.

import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, LmError } from '../../errors.js';
import type { EntryKey } from '../../files/entry.js';
import type { Stamp } from '../../files/proof-text.js';
import { LineReader } from './line-reader.js';
import { sealLine, unsealed, valuesOf } from './lines.js';
import { isRow, isStamp, type Row } from './rows.js';
import { OTHER_SOURCE, openTrusted } from './trusted-file.js';

export const deltaIn = (dir: string): string => join(dir, 'ledger.new.jsonl');

const VERSION = 1;

/** `identity`: the id of the agent whose files are proved. */
/** `damaged`: what was there before was damaged, and is gone. */
export const deltaHeader = (identity: string, damaged = false): Buffer =>
  sealLine(`[0,"delta",${VERSION},${JSON.stringify(identity)}${damaged ? ',true' : ''}`);

/** What a line says. `number` counts the lines of a delta, of which the header is line 0. */
export type DeltaLine =
  | { number: number; type: 'add'; dir: EntryKey; rows: Row[] }
  | { number: number; type: 'stamp'; dir: EntryKey; stamps: Stamp[] }
  | { number: number; type: 'drop'; dir: EntryKey; name: string }
  | { number: number; type: 'claim'; claim: Claim };

/** Where in the file a line is. */
export interface DeltaPlace {
  at: number;
  length: number;
}

/** A block of two listings of whose files each has been proved; see `BlockClaim`. */
export interface Claim {
  number: number;
  dir: EntryKey;
  /** Of its files, ascending. */
  names: string[];
  /** XXH64 of the line of each listing. */
  source: string;
  local: string;
  /** XXH64 of the names and states of its files. */
  states: string;
}

export const addText = (number: number, dir: EntryKey, rows: string): string =>
  `[${number},"add",${JSON.stringify(dir)},[${rows}]`;

export const stampsText = (number: number, dir: EntryKey, stamps: string): string =>
  `[${number},"stamp",${JSON.stringify(dir)},[${stamps}]`;

export const dropText = (number: number, dir: EntryKey, name: string): string =>
  `[${number},"drop",${JSON.stringify(dir)},${JSON.stringify(name)}`;

/** `names` is JSON. */
export const claimText = ({
  number,
  dir,
  names,
  source,
  local,
  states,
}: Omit<Claim, 'names'> & { names: string }): string =>
  `[${number},"claim",${JSON.stringify(dir)},${names},"${source}","${local}","${states}"`;

/** `foreign`: nothing in it counts, because it is of another source or version, or its header is damaged. */
export interface DeltaScan {
  foreign?: string;
  /** See `deltaHeader`. */
  damaged?: true;
  /** Where in the file the last whole line ends. */
  end: number;
  /** The number of the next line. */
  next: number;
  /** The line of the file after which lines count; undefined when all do. */
  damagedLine?: number;
}

type Take = (line: DeltaLine, place: DeltaPlace) => void;

/**
 * Reads a whole delta. `lost` is called where a line is damaged or cannot be read: what `take` was given before does not count. Throws what
 * `take` throws.
 */
export function scanDelta(fd: number, identity: string, take: Take, lost: () => void): DeltaScan {
  try {
    return scan(fd, identity, take, lost);
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined || error instanceof LmError) throw error;
    lost();
    return { foreign: `cannot be read (${code})`, end: 0, next: 1 };
  }
}

function scan(fd: number, identity: string, take: Take, lost: () => void): DeltaScan {
  const lines = new LineReader(fd);
  const header = lines.next();
  if (!header || isTorn(header, lines)) return { end: 0, next: 0 };
  const foreign = faultOfHeader(header, identity);
  const isAfterDamage = foreign === undefined && valuesOf(unsealed(header)!)?.[4] === true;
  const found: DeltaScan = {
    ...{ end: lines.position, next: 1 },
    ...(foreign !== undefined && { foreign }),
    ...(isAfterDamage && { damaged: true }),
  };
  if (foreign !== undefined) return found;
  for (let at = 2; ; at++) {
    const bytes = lines.next();
    if (!bytes) return found;
    const place = { at: found.end, length: bytes.length };
    const line = parsedLine(bytes);
    const isNext = line?.number === found.next;
    if (!isNext && isTorn(bytes, lines)) return found;
    if (!isNext) {
      lost();
      found.damagedLine = at;
    }
    if (line && line.number >= found.next) take(line, place); // an earlier one is out of its place, and is outdated
    found.next = Math.max(found.next, (line?.number ?? found.next) + 1);
    found.end = lines.position;
  }
}

/** Undefined for a delta that is whole. */
export const damageText = (line: number | undefined): string | undefined =>
  line === undefined ? undefined : `is damaged at line ${line} of what was new in it`;

const HARMLESS = /^\[\d+,"(?:delta|claim)",/;
/** Of a line: what kind it is stands there. */
const HEAD_BYTES = 40;

/** Whether the ledger does not count before what is in the delta, if there is one, is merged into it: something was proved or dropped. */
export function isPending(dir: string): boolean {
  const fd = openTrusted(deltaIn(dir));
  if (typeof fd !== 'number') return fd !== undefined;
  try {
    const lines = new LineReader(fd);
    for (let line = lines.next(); line; line = lines.next())
      if (!HARMLESS.test(line.toString('latin1', 0, HEAD_BYTES))) return true;
    return false;
  } catch {
    return true;
  } finally {
    closeSync(fd);
  }
}

function faultOfHeader(line: Buffer, identity: string): string | undefined {
  const body = unsealed(line);
  const values = body && valuesOf(body);
  if (values?.[0] !== 0 || values[1] !== 'delta') return 'is damaged at line 1';
  if (values[2] !== VERSION) return `is of version ${String(values[2])}, this is version ${VERSION}`;
  return values[3] === identity ? undefined : OTHER_SOURCE;
}

const NEWLINE = 10;

/**
 * Whether this is the end of the file, and of a line that was not written to its end. Reads on. A line of which only the newline has become
 * another byte was written.
 */
function isTorn(line: Buffer, lines: LineReader): boolean {
  if (line.at(-1) === NEWLINE) return false;
  if (unsealed(Buffer.concat([line.subarray(0, -1), Buffer.of(NEWLINE)]))) return false;
  for (let more = lines.next(); more; more = lines.next()) if (more.at(-1) === NEWLINE) return false;
  return true;
}

/** Undefined for a line that is damaged. */
export function parsedLine(line: Buffer): DeltaLine | undefined {
  const body = unsealed(line);
  const values = body && valuesOf(body);
  if (!values) return undefined;
  const [number, type, dir, what, source, local, states] = values;
  if (typeof number !== 'number' || typeof dir !== 'string') return undefined;
  if (type === 'add' && Array.isArray(what) && what.every(isRow)) return { number, type, dir, rows: what };
  if (type === 'stamp' && Array.isArray(what) && what.every(isStamp)) return { number, type, dir, stamps: what };
  if (type === 'drop' && typeof what === 'string') return { number, type, dir, name: what };
  if (type !== 'claim' || !Array.isArray(what)) return undefined;
  const sums = { source, local, states } as Pick<Claim, 'source' | 'local' | 'states'>;
  return { number, type, claim: { number, dir, names: what as string[], ...sums } };
}
