// A source's listing, read from its lines, each as it was sent. The reader proves what it can (order, parents, names, counts), of a
// line found equal to one of this host's by what that one proves, and never says a listing is whole when it is not.

import * as z from 'zod';
import { excerpt, LmError } from '../errors.js';
import {
  type Block,
  DIR_TYPES,
  type EntryKey,
  FIRST_FEW,
  type ListedBlock,
  type ListedRoot,
  type Listing,
  type ListingEnd,
  type ListingHeader,
  type RootKey,
  rootOf,
  type WalkedBlock,
} from '../files/entry.js';
import { isAccountName, isUint32, MAX_NAMES, type OwnerMapping, type OwnerNames } from '../owners/owner-names.js';
import { provedLines } from '../wire/line-seals.js';
import { textOf } from '../wire/lines.js';
import { Word } from '../wire/messages.js';
import { blockOf, broken, ownersHere, PROTOCOL_VERSION, saysTheSame } from './listing-lines.js';
import { OrderCheck } from './listing-order.js';
import { ListingSize } from './listing-size.js';

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

const NamesById = z.record(
  z.string().refine((id) => /^[1-9]\d{0,9}$/.test(id) && isUint32(Number(id))),
  z.string().refine(isAccountName, 'no name of an account').nullable(),
);
const Names = z.object({ users: NamesById, groups: NamesById, trouble: Told.optional() });

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
  names: Names.optional(),
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
 * Reads the header at once and the blocks as they are asked for; `progressed` is called whenever some have come. What is read has the
 * owners that `mapping` makes of the source's: behind this door there are none but this host's. Throws `protocol` for a listing no honest
 * agent sends and `source` for one that stops early or was damaged on the way.
 */
export async function readListing(
  chunks: AsyncIterable<Uint8Array>,
  progressed = (): void => {},
  size = new ListingSize(),
  mapping?: OwnerMapping,
): Promise<Listing> {
  const stretches = provedLines(chunks, 'the listing');
  const first = await stretches.next();
  if (first.done) throw cutShort();
  const [line, more] = first.value;
  const { type: _, names, ...told } = parse(Header, line!);
  if (more) throw broken('a header that is not alone');
  const owners = mapping && (await ownersOf(told.features, names, mapping));
  const header = { ...told, roots: told.roots.map((root) => ownedHere(root, mapping)) };
  let proof: ListingEnd | undefined;
  const read = async function* (): AsyncGenerator<ListedBlock> {
    const order = new OrderCheck(rootsListed(header), size);
    for await (const lines of stretches) {
      if (lines.some(isBlock)) progressed();
      for (const line of lines) {
        if (isBlock(line)) {
          yield new ListedLine(line, order, owners);
          continue;
        }
        const type = (parseJson(line) as { type?: unknown } | null)?.type;
        if (type === 'names') await owners?.learn(parse(Names, line));
        if (type !== 'end') continue;
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

/** The names that a listing tells, once each, and what its lines are compared by. */
class ListedOwners {
  readonly mapping: OwnerMapping;
  readonly #told = { users: new Set<number>(), groups: new Set<number>() };
  readonly #memo = new Map<string, Uint8Array>();

  constructor(mapping: OwnerMapping) {
    this.mapping = mapping;
  }

  async learn({ users, groups, trouble }: z.infer<typeof Names>): Promise<void> {
    const names = { users: this.#news('users', users), groups: this.#news('groups', groups), trouble };
    await this.mapping.learn(names);
  }

  #news(kind: 'users' | 'groups', told: Record<string, string | null>): OwnerNames['users'] {
    const names = new Map(Object.entries(told).map(([id, name]) => [Number(id), name]));
    for (const id of names.keys()) {
      if (this.#told[kind].has(id)) throw broken(`the name of one of its ${kind} twice: ${id}`);
      this.#told[kind].add(id);
    }
    if (this.#told[kind].size > MAX_NAMES) throw broken(`more than ${MAX_NAMES} ${kind}`);
    return names;
  }

  /** The part of a line that has them, as this host would write it. A tree has few that differ. */
  toOurs(part: Uint8Array, dir: EntryKey): Uint8Array {
    const text = Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString('latin1');
    const known = this.#memo.get(text);
    if (known) return known;
    const ours = ownersHere(part, this.mapping, dir);
    if (this.#memo.size >= MEMO_PARTS) this.#memo.clear();
    if (part.length <= MEMO_PART_BYTES) this.#memo.set(text, ours);
    return ours;
  }
}

const MEMO_PARTS = 1_000;
const MEMO_PART_BYTES = 1_000;

/** An older agent tells no names. */
async function ownersOf(
  features: readonly string[],
  names: z.infer<typeof Names> | undefined,
  mapping: OwnerMapping,
): Promise<ListedOwners> {
  const owners = new ListedOwners(mapping);
  if (!features.includes('names')) mapping.learnNoNames();
  else await owners.learn(names ?? { users: {}, groups: {} });
  return owners;
}

function ownedHere(root: ListedRoot, mapping: OwnerMapping | undefined): ListedRoot {
  const { uid, gid } = root;
  if (!mapping || uid === null || gid === null) return root;
  const owner = mapping.toHere({ uid, gid });
  if (!owner) throw broken(`an owner of ${root.key}, ${uid}:${gid}, whose names were not told`);
  return { ...root, ...owner };
}

/** A line nobody asks for is missing from the order, and so from what the end must prove. */
class ListedLine implements ListedBlock {
  readonly #line: Uint8Array;
  readonly #order: OrderCheck;
  readonly #owners: ListedOwners | undefined;

  constructor(line: Uint8Array, order: OrderCheck, owners: ListedOwners | undefined) {
    this.#line = line;
    this.#order = order;
    this.#owners = owners;
  }

  block(): Block {
    const block = blockOf(parseJson(this.#line) as unknown[], this.#owners?.mapping);
    this.#order.see(block);
    return block;
  }

  /** The same text says the same, and a walk has safe names in ascending order: what it amounts to is all there is to prove. */
  takeIfSame({ line, sum }: WalkedBlock, owners: boolean): boolean {
    if (!sum.isOrdinary || !this.#saysTheSame(line, sum.dir, owners)) return false;
    this.#order.take(sum);
    return true;
  }

  #saysTheSame(line: Uint8Array, dir: EntryKey, owners: boolean): boolean {
    const theirs = this.#owners;
    if (!theirs || theirs.mapping.isIdentity) return saysTheSame(this.#line, line, owners);
    return saysTheSame(this.#line, line, owners, (part) => theirs.toOurs(part, dir));
  }
}

/** Of a part, only the root it is in is walked; the header names them all. */
const rootsListed = ({ roots, only }: ListingHeader): RootKey[] =>
  roots.map((root) => root.key).filter((key) => only === undefined || key === rootOf(only));
