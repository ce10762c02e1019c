// A source's listing, read from its lines, each as it was sent. The reader proves what it can (order, parents, names, counts), of a
// line found equal to one of this host's by what that one proves, and never says a listing is whole when it is not.

import * as z from 'zod';
import { LmError, printable } from '../errors.js';
import {
  type Block,
  type BlockSum,
  compareKeys,
  DIR_TYPES,
  type EntryKey,
  FIRST_FEW,
  joinKey,
  type ListedBlock,
  type Listing,
  type ListingEnd,
  sumOf,
  type WalkedBlock,
} from '../files/entry.js';
import { textOf } from './lines.js';
import { blockOf, broken, isUint32, PROTOCOL_VERSION, saysTheSame } from './listing-lines.js';
import { Word } from './messages.js';
import { provedLines } from './sealed.js';

const Count = z.number().int().nonnegative();
const Digits = z.string().regex(/^\d{1,20}$/);

const Uint32 = z.number().refine(isUint32);
const Id = Uint32.nullable();

/** What is told to people as it is: bounded, and nothing in it that a terminal would obey. */
const Told = z
  .string()
  .max(1 << 16)
  .refine((text) => !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text), 'holds control characters');

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
  only: Word.optional(),
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
 * and `source` for one that stops early or was damaged on the way.
 */
export async function readListing(chunks: AsyncIterable<Uint8Array>): Promise<Listing> {
  const stretches = provedLines(chunks, 'the listing');
  const first = await stretches.next();
  if (first.done) throw cutShort();
  const [line, more] = first.value;
  const { type: _, ...header } = parse(Header, line!);
  if (more) throw broken('a header that is not alone');
  let proof: ListingEnd | undefined;
  const read = async function* (): AsyncGenerator<ListedBlock> {
    const order = new OrderCheck(header.roots.map((root) => root.key));
    for await (const lines of stretches)
      for (const line of lines) {
        if (line[0] === BRACKET) {
          yield new ListedLine(line, order);
        } else if ((parseJson(line) as { type?: unknown } | null)?.type === 'end') {
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

const BRACKET = '['.charCodeAt(0);

function parseJson(line: Uint8Array): unknown {
  const text = textOf(line);
  try {
    return JSON.parse(text);
  } catch {
    throw broken(`not JSON: ${printable(text.slice(0, 60))}`);
  }
}

function parse<T>(shape: z.ZodType<T>, line: Uint8Array): T {
  const result = shape.safeParse(parseJson(line));
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw broken(`${issue.path.join('.')}: ${issue.message}`);
}

/** A line nobody asks for is missing from the order, and so from what the end must prove. */
class ListedLine implements ListedBlock {
  readonly #line: Uint8Array;
  readonly #order: OrderCheck;

  constructor(line: Uint8Array, order: OrderCheck) {
    this.#line = line;
    this.#order = order;
  }

  block(): Block {
    const block = blockOf(parseJson(this.#line) as unknown[]);
    this.#order.see(block);
    return block;
  }

  /** The same text says the same, and a walk has safe names in ascending order: what it amounts to is all there is to prove. */
  isSameAs({ line, sum }: WalkedBlock, owners: boolean): boolean {
    if (!sum.isOrdinary || !saysTheSame(this.#line, line, owners)) return false;
    this.#order.take(sum);
    return true;
  }
}

const outOfOrder = (dir: EntryKey, name: string): LmError => broken(`${printable(joinKey(dir, name))} is out of order`);

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

  see(block: Block): void {
    const { dir, rows } = block;
    for (let i = 1; i < rows.length; i++)
      if (compareKeys(rows[i - 1]![0], rows[i]![0]) >= 0) throw outOfOrder(dir, rows[i]![0]);
    this.take(sumOf(block));
  }

  /** Of a block whose own names are known to ascend. */
  take({ dir, first, last, entries, bytes, directories }: BlockSum): void {
    if (dir !== this.#dir) {
      const expected = this.#next();
      if (dir !== expected) throw broken(`${printable(dir)} where ${printable(expected ?? 'the end')} was due`);
      this.#dir = dir;
      this.#lastName = undefined;
    }
    if (first !== undefined && this.#lastName !== undefined && compareKeys(this.#lastName, first) >= 0)
      throw outOfOrder(dir, first);
    this.#lastName = last ?? this.#lastName;
    for (const [name] of directories) this.#children.push(joinKey(dir, name));
    this.#bytes += bytes;
    this.#entries += entries;
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
