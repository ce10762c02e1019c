// A Sidecar's listing document → a Listing in our order, proved: whole, its sizes add up, no entry twice, no orphan.
// Knows no attribute the document does not have, and removes nothing from it but what `only` leaves aside.

import { LmError, printable } from '../errors.js';
import {
  type Block,
  compareKeys,
  type EntryKey,
  endOfNothing,
  FIRST_FEW,
  isWithin,
  joinKey,
  kindOf,
  type Listing,
  type ListingEnd,
  type ListingHeader,
  parentOf,
  type Row,
  rootOf,
  S_IFDIR,
  S_IFREG,
} from '../files/entry.js';
import { pathOf, type Roots } from '../files/roots.js';
import { fromMilliseconds } from '../files/times.js';
import { readFileList } from '../wire/file-list.js';
import { PROTOCOL_VERSION } from '../wire/listing-lines.js';
import type { InstanceFileInfo } from '../wire/messages.js';
import { isRawKey, keyOfFileUrl } from '../wire/routes.js';
import { createSpoolSort, type SpoolSort } from './spool-sort.js';

export interface SidecarListingOptions {
  /** The destination's roots: the source's are taken to be the same, since a Sidecar names none. */
  roots: Roots;
  spool: string;
  only?: EntryKey | undefined;
}

/**
 * Resolves when the document has been read and its total proved; order and parents are proved as the blocks are read.
 * Throws `protocol` for a document that cannot be right and `usage` for a directory that is not configured here.
 */
export async function readSidecarListing(
  chunks: AsyncIterable<Uint8Array>,
  { roots, spool, only }: SidecarListingOptions,
): Promise<Listing> {
  const sort = createSpoolSort(spool);
  try {
    for await (const files of readFileList(chunks)) for (const file of files) addTo(sort, file, roots, only);
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
      for await (const block of withEveryDirectory(sort.blocks(), listed)) {
        count(block, end);
        yield { block: () => block };
      }
      proof = end;
    })(),
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
  const size = file.fileType === 'DIRECTORY' ? '0' : `${file.size}`;
  const mode = file.fileType === 'DIRECTORY' ? S_IFDIR : S_IFREG;
  sort.add(dir, [key.slice(dir.length + 1), size, fromMilliseconds(file.lastModifiedTime), mode, '0', null, null]);
}

/** Undefined for a root itself: a Sidecar lists it when it was configured with a trailing slash. */
function keyOf({ fileUrl, fileType }: InstanceFileInfo, roots: Roots): EntryKey | undefined {
  const key = keyOfFileUrl(fileUrl);
  if (key === undefined) throw broken(`${printable(fileUrl)} is no file of a live migration`);
  const root = rootOf(key);
  if (!roots.some((known) => known.key === root)) throw unknownRoot(root);
  if (key === root || key === `${root}/`) {
    if (fileType === 'DIRECTORY') return undefined;
    throw broken(`${printable(key)} is a file`);
  }
  pathOf(roots, key); // the one judge of names; the path itself is of no use here
  return key;
}

/**
 * Gives directories that hold nothing the block they are due, in its place. A block is expected for every root and for every
 * directory row, depth first; one that was never announced has no parent in the listing.
 */
async function* withEveryDirectory(blocks: AsyncIterable<Block>, roots: EntryKey[]): AsyncGenerator<Block> {
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
      if (dir !== block.dir) yield { dir, rows: [] };
    }
    for (const row of block.rows) if (isDirectory(row)) children.push(joinKey(dir, row[0]));
    yield block;
  }
  for (let rest = nextDue(); rest !== undefined; rest = nextDue()) yield { dir: rest, rows: [] };
}

const isDirectory = (row: Row): boolean => kindOf(row[3]) === 'directory';

/** A file that a Sidecar lists and cannot serve is one that could not be read: its row stays, and so does the error. */
function count({ dir, rows }: Block, end: ListingEnd): void {
  end.entries += rows.length;
  for (const row of rows) {
    const [name, size] = row;
    end.bytes += Number(size);
    if (size === '0' || isRawKey(name)) continue;
    if (end.errors++ < FIRST_FEW) end.firstErrors.push({ key: joinKey(dir, name), message: NOT_SERVED });
  }
}

const NOT_SERVED = 'a Sidecar cannot serve a name that needs percent-encoding';

const headerOf = (roots: EntryKey[]): ListingHeader => ({
  protocol: PROTOCOL_VERSION,
  agentId: '',
  machine: '',
  roots: roots.map((key) => ({ key, path: '', ino: '0', mode: S_IFDIR, uid: null, gid: null })),
  exclusions: { filesToExclude: [], dirsToExclude: [] },
});

const broken = (what: string): LmError =>
  new LmError('protocol', `the source sent a listing that cannot be right: ${what}`);

const unknownRoot = (root: string): LmError =>
  new LmError('usage', `the source has a directory ${printable(root)}, which is not configured here`, {
    hint: `name it with --root ${printable(root.split('/')[0]!)}=DIR; both sides need the same directories in the same order`,
  });
