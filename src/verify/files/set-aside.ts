// Keeps the files whose contents are to be compared on disk, in the order of the listings: blocks that both ends list alike as their two lines,
// so that nothing of them is parsed before it is needed, other files one by one.

import { closeSync, openSync } from 'node:fs';
import { localError } from '../../errors.js';
import type { Entry, EntryKey } from '../../files/entry.js';
import { writeAll } from '../../files/write-all.js';
import { filesOfBoth } from '../../listing/same-block.js';
import type { PairOfFiles } from '../../plan/digests/paired-digests.js';
import { type Row, toRow } from '../../spool/row.js';
import { SpaceWatch } from '../../spool/space-watch.js';
import { entriesOf, type SpooledLine } from '../../spool/spool.js';
import { LineReader } from '../../state/ledger/line-reader.js';

/** Files of one directory. */
export interface FilesAside {
  dir: EntryKey;
  pairs: readonly PairOfFiles[];
  /** Where they are those of a block that both ends list alike. */
  block?: BlockAside;
}

/** A block that both ends list alike: its lines, and what they say together of its regular files. */
export interface BlockAside {
  source: Uint8Array;
  local: Uint8Array;
  files: number;
  bytes: number;
}

export const isBlock = (aside: FilesAside | BlockAside): aside is BlockAside => 'local' in aside;

/** Throws `protocol` for a line that no honest agent writes. */
export function filesIn(block: BlockAside): FilesAside {
  const { dir, files } = filesOfBoth(block.source, block.local);
  return { dir, pairs: files, block };
}

const ROWS_PER_LINE = 2000;
const WRITE_BYTES = 256 << 10;
/** A line that begins with it has two numbers, those of a block, whose lines follow. */
const BLOCK = '=';
const NEWLINE = 10;

export class SetAside {
  files = 0;
  bytes = 0;
  readonly #path: string;
  readonly #space: SpaceWatch;
  readonly #buffer = Buffer.allocUnsafe(WRITE_BYTES);
  #buffered = 0;
  #fd: number | undefined;
  #dir: EntryKey = '';
  /** Two for each file. */
  #rows: Row[] = [];

  /** Creates an empty file at `path`. Every method throws `local` when a system call fails. */
  constructor(path: string) {
    this.#path = path;
    this.#space = new SpaceWatch(path);
    this.#fd = this.#attempt('write', () => openSync(path, 'w+', 0o600));
  }

  add(dir: EntryKey, source: Entry, local: Entry): void {
    if (dir !== this.#dir || this.#rows.length >= ROWS_PER_LINE) this.#endLine();
    this.#dir = dir;
    this.#rows.push(toRow(source), toRow(local));
    this.files++;
    this.bytes += Number(source.size);
  }

  /** A block that `takeIfSame` has accepted, with what its summary says. */
  addBlock(source: Uint8Array, local: Uint8Array, { files, bytes }: { files: number; bytes: number }): void {
    this.#endLine();
    const head = Buffer.from(`${BLOCK}${files} ${bytes}\n`);
    for (const part of [head, withNewline(source), withNewline(local)]) this.#put(part);
    this.files += files;
    this.bytes += bytes;
  }

  /** To be called after the last was added. */
  *all(): Generator<FilesAside | BlockAside> {
    this.#endLine();
    this.#flush();
    const lines = new LineReader(this.#fd!);
    const next = (): Buffer | undefined => this.#attempt('read', () => lines.next());
    for (let line = next(); line; line = next()) {
      const text = line.toString();
      yield text.startsWith(BLOCK) ? blockIn(text, next) : rowsIn(text);
    }
  }

  /** The files alone. */
  *pairs(): Generator<PairOfFiles> {
    for (const aside of this.all()) yield* (isBlock(aside) ? filesIn(aside) : aside).pairs;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #endLine(): void {
    if (this.#rows.length === 0) return;
    this.#put(Buffer.from(`${JSON.stringify([this.#dir, this.#rows])}\n`));
    this.#rows = [];
  }

  #put(bytes: Uint8Array): void {
    if (this.#buffered + bytes.length > WRITE_BYTES) this.#flush();
    if (bytes.length > WRITE_BYTES) return this.#write(bytes);
    this.#buffer.set(bytes, this.#buffered);
    this.#buffered += bytes.length;
  }

  #flush(): void {
    this.#write(this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }

  #write(bytes: Uint8Array): void {
    this.#attempt('write', () => writeAll(this.#fd!, bytes));
    this.#space.wrote(bytes.length);
  }

  #attempt<T>(what: 'read' | 'write', act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw localError(what, this.#path, error);
    }
  }
}

const withNewline = (line: Uint8Array): Uint8Array =>
  line.at(-1) === NEWLINE ? line : Buffer.concat([line, Buffer.of(NEWLINE)]);

function rowsIn(line: string): FilesAside {
  const [dir, entries] = entriesOf(JSON.parse(line) as SpooledLine); // written by this process
  const pairs: PairOfFiles[] = [];
  for (let i = 0; i < entries.length; i += 2) pairs.push({ dir, source: entries[i]!, local: entries[i + 1]! });
  return { dir, pairs };
}

/** A line that was read is valid until the next one is. */
function blockIn(head: string, next: () => Buffer | undefined): BlockAside {
  const [files, bytes] = head.slice(BLOCK.length).split(' ').map(Number);
  const source = new Uint8Array(next()!);
  return { source, local: new Uint8Array(next()!), files: files!, bytes: bytes! };
}
