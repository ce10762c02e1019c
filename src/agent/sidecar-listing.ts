// A walk as the Sidecar's JSON document, written to an open file. Refuses to write a list that its client would misread.

import { realpathSync, statSync, writeSync } from 'node:fs';
import { errnoOf, LmError, printable } from '../errors.js';
import { type Block, type EntryKey, FIRST_FEW, joinKey, kindOf, type ListingEnd, type Row } from '../files/entry.js';
import { compileFilter, type FilterSpec } from '../files/filter.js';
import { pathOf, type Root, type Roots, rootFor } from '../files/roots.js';
import { milliseconds } from '../files/times.js';
import { walkBlocks } from '../files/walk.js';
import type { InstanceFileInfo } from '../wire/messages.js';
import { fileUrl, isRawKey } from '../wire/routes.js';

export interface SidecarListingJob {
  roots: Roots;
  filters: FilterSpec[];
  /** Empty, open for writing; the descriptor is the process's, so any thread may use it. */
  fd: number;
}

export interface SidecarListing {
  /** Length of the document. */
  bytes: number;
  /** What a Sidecar has no word for: links out of the root or to nothing, pipes, sockets, devices. The first few by name. */
  leftOut: number;
  firstLeftOut: EntryKey[];
}

const FLUSH_CHARACTERS = 256 * 1024;
const ROWS_PER_BLOCK = 1000;

/** Throws `local` for an incomplete walk and `refused` for a name that its client could not fetch, each naming the place. */
export function writeSidecarListing({ roots, filters, fd }: SidecarListingJob): SidecarListing {
  const excludes = compileFilter(...filters);
  const result: SidecarListing = { bytes: 0, leftOut: 0, firstLeftOut: [] };
  let text = '{"files":[';
  let separator = '';
  let totalSize = 0;
  const flush = (): void => {
    result.bytes += writeAll(fd, text, result.bytes);
    text = '';
  };
  for (const root of roots) {
    const blocks = walkBlocks([root], excludes, { rowsPerBlock: ROWS_PER_BLOCK });
    let step = blocks.next();
    for (; !step.done; step = blocks.next()) {
      for (const info of infosOf(roots, step.value, result)) {
        if (info.fileType === 'FILE') totalSize += info.size;
        text += separator + JSON.stringify(info);
        separator = ',';
      }
      if (text.length > FLUSH_CHARACTERS) flush();
    }
    refuseIncomplete(step.value);
  }
  text += `],"totalSize":${totalSize}}`;
  flush();
  return result;
}

/** An incomplete list would have the destination remove what is missing from it. */
function refuseIncomplete(end: ListingEnd): void {
  const [first] = end.firstErrors;
  if (first)
    throw new LmError('local', `cannot list ${printable(first.key)}: ${first.message} (${end.errors} such errors)`);
  const [name] = end.unnameable;
  if (name !== undefined) throw new LmError('refused', `the name ${name} is not UTF-8 and cannot be listed`);
}

function* infosOf(roots: Roots, { dir, rows }: Block, result: SidecarListing): Generator<InstanceFileInfo> {
  for (const row of rows) {
    const key = joinKey(dir, row[0]);
    const info = infoOf(roots, key, row);
    if (info && !isRawKey(row[0])) throw unfetchable(key);
    if (info) {
      yield info;
      continue;
    }
    result.leftOut++;
    if (result.firstLeftOut.length < FIRST_FEW) result.firstLeftOut.push(key);
  }
}

const unfetchable = (key: EntryKey): LmError =>
  new LmError('refused', `a Sidecar cannot fetch ${printable(key)}: its name needs percent-escapes`, {
    hint: 'exclude it, or copy with lm',
  });

function infoOf(roots: Roots, key: EntryKey, row: Row): InstanceFileInfo | undefined {
  const [, size, mtimeNs, mode] = row;
  switch (kindOf(mode)) {
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
