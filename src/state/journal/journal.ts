// Writes and reads the journal of an instance: what runs did, one JSON record a line, each with its own checksum. The journal saves work;
// it does not replace a look at the disk. A record that cannot be written ends the run.

import { appendFileSync, closeSync, constants, fdatasyncSync, ftruncateSync, linkSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, LmError, localError, printable } from '../../errors.js';
import { removeIfThere } from '../../files/if-there.js';
import { readRegular } from '../../trust/regular-file.js';
import { syncPath, writeFileAtomically } from '../atomic-file.js';
import { bootId } from '../identity/host.js';
import { seal, unsealLines, VERSION, wholeBytes } from '../sealed-lines.js';
import { carryHistory, foldHistory, type History, type Line } from './history.js';
import type { JournalRecord } from './records.js';

export interface Journal {
  readonly path: string;
  /** On return the kernel has the record; the types of `SYNCED_TYPES` are on disk. Throws `local`. */
  append(record: JournalRecord): void;
  sync(): void;
  close(): void;
}

const pathIn = (dir: string): string => join(dir, 'journal.jsonl');
const previousIn = (dir: string): string => join(dir, 'journal.1.jsonl');

/** The history of all runs; an empty one without a journal. Throws `local` when it cannot be read, or is none of this version of lm. */
export function readJournal(dir: string, boot = bootId()): History {
  const path = pathIn(dir);
  return foldHistory(linesOf(readBytes(path), path), boot);
}

/** A run that finds a longer journal starts it afresh with what it amounts to. */
const FRESH_BYTES = 8 * 2 ** 20;

/**
 * A run that makes it so many times longer does so too, on its way: ten connections on a slow line write 117 MB a day. It then reads back
 * 64 MiB, some 300,000 records, in about a second.
 */
const FRESH_FACTOR = 8;

/** Young files in one record: well below what would make a journal start afresh again. */
const MAX_CARRIED = 10_000;

/** For one writer, who holds the lock. The journal before a fresh start is kept beside it. */
export function openJournal(dir: string, freshBytes = FRESH_BYTES): Journal {
  const path = pathIn(dir);
  const found = readBytes(path);
  const lines = linesOf(found, path);
  let length = wholeBytes(found);
  if (length > freshBytes) length = startAfresh(dir, lines) ?? length;
  let fd = reopen(dir, length);
  let maxLength = Math.max(freshBytes, length) * FRESH_FACTOR;
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

  function shorten(): void {
    const before = fd;
    length = startAfresh(dir, linesOf(readBytes(path), path)) ?? length;
    fd = reopen(dir, length);
    closeSync(before);
    maxLength = Math.max(maxLength, length * FRESH_FACTOR);
  }

  return {
    path,
    append: (record) =>
      attempt(() => {
        const line = seal(record, Date.now());
        appendFileSync(fd, line);
        length += Buffer.byteLength(line);
        if (SYNCED_TYPES.has(record.type)) fdatasyncSync(fd);
        if (length > maxLength) shorten();
      }),
    sync: () => attempt(() => fdatasyncSync(fd)),
    close: () =>
      attempt(() => {
        broken = new LmError('local', `the journal ${printable(path)} is closed`);
        closeSync(fd);
      }),
  };
}

/** Records how a run failed. A journal that cannot take this record either must not hide the first error. */
export function appendLast(journal: Journal, record: JournalRecord): void {
  try {
    journal.append(record);
  } catch {}
}

/** If one of these were lost in a crash, an older record would count in its place. */
const SYNCED_TYPES: ReadonlySet<JournalRecord['type']> = new Set([
  'run-started',
  'sync-point',
  'snapshot',
  'copy-ended',
  'inventory',
  'sstables',
  'verify-ended',
  'post-check',
]);

const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;

/** `length`: where the torn tail begins: the next record must not be glued to it. */
function reopen(dir: string, length: number): number {
  const path = pathIn(dir);
  try {
    const fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    ftruncateSync(fd, length);
    syncPath(dir);
    return fd;
  } catch (error) {
    throw localError('open', path, error);
  }
}

/** Keeps the journal beside the fresh one. Returns the length of that in bytes; undefined where the lines cannot be carried over. */
function startAfresh(dir: string, lines: Line[]): number | undefined {
  const path = pathIn(dir);
  const records = carryHistory(lines, MAX_CARRIED);
  if (!records) return undefined;
  try {
    removeIfThere(previousIn(dir));
    linkSync(path, previousIn(dir));
  } catch (error) {
    throw localError('keep', path, error);
  }
  const atMs = lastTime(lines);
  const content = records.map((record) => seal(record, atMs)).join('');
  writeFileAtomically(path, content);
  return Buffer.byteLength(content);
}

/** Not the present: a record that is written after the clock was set back is told by the time of the one before it. */
function lastTime(lines: readonly Line[]): number {
  const last = lines.at(-1);
  return last === undefined || last === 'damaged' ? Date.now() : last.atMs;
}

const BEGINNING = `{"v":${VERSION},"at":`;

/** The whole lines of a journal, without a torn tail. Throws `local` for another version, or when no line is a record. */
export function linesOf(bytes: Buffer, path: string): Line[] {
  const lines: Line[] = [];
  const end = wholeBytes(bytes);
  if (end === 0 && !isTorn(bytes)) throw wrongJournal(path, 'is not a journal');
  for (const line of unsealLines(bytes)) {
    if (line !== 'damaged' && line.version !== VERSION)
      throw wrongJournal(path, `is of version ${line.version}, this is version ${VERSION}`);
    lines.push(line === 'damaged' ? line : { atMs: line.atMs, record: line.record as JournalRecord });
  }
  if (lines.length > 0 && lines.every((line) => line === 'damaged')) throw wrongJournal(path, 'is not a journal');
  return lines;
}

/** Whether this is the beginning of a first record, or zeros, of which a crash has kept the length alone. */
const isTorn = (bytes: Buffer): boolean =>
  bytes[0] === 0 || BEGINNING.startsWith(bytes.toString('latin1', 0, BEGINNING.length));

const wrongJournal = (path: string, what: string): LmError =>
  new LmError('damaged-record', `the journal ${printable(path)} ${what}`, {
    hint: 'use the lm that wrote it, or remove it: what was copied is then compared again, unfinished files start over',
  });

/** Far above the length at which a journal is started afresh. */
const MAX_BYTES = 2 ** 30;

function readBytes(path: string): Buffer {
  try {
    return readRegular(path, MAX_BYTES);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return Buffer.alloc(0);
    throw localError('read', path, error);
  }
}
