// Records what the last complete pass left here, entry by entry, and what passes after it that did not end were about to write, so that
// guards can distinguish the work of somebody else from lm's own. The lines are those of a walk, and are not parsed here.

import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  constants,
  fdatasyncSync,
  linkSync,
  openSync,
  readdirSync,
  readSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { hexOf } from '../../digest/digest.js';
import { createXxh64 } from '../../digest/kernels/xxh64.js';
import { errnoOf, localError } from '../../errors.js';
import type { EntryKey } from '../../files/entry.js';
import { removeIfThere } from '../../files/if-there.js';
import { openRegular } from '../../trust/regular-file.js';
import { readFileIfThere, recordText, syncPath, writeFileAtomically } from '../atomic-file.js';

/** Lines of a walk on disk. `sum` is the XXH64 of the `bytes` bytes of `path`, in hex. */
export interface WalkedLines {
  path: string;
  bytes: number;
  sum: string;
}

export interface Inventory extends WalkedLines {
  /** The run of the copy that left it. */
  run: string;
  /** A final pass has succeeded, then or before. */
  final: boolean;
  /** The prefixes of keys that it covers: every root, or the keys of `--only`. */
  within: EntryKey[];
}

const Head = z.object({
  v: z.literal(1),
  run: z.string(),
  final: z.boolean(),
  within: z.array(z.string()),
  file: z.string().regex(/^inventory\.[0-9a-f-]{36}\.lines$/),
  bytes: z.int().nonnegative(),
  sum: z.string().regex(/^[0-9a-f]{16}$/),
});

const headIn = (dir: string): string => join(dir, 'inventory.json');
const plannedIn = (dir: string): string => join(dir, 'planned.jsonl');

/** 'damaged' when there was one whose content is not known any more. `expected`: whether the journal records one. */
export function readInventory(dir: string, expected: boolean): Inventory | 'damaged' | undefined {
  const text = readFileIfThere(headIn(dir));
  if (text === undefined) return expected ? 'damaged' : undefined;
  const head = parsed(text);
  if (!head) return 'damaged';
  const { v: _, file, ...rest } = head;
  const inventory = { ...rest, path: join(dir, file) };
  return isWhole(inventory) ? inventory : 'damaged';
}

function parsed(text: string): z.infer<typeof Head> | undefined {
  try {
    return Head.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** False for a file that is missing or holds other bytes. Throws `local` for one that cannot be read. */
function isWhole({ path, bytes, sum }: WalkedLines): boolean {
  const hash = createXxh64();
  let seen = 0;
  try {
    for (const chunk of chunksOf(path)) {
      hash.update(chunk);
      seen += chunk.length;
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw localError('read', path, error);
  }
  return seen === bytes && hexOf(hash.digest()) === sum;
}

/**
 * Replaces the inventory, and removes what was planned since the one before. The lines get a second name; `path` may be that of the
 * inventory that is replaced. A crash leaves this inventory or the one before. Throws `local`. Returns the path of the lines.
 */
export function recordInventory(dir: string, { path, ...inventory }: Inventory): string {
  const file = dirname(path) === dir ? basename(path) : `inventory.${randomUUID()}.lines`;
  try {
    syncPath(path);
    if (dirname(path) !== dir) linkSync(path, join(dir, file));
    syncPath(dir);
  } catch (error) {
    throw localError('write', join(dir, file), error);
  }
  writeFileAtomically(headIn(dir), recordText({ v: 1, ...inventory, file }));
  removePlanned(dir);
  try {
    for (const name of readdirSync(dir))
      if (/^inventory\..*\.lines$/.test(name) && name !== file) removeIfThere(join(dir, name));
  } catch (error) {
    throw localError('remove old records from', dir, error);
  }
  return join(dir, file);
}

/** Removes what was planned, because a complete pass has ended. */
export function removePlanned(dir: string): void {
  try {
    removeIfThere(plannedIn(dir));
  } catch (error) {
    throw localError('remove', plannedIn(dir), error);
  }
}

/**
 * Records what a pass is about to write: files of lines `["data/0/ks",[row,…]]`. The record is on disk on return, so before the first such
 * write. `after` is the run of the last inventory. Throws `local`.
 */
export function recordPlanned(dir: string, after: string, files: readonly string[]): void {
  const path = plannedIn(dir);
  const head = JSON.stringify({ after });
  try {
    if (firstLineOf(path) !== head) removeIfThere(path); // not truncated: under a second name its bytes may be in use
    const fd = openSync(path, APPEND, 0o600);
    try {
      appendFileSync(fd, `${head}\n`); // its own line, even after one that was cut short
      for (const file of files) for (const chunk of chunksOf(file)) appendFileSync(fd, chunk);
      fdatasyncSync(fd);
    } finally {
      closeSync(fd);
    }
    syncPath(dir);
  } catch (error) {
    throw localError('write', path, error);
  }
}

const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;
const APPEND = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK;

function firstLineOf(path: string): string | undefined {
  for (const line of readLines(path)) return line.toString();
  return undefined;
}

/** The lines recorded since the inventory of run `after`; none when they were recorded since another one. Lines cut short are left out. */
export function* readPlanned(dir: string, after: string): Generator<unknown> {
  const head = JSON.stringify({ after });
  let first = true;
  for (const line of readLines(plannedIn(dir))) {
    const text = line.toString();
    if (first && text !== head) return;
    first = false;
    if (text === head) continue;
    try {
      yield JSON.parse(text);
    } catch {} // cut short: its pass has written nothing
  }
}

const NEWLINE = 10;

/** The lines of a file, without newlines; none when there is no such file. Each line is valid until the next one is requested. */
export function* readLines(path: string): Generator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  try {
    for (const chunk of chunksOf(path)) {
      const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
      let start = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
        yield bytes.subarray(start, end);
        start = end + 1;
      }
      rest = Buffer.from(bytes.subarray(start));
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw localError('read', path, error);
  }
  if (rest.length > 0) yield rest;
}

const CHUNK_BYTES = 1 << 20;

/** Each chunk is valid until the next one is requested. */
function* chunksOf(path: string): Generator<Buffer> {
  const fd = openRegular(path);
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let got = readSync(fd, buffer); got > 0; got = readSync(fd, buffer)) yield buffer.subarray(0, got);
  } finally {
    closeSync(fd);
  }
}
