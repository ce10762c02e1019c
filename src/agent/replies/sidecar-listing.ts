// Walks the roots and writes the listing to an open file, as the Sidecar's JSON document. Throws where a Sidecar would misread it.

import { realpathSync, statSync } from 'node:fs';
import { formatCount } from '../../amounts.js';
import { errnoOf, LmError, printable } from '../../errors.js';
import { type Entry, type EntryKey, isPartName, joinKey, rootOf } from '../../files/entry.js';
import { type Block, FIRST_FEW, type ListingTotals } from '../../files/listing.js';
import { pathOf, type Root, type Roots, rootFor } from '../../files/roots.js';
import { milliseconds } from '../../files/times.js';
import { writeAll } from '../../files/write-all.js';
import { walkBlocks } from '../../listing/walk.js';
import { compileFilter, type FilterSpec } from '../../patterns/filter.js';
import { givenUp, isRaised, type StopFlag } from '../../threads/stop-flag.js';
import { fileUrl, isFoundRaw, isRawKey } from '../../wire/file-urls.js';
import type { InstanceFileInfo } from '../../wire/messages.js';

export interface SidecarListingJob {
  roots: Roots;
  filters: FilterSpec[];
  /** What a copy has not finished yet is no entry of this side. */
  hidesParts?: boolean;
  /** Empty, open for writing; the descriptor is the process's, so any thread may use it. */
  fd: number;
  /** Raised when the client has gone. */
  stop?: StopFlag;
}

export interface SidecarListing {
  /** Length of the document. */
  bytes: number;
  /** Entries that the document cannot express: links out of the root or to nothing, pipes, sockets, devices. The first few by name. */
  leftOut: number;
  firstLeftOut: EntryKey[];
  /** Entries excluded by patterns. */
  excluded: number;
  firstExcluded: EntryKey[];
}

/** Entries that make the listing impossible, collected for one error message. */
interface Unlistable {
  unfetchable: number;
  firstUnfetchable: EntryKey[];
  /** Names that are not UTF-8, escaped for people. */
  unnameable: string[];
}

const FLUSH_CHARACTERS = 256 * 1024;
const ENTRIES_PER_BLOCK = 1000;

/**
 * Throws `local` for an incomplete walk, naming the first entry that could not be read, `refused` for names that a Sidecar could not
 * fetch, naming the first few, and `givenUp` within a block after `stop` has been raised.
 */
export function writeSidecarListing({
  roots,
  filters,
  hidesParts = false,
  fd,
  stop,
}: SidecarListingJob): SidecarListing {
  const excludes = compileFilter(...filters);
  const result: SidecarListing = { bytes: 0, leftOut: 0, firstLeftOut: [], excluded: 0, firstExcluded: [] };
  const unlistable: Unlistable = { unfetchable: 0, firstUnfetchable: [], unnameable: [] };
  let text = '{"files":[';
  let separator = '';
  let totalSize = 0;
  const flush = (): void => {
    result.bytes += writeText(fd, text, result.bytes);
    text = '';
  };
  for (const root of roots) {
    const blocks = walkBlocks([root], excludes, { entriesPerBlock: ENTRIES_PER_BLOCK });
    let step = blocks.next();
    for (; !step.done; step = blocks.next()) {
      if (isRaised(stop)) throw givenUp();
      const block = hidesParts ? withoutParts(step.value) : step.value;
      for (const info of infosOf(roots, block, result, unlistable)) {
        if (info.fileType === 'FILE') totalSize += info.size;
        text += separator + JSON.stringify(info);
        separator = ',';
      }
      if (text.length > FLUSH_CHARACTERS) flush();
    }
    refuseIncomplete(step.value);
    unlistable.unnameable.push(...step.value.unnameable);
    result.excluded += step.value.excluded;
    result.firstExcluded.push(...step.value.firstExcluded);
  }
  refuseUnlistable(unlistable);
  text += `],"totalSize":${totalSize}}`;
  flush();
  return result;
}

/** The destination would remove what an incomplete listing lacks. */
function refuseIncomplete(end: ListingTotals): void {
  const [first] = end.firstErrors;
  if (first)
    throw new LmError('local', `cannot list ${printable(first.key)}: ${first.message} (${end.errors} such errors)`);
}

function refuseUnlistable({ unfetchable, firstUnfetchable, unnameable }: Unlistable): void {
  if (unfetchable + unnameable.length === 0) return;
  const named = (first: readonly string[], all: number): string => first.join(', ') + (all > first.length ? ', …' : '');
  const why = [
    ...(unfetchable > 0
      ? [
          `${formatCount(unfetchable, 'name that needs', 'names that need')} percent-escapes: ${named(firstUnfetchable.map(printable), unfetchable)}`,
        ]
      : []),
    ...(unnameable.length > 0
      ? [`names that are not UTF-8: ${named(unnameable.slice(0, FIRST_FEW), unnameable.length)}`]
      : []),
  ];
  throw new LmError('unusable-name', `a Sidecar cannot fetch what is here: ${why.join('; ')}`, {
    hint: 'exclude or rename them, or copy with lm',
  });
}

const withoutParts = (block: Block): Block => ({
  ...block,
  entries: block.entries.filter(({ name }) => !isPartName(name)),
});

function* infosOf(
  roots: Roots,
  { dir, entries }: Block,
  result: SidecarListing,
  unlistable: Unlistable,
): Generator<InstanceFileInfo> {
  for (const entry of entries) {
    const key = joinKey(dir, entry.name);
    const info = infoOf(roots, key, entry);
    if (!info) {
      result.leftOut++;
      if (result.firstLeftOut.length < FIRST_FEW) result.firstLeftOut.push(key);
    } else if (isRawKey(entry.name) || isFoundRaw(joinKey(rootOf(key), entry.name))) yield info;
    else {
      unlistable.unfetchable++;
      if (unlistable.firstUnfetchable.length < FIRST_FEW) unlistable.firstUnfetchable.push(key);
    }
  }
}

function infoOf(roots: Roots, key: EntryKey, { kind, size, mtimeNs }: Entry): InstanceFileInfo | undefined {
  switch (kind) {
    case 'file':
      return { fileUrl: fileUrl(key), size: Number(size), fileType: 'FILE', lastModifiedTime: milliseconds(mtimeNs) };
    case 'directory':
      return { fileUrl: fileUrl(key), size: -1, fileType: 'DIRECTORY', lastModifiedTime: milliseconds(mtimeNs) };
    case 'link':
      return throughLink(rootFor(roots, key), pathOf(roots, key), key);
    default:
      return undefined;
  }
}

/** The Sidecar reads attributes through links. A link that it would refuse to serve is not listed. */
function throughLink(root: Root, path: string, key: EntryKey): InstanceFileInfo | undefined {
  try {
    const real = realpathSync.native(path);
    if (real !== root.path && !real.startsWith(root.path === '/' ? '/' : `${root.path}/`)) return undefined;
    const stat = statSync(real, { bigint: true });
    const isFile = stat.isFile();
    if (!isFile && !stat.isDirectory()) return undefined;
    return {
      fileUrl: fileUrl(key),
      size: isFile ? Number(stat.size) : -1,
      fileType: isFile ? 'FILE' : 'DIRECTORY',
      lastModifiedTime: milliseconds(`${stat.mtimeNs}`),
    };
  } catch (error) {
    if (UNRESOLVABLE.has(errnoOf(error) ?? '')) return undefined;
    throw error; // a failing disk says nothing about the link, and the destination removes what is not listed
  }
}

/** Links to nothing, in circles, or into a directory this user may not enter; such a directory within the root fails the walk itself. */
const UNRESOLVABLE = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EACCES']);

function writeText(fd: number, text: string, position: number): number {
  const bytes = Buffer.from(text);
  writeAll(fd, bytes, position);
  return bytes.length;
}
