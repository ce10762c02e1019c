// A Sidecar's listing document → a Listing in our order, proved: whole, its sizes add up, no entry twice, no orphan.
// Knows no attribute the document does not have, and removes nothing from it but what `only` leaves aside.

import { excerpt, LmError, printable } from '../../errors.js';
import {
  type Block,
  compareKeys,
  type EntryKey,
  endOfNothing,
  isWithin,
  joinKey,
  type Listing,
  type ListingEnd,
  type ListingHeader,
  NO_INODE,
  parentOf,
  rootOf,
  S_IFDIR,
  S_IFREG,
} from '../../files/entry.js';
import { pathOf, type Roots } from '../../files/roots.js';
import { fromMilliseconds } from '../../files/times.js';
import { PROTOCOL_VERSION } from '../../listing/listing-lines.js';
import { ListingSize } from '../../listing/listing-size.js';
import { createSpoolSort, type SpoolSort } from '../../spool/spool-sort.js';
import { readFileList } from '../../wire/file-list.js';
import { isServedRaw, keyOfFileUrl } from '../../wire/file-urls.js';
import type { InstanceFileInfo } from '../../wire/messages.js';

export interface SidecarListingOptions {
  /** The destination's roots: the source's are taken to be the same, since a Sidecar names none. */
  roots: Roots;
  spool: string;
  only?: EntryKey | undefined;
  /** Called whenever files have come. */
  progressed?(files: number): void;
}

/**
 * Resolves when the document has been read and its total proved; order and parents are proved as the blocks are read.
 * Throws `protocol` for a document that cannot be right and `usage` for a directory that is not configured here.
 */
export async function readSidecarListing(
  chunks: AsyncIterable<Uint8Array>,
  { roots, spool, only, progressed }: SidecarListingOptions,
): Promise<Listing> {
  const sort = createSpoolSort(spool);
  try {
    for await (const files of readFileList(chunks)) {
      for (const file of files) addTo(sort, file, roots, only);
      progressed?.(files.length);
    }
  } catch (error) {
    sort.close();
    throw error;
  }
  const listed = roots.map((root) => root.key).filter((key) => only === undefined || key === rootOf(only));
  const header = headerOf(listed);
  let proof: ListingEnd | undefined;
  return {
    header,
    blocks: (async function* () {
      const end = endOfNothing();
      const size = new ListingSize();
      for await (const block of withEveryDirectory(sort.blocks(), listed, size)) {
        count(block, end);
        yield { block: () => block };
      }
      proof = end;
    })(),
    serves: isServedRaw,
    end() {
      if (!proof) throw new Error('the listing has not been read to its end');
      return proof;
    },
  };
}

/** With `only`, what lies beside it and is not on the way to it is left aside. */
function addTo(sort: SpoolSort, file: InstanceFileInfo, roots: Roots, only: EntryKey | undefined): void {
  const key = keyOf(file, roots);
  if (key === undefined) return;
  if (only !== undefined && !isWithin(key, only) && !isWithin(only, key)) return;
  const dir = parentOf(key);
  const isDirectory = file.fileType === 'DIRECTORY';
  sort.add(dir, {
    name: key.slice(dir.length + 1),
    kind: isDirectory ? 'directory' : 'file',
    size: isDirectory ? '0' : `${file.size}`,
    mtimeNs: fromMilliseconds(file.lastModifiedTime),
    mode: isDirectory ? S_IFDIR : S_IFREG,
    ino: undefined,
    owner: undefined,
    target: undefined,
    ctimeNs: undefined,
    links: undefined,
  });
}

/** Undefined for a root itself: a Sidecar lists it when it was configured with a trailing slash. */
function keyOf({ fileUrl, fileType }: InstanceFileInfo, roots: Roots): EntryKey | undefined {
  const key = keyOfFileUrl(fileUrl);
  if (key === undefined) throw broken(`${excerpt(fileUrl)} is no file of a live migration`);
  const root = rootOf(key);
  if (!roots.some((known) => known.key === root)) throw unknownRoot(root);
  if (key === root || key === `${root}/`) {
    if (fileType === 'DIRECTORY') return undefined;
    throw broken(`${excerpt(key)} is a file`);
  }
  pathOf(roots, key); // the one judge of names; the path itself is of no use here
  return key;
}

/**
 * Gives directories that hold nothing the block they are due, in its place. A block is expected for every root and for every
 * directory entry, depth first; one that was never announced has no parent in the listing.
 */
async function* withEveryDirectory(
  blocks: AsyncIterable<Block>,
  roots: EntryKey[],
  size: ListingSize,
): AsyncGenerator<Block> {
  const due = [...roots].sort((a, b) => compareKeys(b, a));
  let children: EntryKey[] = [];
  let dir: EntryKey | undefined;
  const nextDue = (): EntryKey | undefined => {
    for (const child of children.reverse()) due.push(child);
    children = [];
    return due.pop();
  };
  for await (const block of blocks) {
    while (block.dir !== dir) {
      dir = nextDue();
      if (dir === undefined) throw broken(`${printable(block.dir)} is not listed, what it holds is`);
      if (dir !== block.dir) yield { dir, entries: [] };
    }
    size.addEntries(block.entries.length);
    for (const entry of block.entries) {
      if (entry.kind !== 'directory') continue;
      size.addDirectory(dir.length + 1 + entry.name.length);
      children.push(joinKey(dir, entry.name));
    }
    yield block;
  }
  for (let rest = nextDue(); rest !== undefined; rest = nextDue()) yield { dir: rest, entries: [] };
}

function count({ entries }: Block, end: ListingEnd): void {
  end.entries += entries.length;
  for (const { size } of entries) end.bytes += Number(size);
}

const headerOf = (roots: EntryKey[]): ListingHeader => ({
  protocol: PROTOCOL_VERSION,
  features: [],
  agentId: '',
  machine: '',
  roots: roots.map((key) => ({ key, path: '', ino: NO_INODE, mode: S_IFDIR, uid: null, gid: null })),
  exclusions: { filesToExclude: [], dirsToExclude: [] },
});

const broken = (what: string): LmError =>
  new LmError('protocol', `the source sent a listing that cannot be right: ${what}`);

const unknownRoot = (root: string): LmError =>
  new LmError('usage', `the source has a directory ${excerpt(root)}, which is not configured here`, {
    hint: `name it with --root ${excerpt(root.split('/')[0]!)}=DIR; both sides need the same directories in the same order`,
  });
