// A walk as the Sidecar's JSON document, written to an open file. Refuses to write a list that its client would misread.

import { realpathSync, statSync, writeSync } from 'node:fs';
import { formatCount } from '../../amounts.js';
import { errnoOf, LmError, printable } from '../../errors.js';
import {
  type Block,
  type Entry,
  type EntryKey,
  FIRST_FEW,
  joinKey,
  type ListingEnd,
  rootOf,
} from '../../files/entry.js';
import { pathOf, type Root, type Roots, rootFor } from '../../files/roots.js';
import { milliseconds } from '../../files/times.js';
import { walkBlocks } from '../../listing/walk.js';
import { compileFilter, type FilterSpec } from '../../patterns/filter.js';
import { givenUp, isRaised, type StopFlag } from '../../threads/stop-flag.js';
import { fileUrl, isFoundRaw, isRawKey } from '../../wire/file-urls.js';
import type { InstanceFileInfo } from '../../wire/messages.js';

export interface SidecarListingJob {
  roots: Roots;
  filters: FilterSpec[];
  /** Empty, open for writing; the descriptor is the process's, so any thread may use it. */
  fd: number;
  /** Raised: nobody waits for it any more. */
  stop?: StopFlag;
}

export interface SidecarListing {
  /** Length of the document. */
  bytes: number;
  /** What a Sidecar has no word for: links out of the root or to nothing, pipes, sockets, devices. The first few by name. */
  leftOut: number;
  firstLeftOut: EntryKey[];
  /** By patterns. */
  excluded: number;
  firstExcluded: EntryKey[];
}

/** What stands in the way of a list, gathered so that it is said once. */
interface Unlistable {
  unfetchable: number;
  firstUnfetchable: EntryKey[];
  /** Escaped for people. */
  unnameable: string[];
}

const FLUSH_CHARACTERS = 256 * 1024;
const ENTRIES_PER_BLOCK = 1000;

/**
 * Throws `local` for an incomplete walk, naming the first place, `refused` for names that its client could not fetch, naming the first
 * few, and `givenUp` within a block after `stop` has been raised.
 */
export function writeSidecarListing({ roots, filters, fd, stop }: SidecarListingJob): SidecarListing {
  const excludes = compileFilter(...filters);
  const result: SidecarListing = { bytes: 0, leftOut: 0, firstLeftOut: [], excluded: 0, firstExcluded: [] };
  const unlistable: Unlistable = { unfetchable: 0, firstUnfetchable: [], unnameable: [] };
  let text = '{"files":[';
  let separator = '';
  let totalSize = 0;
  const flush = (): void => {
    result.bytes += writeAll(fd, text, result.bytes);
    text = '';
  };
  for (const root of roots) {
    const blocks = walkBlocks([root], excludes, { entriesPerBlock: ENTRIES_PER_BLOCK });
    let step = blocks.next();
    for (; !step.done; step = blocks.next()) {
      if (isRaised(stop)) throw givenUp();
      for (const info of infosOf(roots, step.value, result, unlistable)) {
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

/** An incomplete list would have the destination remove what is missing from it. */
function refuseIncomplete(end: ListingEnd): void {
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
  throw new LmError('refused', `a Sidecar cannot fetch what is here: ${why.join('; ')}`, {
    hint: 'exclude or rename them, or copy with lm',
  });
}

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

/** The Sidecar reads attributes through links; what it would then refuse to serve is not listed. */
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
    if (LEADS_NOWHERE.has(errnoOf(error) ?? '')) return undefined;
    throw error; // a disk that fails says nothing about the link, and what is not listed is removed at the destination
  }
}

/** To nothing, in circles, or where this user may not go: a directory of the root's own that he may not enter fails the walk. */
const LEADS_NOWHERE = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EACCES']);

function writeAll(fd: number, text: string, position: number): number {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
  return bytes.length;
}
