// Reads a source's listing from its lines. It checks what can be checked (order, parents, names, counts); for a line that equals one of
// this host's walk, the walk has checked them. It never reports a listing as whole that is not.

import * as z from 'zod';
import { formatCount } from '../amounts.js';
import { excerpt, LmError } from '../errors.js';
import { DIR_TYPES, type EntryKey, type RootKey, rootOf } from '../files/entry.js';
import {
  type Block,
  FIRST_FEW,
  invalidListing,
  type ListedBlock,
  type ListedRoot,
  type Listing,
  type ListingHeader,
  type ListingTotals,
  type WalkedBlock,
} from '../files/listing.js';
import { isAccountName, isUint32, MAX_NAMES, type OwnerMapping, type OwnerNames } from '../owners/owner-names.js';
import { verifiedLines } from '../wire/line-seals.js';
import { textOf } from '../wire/lines.js';
import { BoundedText } from '../wire/messages.js';
import { blockOf, isSameLine, localOwners, PROTOCOL_VERSION } from './listing-lines.js';
import { OrderCheck } from './listing-order.js';
import { ListingSize } from './listing-size.js';

const Count = z.number().int().nonnegative();
const Digits = z.string().regex(/^\d{1,20}$/);

const Uint32 = z.number().refine(isUint32);
const Id = Uint32.nullable();

/** Text that is shown to people unchanged: limited in length, without control characters that a terminal would obey. */
const PrintableText = z
  .string()
  .max(1 << 16)
  .refine((text) => !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text), 'holds control characters');

/** Far more than any node has. Roots are listed in messages and compared one by one. */
const MAX_ROOTS = 1_000;
const MAX_DEVICES = 100_000;

const NamesById = z.record(
  z.string().refine((id) => /^[1-9]\d{0,9}$/.test(id) && isUint32(Number(id))),
  z.string().refine(isAccountName, 'no name of an account').nullable(),
);
const Names = z.object({ users: NamesById, groups: NamesById, trouble: PrintableText.optional() });

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
        path: BoundedText,
        ino: Digits,
        birthNs: Digits.optional(),
        top: z.record(BoundedText, Digits).optional(),
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
  only: BoundedText.optional(),
  names: Names.optional(),
});

const End = z.object({
  type: z.literal('end'),
  entries: Count,
  bytes: Count,
  errors: Count,
  firstErrors: z.array(z.object({ key: BoundedText, message: BoundedText })).max(FIRST_FEW),
  excluded: Count,
  firstExcluded: z.array(BoundedText).max(FIRST_FEW),
  unnameable: z.array(PrintableText).max(FIRST_FEW),
  devices: z.record(BoundedText, Digits).refine((all) => Object.keys(all).length <= MAX_DEVICES, 'too many'),
  mounts: z
    .record(BoundedText, z.object({ ino: Digits, birthNs: Digits }))
    .refine((all) => Object.keys(all).length <= MAX_DEVICES, 'too many')
    .optional(),
  touched: z.object({
    files: Count,
    agoMs: Count,
    first: z.array(BoundedText).max(FIRST_FEW),
    written: z.array(BoundedText).max(10_000),
  }),
  hardLinks: z.object({ entries: Count, first: z.array(BoundedText).max(FIRST_FEW) }).optional(),
  holes: z.object({ entries: Count, bytes: Count, first: z.array(BoundedText).max(FIRST_FEW) }).optional(),
});

/**
 * Reads the header at once and the blocks on demand; `onProgress` is called whenever some have come. `mapping` maps the source's owners to
 * those of this host, so callers see only the latter. Throws `protocol` for a listing that no honest agent sends and `source` for one that
 * stops early or was damaged on the way.
 */
export async function readListing(
  chunks: AsyncIterable<Uint8Array>,
  onProgress = (): void => {},
  size = new ListingSize(),
  mapping?: OwnerMapping,
): Promise<Listing> {
  const stretches = verifiedLines(chunks, 'the listing');
  const first = await stretches.next();
  if (first.done) throw cutShort(0);
  const [line, more] = first.value;
  const { type: _, names, ...sent } = parse(Header, line!);
  if (more) throw invalidListing('a header that is not alone');
  const owners = mapping && (await ownersOf(sent.features, names, mapping));
  const header = { ...sent, roots: sent.roots.map((root) => withLocalOwner(root, mapping)) };
  let totals: ListingTotals | undefined;
  let blocks = 0;
  const read = async function* (): AsyncGenerator<ListedBlock> {
    const order = new OrderCheck(rootsListed(header), size);
    for await (const lines of stretches) {
      if (lines.some(isBlock)) onProgress();
      for (const line of lines) {
        if (isBlock(line)) {
          blocks++;
          yield new ListedLine(line, order, owners);
          continue;
        }
        const type = (parseJson(line) as { type?: unknown } | null)?.type;
        if (type === 'names') await owners?.learn(parse(Names, line));
        if (type !== 'end') continue;
        const { type: _end, ...end } = parse(End, line);
        order.finish(end);
        totals = end;
        return;
      }
    }
    throw cutShort(blocks);
  };
  return {
    header,
    blocks: read(),
    totals() {
      if (!totals) throw new Error('the listing has not been read to its end');
      return totals;
    },
  };
}

/** `blocks`: how many had come, each of up to 1,000 entries. */
const cutShort = (blocks: number): LmError =>
  new LmError('cut-answer', 'the listing stopped before its end', {
    details: [`after ${formatCount(blocks, 'block')} of entries`],
    hint: 'run the same command again',
  });

const BRACKET = '['.charCodeAt(0);

/** Other lines report progress or names, or end the listing. */
const isBlock = (line: Uint8Array): boolean => line[0] === BRACKET;

function parseJson(line: Uint8Array): unknown {
  const text = textOf(line);
  try {
    return JSON.parse(text);
  } catch {
    throw invalidListing(`not JSON: ${excerpt(text, 60)}`);
  }
}

function parse<T>(shape: z.ZodType<T>, line: Uint8Array): T {
  const result = shape.safeParse(parseJson(line));
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw invalidListing(`${excerpt(issue.path.join('.'))}: ${issue.message}`);
}

/** The owner names that a listing sends, each once, and the owners sections of its lines as this host would write them. */
class ListedOwners {
  readonly mapping: OwnerMapping;
  readonly #named = { users: new Set<number>(), groups: new Set<number>() };
  readonly #memo = new Map<string, Uint8Array>();

  constructor(mapping: OwnerMapping) {
    this.mapping = mapping;
  }

  async learn({ users, groups, trouble }: z.infer<typeof Names>): Promise<void> {
    const names = { users: this.#newNames('users', users), groups: this.#newNames('groups', groups), trouble };
    await this.mapping.learn(names);
  }

  #newNames(kind: 'users' | 'groups', sent: Record<string, string | null>): OwnerNames['users'] {
    const names = new Map(Object.entries(sent).map(([id, name]) => [Number(id), name]));
    for (const id of names.keys()) {
      if (this.#named[kind].has(id)) throw invalidListing(`the name of one of its ${kind} twice: ${id}`);
      this.#named[kind].add(id);
    }
    if (this.#named[kind].size > MAX_NAMES) throw invalidListing(`more than ${MAX_NAMES} ${kind}`);
    return names;
  }

  /** The owners section of a line as this host would write it. A tree has few different ones, so they are kept. */
  toLocal(section: Uint8Array, dir: EntryKey): Uint8Array {
    const text = Buffer.from(section.buffer, section.byteOffset, section.byteLength).toString('latin1');
    const known = this.#memo.get(text);
    if (known) return known;
    const local = localOwners(section, this.mapping, dir);
    if (this.#memo.size >= MAX_MEMO_SECTIONS) this.#memo.clear();
    if (section.length <= MAX_MEMO_SECTION_BYTES) this.#memo.set(text, local);
    return local;
  }
}

const MAX_MEMO_SECTIONS = 1_000;
const MAX_MEMO_SECTION_BYTES = 1_000;

/** An older agent sends no names. */
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

function withLocalOwner(root: ListedRoot, mapping: OwnerMapping | undefined): ListedRoot {
  const { uid, gid } = root;
  if (!mapping || uid === null || gid === null) return root;
  const owner = mapping.toLocal({ uid, gid });
  if (!owner) throw invalidListing(`an owner of ${root.key}, ${uid}:${gid}, whose names it did not send`);
  return { ...root, ...owner };
}

/** The order check sees a line only when its block is requested or accepted as equal; a skipped one makes the totals at the end wrong. */
class ListedLine implements ListedBlock {
  readonly line: Uint8Array;
  readonly #order: OrderCheck;
  readonly #owners: ListedOwners | undefined;

  constructor(line: Uint8Array, order: OrderCheck, owners: ListedOwners | undefined) {
    this.line = line;
    this.#order = order;
    this.#owners = owners;
  }

  block(): Block {
    const block = blockOf(parseJson(this.line) as unknown[], this.#owners?.mapping);
    this.#order.checkBlock(block);
    return block;
  }

  /** Equal lines have equal entries, and a walk has safe names in ascending order: only the block's summary is left to check. */
  takeIfSame({ line, sum }: WalkedBlock, owners: boolean): boolean {
    if (!sum.isOrdinary || !this.#isSameLine(line, sum.dir, owners)) return false;
    this.#order.checkSum(sum);
    return true;
  }

  #isSameLine(line: Uint8Array, dir: EntryKey, owners: boolean): boolean {
    const owned = this.#owners;
    if (!owned || owned.mapping.isIdentity) return isSameLine(this.line, line, owners);
    return isSameLine(this.line, line, owners, (section) => owned.toLocal(section, dir));
  }
}

/** A listing that is limited to one key has only the root of that key; the header names all roots. */
const rootsListed = ({ roots, only }: ListingHeader): RootKey[] =>
  roots.map((root) => root.key).filter((key) => only === undefined || key === rootOf(only));
