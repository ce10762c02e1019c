// Seals the lines of the ledger's files. Each is a JSON array whose last value is the XXH64 of all bytes before it, so that no bit of a line
// can change unnoticed; what its values mean is left to others.

import { hexOf } from '../../digest/digest.js';
import { createXxh64, type Xxh64 } from '../../digest/kernels/xxh64.js';

const EMPTY_SEAL = `,"${'0'.repeat(16)}"]\n`;
const SEAL_BYTES = EMPTY_SEAL.length;

/** `body` is the array without its closing bracket: `["end",7`. */
export function sealLine(body: string): Buffer {
  const line = Buffer.from(body + EMPTY_SEAL);
  const end = line.length - SEAL_BYTES;
  line.write(sumOf(line.subarray(0, end)), end + 2, 'latin1');
  return line;
}

/** The bytes before the seal, a view; undefined for a line that was cut short or changed. `line` ends with its newline. */
export function unsealed(line: Buffer): Buffer | undefined {
  const body = line.subarray(0, -SEAL_BYTES);
  if (line.length <= SEAL_BYTES) return undefined;
  return line.toString('latin1', body.length) === `,"${sumOf(body)}"]\n` ? body : undefined;
}

/** The values of a body; undefined for what is no array. */
export function valuesOf(body: Buffer): unknown[] | undefined {
  try {
    return JSON.parse(`${body.toString()}]`) as unknown[];
  } catch {
    return undefined;
  }
}

/** 16 hex digits of the XXH64 of all these bytes. */
export function sumOf(...all: Uint8Array[]): string {
  hash ??= createXxh64();
  for (const bytes of all) hash.update(bytes);
  return hexOf(hash.digest());
}

const NEWLINE = 10;

/** Of a listing's line, with or without its newline. */
export const sumOfLine = (line: Uint8Array): string => sumOf(line.at(-1) === NEWLINE ? line.subarray(0, -1) : line);

/** One for all lines: to make one takes a millisecond. */
let hash: Xxh64 | undefined;
