// The append-only record of what runs did: one JSON record a line, each with its own checksum. It saves work; what is true
// is on the disk it tells of. Refuses to lose a record silently: a failed write ends the run.

import { appendFileSync, closeSync, constants, fdatasyncSync, ftruncateSync, linkSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { errnoOf, LmError, localError, printable } from '../../errors.js';
import { removeIfThere } from '../../files/if-there.js';
import { readRegular } from '../../trust/regular-file.js';
import { syncDirectory, writeFileAtomically } from '../atomic-file.js';
import { bootId } from '../identity/host.js';
import { carry, foldHistory, type History, type JournalRecord, type Line } from './history.js';

export interface Journal {
  readonly path: string;
  /** On return the record is with the kernel; those that grant or revoke trust are on disk. Throws `local`. */
  append(record: JournalRecord): void;
  sync(): void;
  close(): void;
}

const pathIn = (dir: string): string => join(dir, 'journal.jsonl');
const previousIn = (dir: string): string => join(dir, 'journal.1.jsonl');

/** The history of all runs; that of none when there is no journal. Throws `local` when it cannot be read or is not ours. */
export function readJournal(dir: string, boot = bootId()): History {
  const path = pathIn(dir);
  return foldHistory(linesOf(readBytes(path), path), boot);
}

/** Above this, a journal without unfinished parts starts afresh, keeping what it amounted to. */
const FRESH_BYTES = 8 * 2 ** 20;

/** Young files in one record: well below what would make a journal start afresh again. */
const MOST_CARRIED = 10_000;

/** For one writer, who holds the lock. The journal before a fresh start is kept beside it. */
export function openJournal(dir: string, freshBytes = FRESH_BYTES): Journal {
  const path = pathIn(dir);
  const bytes = readBytes(path);
  const lines = linesOf(bytes, path);
  const fd = bytes.length > freshBytes && startAfresh(dir, lines) ? reopen(dir) : reopen(dir, wholeBytes(bytes));
  let broken: LmError | undefined;
  /** After a failure nothing more is written: a second record would be glued to the torn first. */
  const attempt = (act: () => void): void => {
    if (broken) throw broken;
    try {
      act();
    } catch (error) {
      broken = localError('write', path, error);
      throw broken;
    }
  };
  return {
    path,
    append: (record) =>
      attempt(() => {
        appendFileSync(fd, seal(record, Date.now()));
        if (TRUSTED.has(record.type)) fdatasyncSync(fd);
      }),
    sync: () => attempt(() => fdatasyncSync(fd)),
    close: () =>
      attempt(() => {
        broken = new LmError('local', `the journal ${printable(path)} is closed`);
        closeSync(fd);
      }),
  };
}

/** How a run failed. A journal that cannot take this line either must not hide why it did. */
export function appendLast(journal: Journal, record: JournalRecord): void {
  try {
    journal.append(record);
  } catch {}
}

/** Were one of these lost in a crash, an older one would be believed. */
const TRUSTED: ReadonlySet<JournalRecord['type']> = new Set([
  'run-started',
  'sync-point',
  'copy-ended',
  'inventory',
  'verify-ended',
]);

const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;

/** `bytes`, when given, is where the torn tail begins: the next record must not be glued to it. */
function reopen(dir: string, bytes?: number): number {
  const path = pathIn(dir);
  try {
    const fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    if (bytes !== undefined) ftruncateSync(fd, bytes);
    syncDirectory(dir);
    return fd;
  } catch (error) {
    throw localError('open', path, error);
  }
}

/** False when there is more in the journal than one record can carry over. */
function startAfresh(dir: string, lines: Line[]): boolean {
  const path = pathIn(dir);
  const history = foldHistory(lines, '');
  if (history.parts.size > 0 || history.damagedLines > 0 || history.young.size > MOST_CARRIED) return false;
  try {
    removeIfThere(previousIn(dir));
    linkSync(path, previousIn(dir));
  } catch (error) {
    throw localError('keep', path, error);
  }
  writeFileAtomically(path, seal(carry(history), Date.now()));
  return true;
}

const VERSION = 1;
const BEGINNING = `{"v":${VERSION},"at":`;
const NEWLINE = 0x0a;
const SEAL = /^,"sum":"([0-9a-f]{8})"\}$/;
const SEAL_BYTES = 18;

/** `{"v":1,"at":…,…,"sum":"…"}`: the sum is the CRC-32 of the same object without it. */
export function seal(record: JournalRecord, atMs: number): string {
  const json = JSON.stringify({ v: VERSION, at: atMs, ...record });
  return `${json.slice(0, -1)},"sum":"${hex(crc32(json))}"}\n`;
}

const hex = (sum: number): string => sum.toString(16).padStart(8, '0');

/** The whole lines of a journal; a torn tail is not read. Throws `local` for another version, or when no line is a record. */
export function linesOf(bytes: Buffer, path: string): Line[] {
  const lines: Line[] = [];
  const end = wholeBytes(bytes);
  if (end === 0 && !isTorn(bytes)) throw notOurs(path, 'is not a journal');
  for (let start = 0; start < end; ) {
    const newline = bytes.indexOf(NEWLINE, start);
    lines.push(unseal(bytes.subarray(start, newline), path));
    start = newline + 1;
  }
  if (lines.length > 0 && lines.every((line) => line === 'damaged')) throw notOurs(path, 'is not a journal');
  return lines;
}

/** What a first record that was cut short looks like, or one of which a crash has kept the length alone. */
const isTorn = (bytes: Buffer): boolean =>
  bytes[0] === 0 || BEGINNING.startsWith(bytes.toString('latin1', 0, BEGINNING.length));

const wholeBytes = (bytes: Buffer): number => bytes.lastIndexOf(NEWLINE) + 1;

function unseal(line: Buffer, path: string): Line {
  const body = Buffer.concat([line.subarray(0, -SEAL_BYTES), Buffer.from('}')]);
  const sum = SEAL.exec(line.subarray(-SEAL_BYTES).toString('latin1'))?.[1];
  if (sum !== hex(crc32(body))) return 'damaged';
  const { v, at: atMs, ...record } = JSON.parse(body.toString());
  if (v !== VERSION) throw notOurs(path, `is of version ${v}, this is version ${VERSION}`);
  return { atMs, record };
}

const notOurs = (path: string, what: string): LmError =>
  new LmError('local', `the journal ${printable(path)} ${what}`, {
    hint: 'use the lm that wrote it, or remove it: what was copied is then compared again, unfinished files start over',
  });

/** Far above what starts one afresh. */
const MOST_BYTES = 2 ** 30;

function readBytes(path: string): Buffer {
  try {
    return readRegular(path, MOST_BYTES);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return Buffer.alloc(0);
    throw localError('read', path, error);
  }
}
