// A source's listing, read from its lines, each as it was sent. The reader proves what it can (order, parents, names, counts), of a
// line found equal to one of this host's by what that one proves, and never says a listing is whole when it is not.

import * as z from 'zod';
import { excerpt, LmError } from '../errors.js';
import {
  type Block,
  DIR_TYPES,
  FIRST_FEW,
  type ListedBlock,
  type Listing,
  type ListingEnd,
  type ListingHeader,
  type RootKey,
  rootOf,
  type WalkedBlock,
} from '../files/entry.js';
import { ListingSize } from '../files/listing-size.js';
import { textOf } from './lines.js';
import { blockOf, broken, isUint32, PROTOCOL_VERSION, saysTheSame } from './listing-lines.js';
import { OrderCheck } from './listing-order.js';
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

/** Far more than any node has; each takes part in all that is said of roots. */
const MAX_ROOTS = 1_000;
const MAX_DEVICES = 100_000;

const Header = z.object({
  type: z.literal('listing'),
  protocol: z.literal(PROTOCOL_VERSION),
  features: z.array(z.string().max(100)).max(100).default([]),
  agentId: z.string().max(100),
  machine: z.string().max(100),
  roots: z
    .array(
      z.object({
        key: z.string().regex(new RegExp(`^(${DIR_TYPES.join('|')})/(0|[1-9]\\d{0,8})$`)),
        path: Word,
        ino: Digits,
        birthNs: Digits.optional(),
        top: z.record(Word, Digits).optional(),
        mode: Uint32,
        uid: Id,
        gid: Id,
      }),
    )
    .max(MAX_ROOTS)
    .refine((roots) => new Set(roots.map((root) => root.key)).size === roots.length, 'one comes twice'),
  exclusions: z.object({
    filesToExclude: z.array(z.string()),
    dirsToExclude: z.array(z.string()),
    exclude: z.array(z.string()).optional(),
  }),
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
  devices: z.record(Word, Digits).refine((all) => Object.keys(all).length <= MAX_DEVICES, 'too many'),
  mounts: z
    .record(Word, z.object({ ino: Digits, birthNs: Digits }))
    .refine((all) => Object.keys(all).length <= MAX_DEVICES, 'too many')
    .optional(),
  touched: z.object({
    files: Count,
    agoMs: Count,
    first: z.array(Word).max(FIRST_FEW),
    written: z.array(Word).max(10_000),
  }),
  hardLinks: z.object({ entries: Count, first: z.array(Word).max(FIRST_FEW) }).optional(),
  holes: z.object({ entries: Count, bytes: Count, first: z.array(Word).max(FIRST_FEW) }).optional(),
});

/**
 * Reads the header at once and the blocks as they are asked for; `progressed` is called whenever some have come. Throws `protocol` for
 * a listing no honest agent sends and `source` for one that stops early or was damaged on the way.
 */
export async function readListing(
  chunks: AsyncIterable<Uint8Array>,
  progressed = (): void => {},
  size = new ListingSize(),
): Promise<Listing> {
  const stretches = provedLines(chunks, 'the listing');
  const first = await stretches.next();
  if (first.done) throw cutShort();
  const [line, more] = first.value;
  const { type: _, ...header } = parse(Header, line!);
  if (more) throw broken('a header that is not alone');
  let proof: ListingEnd | undefined;
  const read = async function* (): AsyncGenerator<ListedBlock> {
    const order = new OrderCheck(rootsListed(header), size);
    for await (const lines of stretches) {
      if (lines.some(isBlock)) progressed();
      for (const line of lines) {
        if (isBlock(line)) {
          yield new ListedLine(line, order);
        } else if ((parseJson(line) as { type?: unknown } | null)?.type === 'end') {
          const { type: _end, ...end } = parse(End, line);
          order.finish(end);
          proof = end;
          return;
        }
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

/** Anything else says how it goes, or ends the listing. */
const isBlock = (line: Uint8Array): boolean => line[0] === BRACKET;

function parseJson(line: Uint8Array): unknown {
  const text = textOf(line);
  try {
    return JSON.parse(text);
  } catch {
    throw broken(`not JSON: ${excerpt(text, 60)}`);
  }
}

function parse<T>(shape: z.ZodType<T>, line: Uint8Array): T {
  const result = shape.safeParse(parseJson(line));
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw broken(`${excerpt(issue.path.join('.'))}: ${issue.message}`);
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
  takeIfSame({ line, sum }: WalkedBlock, owners: boolean): boolean {
    if (!sum.isOrdinary || !saysTheSame(this.#line, line, owners)) return false;
    this.#order.take(sum);
    return true;
  }
}

/** Of a part, only the root it is in is walked; the header names them all. */
const rootsListed = ({ roots, only }: ListingHeader): RootKey[] =>
  roots.map((root) => root.key).filter((key) => only === undefined || key === rootOf(only));
