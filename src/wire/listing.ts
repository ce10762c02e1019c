// The listing as lines of JSON, written and read: the form it has on the wire, between threads and in the spool.
// The reader proves what it can (order, parents, names, counts) and never says a listing is whole when it is not.

import { z } from 'zod';
import { LmError, printable } from '../errors.js';
import {
  type Block,
  compareKeys,
  DIR_TYPES,
  type EntryKey,
  joinKey,
  kindOf,
  type Listing,
  type ListingEnd,
  type ListingHeader,
  type Row,
} from '../files/entry.js';
import { checkName, LONGEST_KEY } from '../files/roots.js';
import { linesOf } from './lines.js';

export const LISTING_TYPE = 'application/x-ndjson';
export const PROTOCOL_VERSION = 1;
export const ROWS_PER_BLOCK = 1000;

export const headerLine = (header: ListingHeader): string => `${JSON.stringify({ type: 'listing', ...header })}\n`;

export const progressLine = (entries: number): string => `${JSON.stringify({ type: 'progress', entries })}\n`;

export const endLine = (end: ListingEnd): string => `${JSON.stringify({ type: 'end', ...end })}\n`;

export function blockLine({ dir, rows, excluded, device }: Block): string {
  const marks = excluded || device ? [{ excluded, device }] : [];
  return `${JSON.stringify([dir, rows, ...marks])}\n`;
}

const Count = z.number().int().nonnegative();
const Digits = z.string().regex(/^\d{1,20}$/);

/** Of a user, group or mode. 2^32 - 1 would mean "leave it as it is" to the kernel. */
const isUint32 = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32 - 1;
const Uint32 = z.number().refine(isUint32);
const Id = Uint32.nullable();

/** What is kept, or told to people: bounded, and nothing in it that a terminal would obey. */
const Word = z.string().max(LONGEST_KEY);
const Told = z
  .string()
  .max(1 << 16)
  .refine((text) => !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text), 'holds control characters');
const FIRST_FEW = 10;

const Header = z.object({
  type: z.literal('listing'),
  protocol: z.literal(PROTOCOL_VERSION),
  agentId: z.string().max(100),
  machine: z.string().max(100),
  roots: z
    .array(
      z.object({
        key: z.string().regex(new RegExp(`^(${DIR_TYPES.join('|')})/(0|[1-9]\\d{0,8})$`)),
        path: Word,
        ino: Digits,
        mode: Uint32,
        uid: Id,
        gid: Id,
      }),
    )
    .refine((roots) => new Set(roots.map((root) => root.key)).size === roots.length, 'one comes twice'),
  exclusions: z.object({ filesToExclude: z.array(z.string()), dirsToExclude: z.array(z.string()) }),
});

const End = z.object({
  type: z.literal('end'),
  entries: Count,
  bytes: Count,
  errors: Count,
  firstErrors: z.array(z.object({ key: Word, message: Word })).max(FIRST_FEW),
  excluded: Count,
  firstExcluded: z.array(Word).max(FIRST_FEW),
  unnameable: z.array(Told).max(FIRST_FEW),
  devices: z.record(Word, Digits),
  touched: z.object({
    files: Count,
    agoMs: Count,
    first: z.array(Word).max(FIRST_FEW),
    written: z.array(Word).max(10_000),
  }),
});

/**
 * Reads the header at once and the blocks as they are asked for. Throws `protocol` for a listing no honest agent sends
 * and `source` for one that stops early.
 */
export async function readListing(chunks: AsyncIterable<Uint8Array>): Promise<Listing> {
  const lines = linesOf(chunks);
  const first = await lines.next();
  if (first.done) throw cutShort();
  const { type: _, ...header } = parse(Header, first.value);
  let proof: ListingEnd | undefined;
  const read = async function* (): AsyncGenerator<Block> {
    const order = new OrderCheck(header.roots.map((root) => root.key));
    for await (const line of lines) {
      const value = parseJson(line);
      if (Array.isArray(value)) {
        const block = blockOf(value);
        order.see(block);
        yield block;
      } else if ((value as { type?: unknown } | null)?.type === 'end') {
        const { type: _end, ...end } = parse(End, line);
        order.finish(end);
        proof = end;
        return;
      }
    }
    throw cutShort();
  };
  return {
    header,
    blocks: read(),
    end() {
      if (!proof) throw new Error('the listing has not been read to its end');
      return proof;
    },
  };
}

const cutShort = (): LmError =>
  new LmError('source', 'the listing stopped before its end', { hint: 'run the same command again' });

const broken = (what: string): LmError =>
  new LmError('protocol', `the source sent a listing that cannot be right: ${what}`);

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw broken(`not JSON: ${printable(line.slice(0, 60))}`);
  }
}

function parse<T>(shape: z.ZodType<T>, line: string): T {
  const result = shape.safeParse(parseJson(line));
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw broken(`${issue.path.join('.')}: ${issue.message}`);
}

function blockOf([dir, rows, marks]: unknown[]): Block {
  if (typeof dir !== 'string' || !Array.isArray(rows)) throw broken('a line that is no block');
  if (dir.length > LONGEST_KEY) throw broken(`a directory of ${dir.length} characters`);
  for (const row of rows) checkRow(row, dir);
  const { excluded, device } = (marks ?? {}) as { excluded?: unknown; device?: unknown };
  return {
    dir,
    rows,
    ...(typeof excluded === 'number' && { excluded }),
    ...(typeof device === 'string' && { device }),
  };
}

const isDigits = (value: unknown): boolean => typeof value === 'string' && /^\d{1,20}$/.test(value);
const isId = (value: unknown): boolean => value === null || isUint32(value);

/** Sums of bytes are exact up to 2^53. */
const isSize = (value: unknown): boolean => isDigits(value) && Number.isSafeInteger(Number(value));

/** The text of a symbolic link, as the kernel takes it and as it can travel. */
const isTarget = (value: unknown): boolean =>
  typeof value === 'string' && value !== '' && value.length < 4096 && !value.includes('\0') && value.isWellFormed();

/** By hand, not by zod: it is called a million times. */
function checkRow(row: unknown, dir: EntryKey): asserts row is Row {
  const ok =
    Array.isArray(row) &&
    typeof row[0] === 'string' &&
    isSize(row[1]) &&
    typeof row[2] === 'string' &&
    /^-?\d{1,20}$/.test(row[2]) &&
    isUint32(row[3]) &&
    isDigits(row[4]) &&
    isId(row[5]) &&
    isId(row[6]) &&
    (kindOf(row[3]) === 'link' ? isTarget(row[7]) : row[7] === undefined);
  if (!ok) throw broken(`a malformed row in ${printable(dir)}`);
  checkName(row[0], joinKey(dir, row[0]));
}

/** Directories come in depth-first order, each announced by a row of its parent, none left out; names ascend. */
class OrderCheck {
  /** Announced directories that have not had their blocks yet, one list a level, the next one last. */
  readonly #pending: EntryKey[][];
  #dir: EntryKey | undefined;
  #lastName: string | undefined;
  #children: EntryKey[] = [];
  #entries = 0;
  #bytes = 0;

  constructor(roots: EntryKey[]) {
    this.#pending = [[...roots].sort((a, b) => compareKeys(b, a))];
  }

  see({ dir, rows }: Block): void {
    if (dir !== this.#dir) {
      const expected = this.#next();
      if (dir !== expected) throw broken(`${printable(dir)} where ${printable(expected ?? 'the end')} was due`);
      this.#dir = dir;
      this.#lastName = undefined;
    }
    for (const row of rows) {
      const name = row[0];
      if (this.#lastName !== undefined && compareKeys(this.#lastName, name) >= 0)
        throw broken(`${printable(joinKey(dir, name))} is out of order`);
      this.#lastName = name;
      const kind = kindOf(row[3]);
      if (kind === 'directory') this.#children.push(joinKey(dir, name));
      if (kind === 'file') this.#bytes += Number(row[1]);
    }
    this.#entries += rows.length;
  }

  finish(end: ListingEnd): void {
    const missing = this.#next();
    if (missing !== undefined) throw broken(`${printable(missing)} was announced and never listed`);
    if (end.entries !== this.#entries || end.bytes !== this.#bytes)
      throw broken(
        `its end speaks of ${end.entries} entries and ${end.bytes} bytes, it held ${this.#entries} and ${this.#bytes}`,
      );
  }

  #next(): EntryKey | undefined {
    if (this.#children.length > 0) this.#pending.push(this.#children.reverse());
    this.#children = [];
    while (this.#pending.length > 0) {
      const next = this.#pending.at(-1)!.pop();
      if (next !== undefined) return next;
      this.#pending.pop();
    }
    return undefined;
  }
}
