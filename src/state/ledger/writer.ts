// Writes down proofs as they come, in the delta. `merge.ts` puts them into the ledger.

import { closeSync, constants, fdatasyncSync, ftruncateSync, openSync } from 'node:fs';
import { LmError, localError, printable } from '../../errors.js';
import type { EntryKey } from '../../files/entry.js';
import { removeIfThere } from '../../files/if-there.js';
import type { Proof } from '../../files/proof.js';
import { rowText } from '../../files/proof-text.js';
import { writeAll } from '../../files/write-all.js';
import { syncPath } from '../atomic-file.js';
import {
  addText,
  claimText,
  type DeltaScan,
  damageText,
  deltaHeader,
  deltaIn,
  dropText,
  scanDelta,
  stampsText,
} from './delta.js';
import { ledgerIn } from './ledger-file.js';
import { MAX_LINE_BYTES } from './line-reader.js';
import { sealLine, sumOfLine } from './lines.js';
import { rowOf } from './rows.js';
import { type Note, OTHER_SOURCE, openTrusted, unusable } from './trusted-file.js';

/** Equal blocks of two listings, all of whose files have been proved. */
export interface BlockClaim {
  dir: EntryKey;
  /** The block's line of each listing, byte for byte, with `ctimes`. */
  sourceLine: Uint8Array;
  localLine: Uint8Array;
  /** Of its regular files, in the order of the listing, as JSON. */
  names: string;
  /** `textHash` of `statedText` of each of them, as those lines have it. */
  states: string;
}

/** All methods throw `local`. What they were given is in the file after `drop`, `sync` and `close`, and on disk after the last two. */
export interface LedgerWriter {
  /** A proof that is none, as when the number of blocks does not fit the size, drops what was there. */
  add(dir: EntryKey, name: string, proof: Proof): void;
  /** Rows of one directory, as `rowText` writes them, with commas between. What proves nothing among them is left out by those who read. */
  addRows(dir: EntryKey, rows: string): void;
  /** Stamps of files of one directory, as `stampText` writes them, with commas between. What the ledger has of no such state stays as it is. */
  stamp(dir: EntryKey, stamps: string): void;
  /** The file has no proof any more. */
  drop(dir: EntryKey, name: string): void;
  /** The block gets a seal, by which `sealFor` knows it, if the merged ledger has a read proof of each of its files, in these states. */
  claim(block: BlockClaim): void;
  sync(): void;
  close(): void;
}

/** Rows of one directory are gathered into lines, and lines into writes. */
const LINE_CHARACTERS = 32 << 10;
const WRITE_BYTES = 256 << 10;
/** Longer ones are those of a file beyond 4 TiB, and its line could not be read. */
const MAX_ROWS_CHARACTERS = MAX_LINE_BYTES - (1 << 20);

/**
 * Appends to the delta in `dir`, or begins one. `identity` is the id of the agent whose files are proved; what is there of another one is
 * removed, and so is everything where the delta is damaged. For the one process that holds the lock. Throws `local`.
 */
export function openLedgerWriter(dir: string, identity: string, note: Note = () => {}): LedgerWriter {
  const path = deltaIn(dir);
  const buffer = Buffer.allocUnsafe(WRITE_BYTES);
  let buffered = 0;
  let gathered = NOTHING;
  let broken: LmError | undefined;
  /** After a failure nothing more is written: another line would be glued to the torn one. */
  const attempt = <T>(act: () => T): T => {
    if (broken) throw broken;
    try {
      return act();
    } catch (error) {
      broken = localError('write', path, error);
      throw broken;
    }
  };
  let { fd, next, damaged } = attempt(() => open(dir, identity, note));

  function write(bytes: Uint8Array): void {
    fd ??= begin(dir, identity, damaged);
    writeAll(fd, bytes);
  }

  function flush(): void {
    if (buffered > 0) write(buffer.subarray(0, buffered));
    buffered = 0;
  }

  function put(body: string): void {
    const line = sealLine(body);
    next++;
    if (buffered + line.length > buffer.length) flush();
    if (line.length > buffer.length) return write(line);
    buffered += line.copy(buffer, buffered);
  }

  function putGathered(): void {
    const { text, dir: at, rows } = gathered;
    if (rows !== '') put(text(next, at, rows));
    gathered = NOTHING;
  }

  const gather = (text: Gathered['text'], at: EntryKey, row: string): void => {
    if (gathered.dir !== at || gathered.text !== text) putGathered();
    gathered = { text, dir: at, rows: gathered.rows === '' ? row : `${gathered.rows},${row}` };
    if (gathered.rows.length > LINE_CHARACTERS) putGathered();
  };
  const drop = (at: EntryKey, name: string): void => {
    putGathered();
    put(dropText(next, at, name));
    flush();
  };
  const sync = (): void => {
    putGathered();
    flush();
    if (fd !== undefined) fdatasyncSync(fd);
  };
  return {
    add: (at, name, proof) =>
      attempt(() => {
        const row = rowOf(name, proof);
        if (row) gather(addText, at, rowText(row));
        else drop(at, name);
      }),
    stamp: (at, stamps) => attempt(() => gather(stampsText, at, stamps)),
    addRows: (at, rows) =>
      attempt(() => {
        putGathered();
        if (rows.length <= MAX_ROWS_CHARACTERS) put(addText(next, at, rows));
      }),
    drop: (at, name) => attempt(() => drop(at, name)),
    claim: ({ sourceLine, localLine, ...block }) =>
      attempt(() => {
        putGathered();
        put(claimText({ number: next, ...block, source: sumOfLine(sourceLine), local: sumOfLine(localLine) }));
      }),
    sync: () => attempt(sync),
    close: () =>
      attempt(() => {
        sync();
        broken = new LmError('local', `${printable(path)} is closed`);
        if (fd !== undefined) closeSync(fd);
      }),
  };
}

interface Gathered {
  text: typeof addText;
  dir: EntryKey;
  rows: string;
}

const NOTHING: Gathered = { text: addText, dir: '', rows: '' };

const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/** `fd` is undefined, and there is no delta, until something is written: one that is there is a sign of work. */
interface Opened {
  fd: number | undefined;
  next: number;
  /** See `deltaHeader`. */
  damaged?: true;
}

const FRESH: Opened = { fd: undefined, next: 1 };

function open(dir: string, identity: string, note: Note): Opened {
  const found = openTrusted(deltaIn(dir), true);
  if (found === undefined) return FRESH;
  if (typeof found === 'object') return forgetAll(dir, note, found.why);
  const { damagedLine, foreign, next, end } = scanned(found, identity);
  const fault = foreign ?? damageText(damagedLine);
  if (fault !== undefined) return forgetAll(dir, note, fault);
  if (next === 0) {
    removeIfThere(deltaIn(dir)); // its first line was not written to its end
    return FRESH;
  }
  const fd = openSync(deltaIn(dir), O_WRONLY | O_APPEND | O_NOFOLLOW);
  ftruncateSync(fd, end);
  return { fd, next };
}

function scanned(fd: number, identity: string): DeltaScan {
  const ignore = (): void => {};
  try {
    return scanDelta(fd, identity, ignore, ignore);
  } finally {
    closeSync(fd);
  }
}

function forgetAll(dir: string, note: Note, why: string): Opened {
  note(unusable(why));
  removeIfThere(ledgerIn(dir)); // first: the delta may have dropped what is in it
  syncPath(dir);
  removeIfThere(deltaIn(dir));
  return why === OTHER_SOURCE ? FRESH : { ...FRESH, damaged: true };
}

function begin(dir: string, identity: string, damaged?: true): number {
  const fd = openSync(deltaIn(dir), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  writeAll(fd, deltaHeader(identity, damaged));
  fdatasyncSync(fd);
  syncPath(dir);
  return fd;
}
