// What the last complete pass left here, entry by entry, and what passes after it that did not end were about to write. Kept so that
// the work of somebody else can be told from lm's own; judges nothing. The lines are those of a walk, opaque here.

import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  constants,
  fdatasyncSync,
  fsyncSync,
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
import { readFileIfAny, recordText, syncDirectory, writeFileAtomically } from '../atomic-file.js';

/** Lines of a walk on disk. `sum` is the XXH64 of the `bytes` bytes of `path`, in hex. */
export interface WalkedLines {
  path: string;
  bytes: number;
  sum: string;
}

export interface Inventory extends WalkedLines {
  /** The copy that left it. */
  run: string;
  /** A final pass has succeeded, then or before. */
  final: boolean;
  /** The prefixes of keys that it covers: every root, or what `--only` has looked at. */
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

/** 'damaged': there was one, and what it said is not known any more. `expected`: whether the journal tells of one. */
export function readInventory(dir: string, expected: boolean): Inventory | 'damaged' | undefined {
  const text = readFileIfAny(headIn(dir));
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

/** Only a file that is not there, or holds other bytes, is damaged: what cannot be read is an error like any other. */
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
 * Replaces the inventory, and forgets what was planned after the one before it. The lines keep their own name as well. A crash leaves
 * this one or the one before. `path` may be that of the inventory it replaces. Throws `local`. Returns where the lines are kept.
 */
export function recordInventory(dir: string, { path, ...inventory }: Inventory): string {
  const file = dirname(path) === dir ? basename(path) : `inventory.${randomUUID()}.lines`;
  try {
    syncFile(path);
    if (dirname(path) !== dir) linkSync(path, join(dir, file));
    syncDirectory(dir);
  } catch (error) {
    throw localError('write', join(dir, file), error);
  }
  writeFileAtomically(headIn(dir), recordText({ v: 1, ...inventory, file }));
  forgetPlanned(dir);
  try {
    for (const name of readdirSync(dir))
      if (/^inventory\..*\.lines$/.test(name) && name !== file) removeIfThere(join(dir, name));
  } catch (error) {
    throw localError('remove old records from', dir, error);
  }
  return join(dir, file);
}

/** What was planned has come about, or was given up: a complete pass has ended. */
export function forgetPlanned(dir: string): void {
  try {
    removeIfThere(plannedIn(dir));
  } catch (error) {
    throw localError('remove', plannedIn(dir), error);
  }
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Notes what a pass is about to write: files of lines `["data/0/ks",[row,…]]`. On disk when this returns, so before the first of it is
 * written. `after` is the run of the inventory that it comes after. Throws `local`.
 */
export function notePlanned(dir: string, after: string, files: readonly string[]): void {
  const path = plannedIn(dir);
  const head = JSON.stringify({ after });
  try {
    if (firstLineOf(path) !== head) removeIfThere(path); // under another name as well, its bytes may be somebody's
    const fd = openSync(path, APPEND, 0o600);
    try {
      appendFileSync(fd, `${head}\n`); // also ends a line that was cut short
      for (const file of files) for (const chunk of chunksOf(file)) appendFileSync(fd, chunk);
      fdatasyncSync(fd);
    } finally {
      closeSync(fd);
    }
    syncDirectory(dir);
  } catch (error) {
    throw localError('write', path, error);
  }
}

const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;
const APPEND = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK;

function firstLineOf(path: string): string | undefined {
  for (const line of linesOf(path)) return line.toString();
  return undefined;
}

/** What was noted after the inventory of that run, line by line; nothing when it was noted after another. Lines cut short are left out. */
export function* readPlanned(dir: string, after: string): Generator<unknown> {
  const head = JSON.stringify({ after });
  let first = true;
  for (const line of linesOf(plannedIn(dir))) {
    const text = line.toString();
    if (first && text !== head) return;
    first = false;
    if (text === head) continue;
    try {
      yield JSON.parse(text);
    } catch {} // its pass wrote nothing
  }
}

const NEWLINE = 10;

/** The lines of a file, without their newlines, each good until the next is asked for; none when there is no such file. */
export function* linesOf(path: string): Generator<Buffer> {
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

/** Each good until the next is asked for. */
function* chunksOf(path: string): Generator<Buffer> {
  const fd = openRegular(path);
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let got = readSync(fd, buffer); got > 0; got = readSync(fd, buffer)) yield buffer.subarray(0, got);
  } finally {
    closeSync(fd);
  }
}
