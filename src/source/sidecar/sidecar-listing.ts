// Reads a Sidecar's listing document into a Listing in this program's order, and checks it: it is complete, its sizes add up, no entry comes
// twice, and every entry has its parent.

import { excerpt, LmError, printable } from '../../errors.js';
import {
  compareKeys,
  type EntryKey,
  isWithin,
  joinKey,
  NO_INODE,
  parentOf,
  rootOf,
  S_IFDIR,
  S_IFREG,
} from '../../files/entry.js';
import {
  type Block,
  invalidListing,
  type Listing,
  type ListingHeader,
  type ListingTotals,
  noTotals,
} from '../../files/listing.js';
import { pathOf, type Roots } from '../../files/roots.js';
import { fromMilliseconds } from '../../files/times.js';
import { PROTOCOL_VERSION } from '../../listing/listing-lines.js';
import { ListingSize } from '../../listing/listing-size.js';
import { createSpoolSort, type SpoolSort } from '../../spool/spool-sort.js';
import { readFileList } from '../../wire/file-list.js';
import { isServedRaw, keyOfFileUrl } from '../../wire/file-urls.js';
import type { InstanceFileInfo } from '../../wire/messages.js';

interface SidecarListingOptions {
  /** The destination's roots, taken for the source's too, since a Sidecar names none. */
  roots: Roots;
  spool: string;
  only?: EntryKey | undefined;
  /** Called when files have come. */
  progressed?(files: number): void;
}

/**
 * Resolves when the document has been read and its total checked; order and parents are checked as the blocks are read. Throws `protocol` for
 * a document that cannot be right and `usage` for a directory that is not configured here.
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
  let proof: ListingTotals | undefined;
  return {
    header,
    blocks: (async function* () {
      const end = noTotals();
      const size = new ListingSize();
      for await (const block of withEveryDirectory(sort.blocks(), listed, size)) {
        count(block, end);
        yield { block: () => block };
      }
      proof = end;
    })(),
    serves: isServedRaw,
    totals() {
      if (!proof) throw new Error('the listing has not been read to its end');
      return proof;
    },
  };
}

/** With `only`, ignores files that lie neither in it nor on the path to it. */
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
    allocated: undefined,
  });
}

/** Undefined for a root itself, which a Sidecar lists when it is configured with a trailing slash. */
function keyOf({ fileUrl, fileType }: InstanceFileInfo, roots: Roots): EntryKey | undefined {
  const key = keyOfFileUrl(fileUrl);
  if (key === undefined) throw invalidListing(`${excerpt(fileUrl)} is no file of a live migration`);
  const root = rootOf(key);
  if (!roots.some((known) => known.key === root)) throw unknownRoot(root);
  if (key === root || key === `${root}/`) {
    if (fileType === 'DIRECTORY') return undefined;
    throw invalidListing(`${excerpt(key)} is a file`);
  }
  pathOf(roots, key); // for its check of names; the path itself is not used
  return key;
}

/**
 * Inserts the blocks of empty directories. There must be a block for every root and every directory entry, depth first; a block without such
 * an entry has no parent in the listing.
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
      if (dir === undefined) throw invalidListing(`${printable(block.dir)} is not listed, what it holds is`);
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

function count({ entries }: Block, end: ListingTotals): void {
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

const unknownRoot = (root: string): LmError =>
  new LmError('missing-root', `the source has a directory ${excerpt(root)}, which is not configured here`, {
    hint: `name it with --root ${excerpt(root.split('/')[0]!)}=DIR; both sides need the same directories in the same order`,
  });
