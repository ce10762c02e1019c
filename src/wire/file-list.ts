// Reads a Sidecar's listing document as it arrives, file by file, and checks that it is complete. It checks neither order nor roots nor
// duplicates.

import { excerpt, type LmError, printable } from '../errors.js';
import { invalidListing } from '../files/listing.js';
import { isSpace, OPEN_BRACKET, ValueScanner } from './json-scanner.js';
import { InstanceFileInfo, parseAs } from './messages.js';

/**
 * Yields the files of each piece of `{"files":[…],"totalSize":n}`, members in any order, others ignored.
 * Throws `protocol` for anything else: a cut document, bytes after its end, or a totalSize that is not the sum of its files.
 */
export async function* readFileList(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<InstanceFileInfo[]> {
  const reader = new FileListReader();
  for await (const chunk of chunks) {
    const files = reader.read(chunk);
    if (files.length > 0) yield files;
  }
  reader.finish();
}

/** Limit of the document's members; a Sidecar sends two. */
const MAX_MEMBERS = 100;

const MAX_BLANKS = 1 << 20;

/** What may come next. `ValueScanner` finds the end of a value; JSON.parse then parses it. */
type Expected =
  | 'document'
  | 'first-name'
  | 'name'
  | 'colon'
  | 'value'
  | 'comma'
  | 'first-file'
  | 'file'
  | 'file-comma'
  | 'nothing';

class FileListReader {
  #expected: Expected = 'document';
  #member = '';
  readonly #members = new Set<string>();
  #sum = 0;
  #total: number | undefined;
  /** White space since the last other byte. */
  #blanks = 0;
  #files: InstanceFileInfo[] = [];
  /** The value being scanned. */
  #value: ValueScanner | undefined;

  /** Returns the files that end in this chunk. */
  read(chunk: Uint8Array): InstanceFileInfo[] {
    for (let at = 0; at < chunk.length; ) {
      if (this.#value) {
        const end = this.#value.scan(chunk, at);
        if (end === undefined) break;
        at = end;
        this.#take(this.#value.text());
        this.#value = undefined;
      } else {
        at = this.#punctuation(chunk, at);
      }
    }
    const files = this.#files;
    this.#files = [];
    return files;
  }

  finish(): void {
    if (this.#expected !== 'nothing' || this.#value) throw invalidListing('it stops before its end');
    if (!this.#members.has('files')) throw invalidListing('it has no files');
    if (this.#total !== this.#sum) throw this.#wrongTotal();
  }

  #wrongTotal(): LmError {
    return invalidListing(`its totalSize is ${this.#total}, its files sum up to ${this.#sum}`);
  }

  /** Reads one byte between values; returns where to go on. */
  #punctuation(chunk: Uint8Array, at: number): number {
    const byte = chunk[at]!;
    if (isSpace(byte)) {
      if (++this.#blanks > MAX_BLANKS) throw invalidListing('more than a MiB of white space');
      return at + 1;
    }
    this.#blanks = 0;
    const next = PUNCTUATION[this.#expected][String.fromCharCode(byte)];
    if (next !== undefined && !(byte === OPEN_BRACKET && this.#member !== 'files')) {
      this.#expected = next;
      return at + 1;
    }
    if (!BEGINS_VALUE.has(this.#expected))
      throw invalidListing(`an unexpected ${printable(JSON.stringify(String.fromCharCode(byte)))}`);
    this.#value = new ValueScanner();
    return at;
  }

  #take(text: string): void {
    switch (this.#expected) {
      case 'first-name':
      case 'name':
        this.#name(text);
        this.#expected = 'colon';
        break;
      case 'first-file':
      case 'file':
        this.#file(text);
        this.#expected = 'file-comma';
        break;
      default: {
        if (this.#member === 'files') throw invalidListing('its files are no array');
        const value = parse(text);
        if (this.#member === 'totalSize') this.#total = wholeNumber(value);
        this.#expected = 'comma';
      }
    }
  }

  #name(text: string): void {
    const name = parse(text);
    if (typeof name !== 'string') throw invalidListing('a member without a name');
    if (this.#members.has(name)) throw invalidListing(`it has ${excerpt(name)} twice`);
    if (this.#members.size === MAX_MEMBERS) throw invalidListing(`it has more than ${MAX_MEMBERS} members`);
    this.#members.add(name);
    this.#member = name;
  }

  #file(text: string): void {
    const file = parseAs(InstanceFileInfo, text, 'a file of the listing');
    if (file.fileType === 'FILE') {
      if (file.size < 0) throw invalidListing(`${excerpt(file.fileUrl)} has no size`);
      this.#sum += file.size;
      if (this.#total !== undefined && this.#sum > this.#total) throw this.#wrongTotal();
    }
    this.#files.push(file);
  }
}

const PUNCTUATION: Record<Expected, Record<string, Expected | undefined>> = {
  document: { '{': 'first-name' },
  'first-name': { '}': 'nothing' },
  name: {},
  colon: { ':': 'value' },
  value: { '[': 'first-file' },
  comma: { ',': 'name', '}': 'nothing' },
  'first-file': { ']': 'comma' },
  file: {},
  'file-comma': { ',': 'file', ']': 'comma' },
  nothing: {},
};

const BEGINS_VALUE = new Set<Expected>(['first-name', 'name', 'value', 'first-file', 'file']);

function wholeNumber(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw invalidListing('its totalSize is no whole number');
  return value as number;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidListing(`not JSON: ${excerpt(text, 60)}`);
  }
}
