// Writes a new ledger beside the old one: gathers rows into lines, passes whole lines on, keeps the seals until all rows are written.

import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { EntryKey } from '../../files/entry.js';
import { rowText } from '../../files/proof-text.js';
import { writeAll } from '../../files/write-all.js';
import { PendingFile } from '../atomic-file.js';
import {
  endText,
  type FilesLine,
  filesText,
  headerText,
  type LedgerTotals,
  ledgerIn,
  noTotals,
  type Seal,
  sealText,
} from './ledger-file.js';
import { LineReader } from './line-reader.js';
import { sealLine } from './lines.js';
import { atMsOf, bytesOf, isRead, type Row } from './rows.js';

const FILES_PER_LINE = 1000;
/** A longer line has one file: one of 1 TiB takes 11 MB. */
const CHARACTERS_PER_LINE = 256 << 10;
const WRITE_BYTES = 256 << 10;

export class LedgerOutput {
  readonly #file: PendingFile;
  readonly #seals: number;
  readonly #filesPerLine: number;
  readonly #buffer = Buffer.allocUnsafe(WRITE_BYTES);
  #buffered = 0;
  #written = 0;
  #lines = 0;
  #sealLines = 0;
  #totals = noTotals();
  #rows = noRows();
  /** The directory of the last line, where that was passed on and is short. */
  #shortIn: EntryKey | undefined;

  /** Throws the system's error, as all methods do. */
  constructor(dir: string, spool: string, identity: string, filesPerLine = FILES_PER_LINE) {
    this.#filesPerLine = filesPerLine;
    this.#file = new PendingFile(ledgerIn(dir));
    try {
      this.#seals = openNameless(spool);
    } catch (error) {
      this.#file.discard();
      throw error;
    }
    this.#put(sealLine(headerText(identity)));
  }

  /** In the order of a listing, as lines and seals. */
  add(dir: EntryKey, row: Row): void {
    const text = rowText(row);
    const { length } = this.#rows.texts;
    const isFull = length === this.#filesPerLine || this.#rows.characters + text.length > CHARACTERS_PER_LINE;
    if (length > 0 && (isFull || this.#rows.dir !== dir)) this.#putRows();
    const rows = this.#rows;
    if (rows.texts.length === 0) Object.assign(rows, { dir, first: row[0] });
    rows.last = row[0];
    rows.texts.push(text);
    rows.characters += text.length;
    addRow(rows.totals, row);
  }

  /** Whether a line is passed on as it is. Of short ones that follow one another the later are not: they would become more and more. */
  passesOn(line: FilesLine): boolean {
    return (
      !this.#isShort(line) ||
      (line.dir !== this.#shortIn && !(this.#rows.texts.length > 0 && this.#rows.dir === line.dir))
    );
  }

  pass(line: FilesLine): void {
    this.#putRows();
    this.#putFiles(line.bytes, line.totals);
    this.#shortIn = this.#isShort(line) ? line.dir : undefined;
  }

  #isShort({ totals, bytes }: FilesLine): boolean {
    return totals.files <= this.#filesPerLine / 2 && bytes.length <= CHARACTERS_PER_LINE / 2;
  }

  seal(seal: Seal): void {
    writeAll(this.#seals, sealLine(sealText(seal)));
    this.#sealLines++;
  }

  /** On return the content is on disk; the name is, once the directory is synced. */
  publish(damaged: boolean): LedgerTotals {
    this.#putRows();
    const sealsAt = this.#written;
    const lines = new LineReader(this.#seals);
    for (let line = lines.next(); line; line = lines.next()) this.#put(line);
    const counts = { fileLines: this.#lines, sealLines: this.#sealLines };
    const totals = damaged ? { ...this.#totals, damaged } : this.#totals;
    this.#put(sealLine(endText({ totals, ...counts, sealsAt, at: this.#written })));
    this.#flush();
    this.#file.replace();
    return totals;
  }

  close(): void {
    closeSync(this.#seals);
    this.#file.discard();
  }

  #putRows(): void {
    const { texts, characters: _, ...head } = this.#rows;
    if (texts.length === 0) return;
    this.#rows = noRows();
    this.#putFiles(sealLine(filesText(head, texts.join(','))), head.totals);
  }

  #putFiles(line: Buffer, totals: LedgerTotals): void {
    this.#put(line);
    this.#lines++;
    addTotals(this.#totals, totals);
  }

  #put(line: Buffer): void {
    this.#written += line.length;
    if (this.#buffered + line.length > WRITE_BYTES) this.#flush();
    if (line.length > WRITE_BYTES) this.#file.write(line);
    else this.#buffered += line.copy(this.#buffer, this.#buffered);
  }

  #flush(): void {
    this.#file.write(this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }
}

const noRows = () => ({ dir: '', first: '', last: '', texts: [] as string[], characters: 0, totals: noTotals() });

function openNameless(spool: string): number {
  const path = join(spool, `seals-${randomUUID()}`);
  const fd = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  return fd;
}

function addRow(sum: LedgerTotals, row: Row): void {
  sum.files++;
  sum.bytes += bytesOf(row);
  if (!isRead(row)) sum.received++;
  else {
    sum.read++;
    sum.oldestReadMs = Math.min(sum.oldestReadMs ?? Number.POSITIVE_INFINITY, atMsOf(row));
  }
}

function addTotals(sum: LedgerTotals, { files, read, received, bytes, oldestReadMs }: LedgerTotals): void {
  sum.files += files;
  sum.read += read;
  sum.received += received;
  sum.bytes += bytes;
  if (oldestReadMs !== undefined) sum.oldestReadMs = Math.min(sum.oldestReadMs ?? oldestReadMs, oldestReadMs);
}
