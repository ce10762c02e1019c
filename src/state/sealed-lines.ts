// Seals the lines of records that grow line by line: each is a JSON object that carries the checksum of its own bytes.

import { crc32 } from 'node:zlib';

export const VERSION = 1;

const NEWLINE = 0x0a;
const SEAL = /^,"sum":"([0-9a-f]{8})"\}$/;
const SEAL_BYTES = 18;

/** `version` is that of the lm that wrote the line. */
export type SealedLine = { version: unknown; atMs: number; record: Record<string, unknown> } | 'damaged';

/** `{"v":1,"at":…,…,"sum":"…"}`: the sum is the CRC-32 of the same object without it. */
export function seal(record: object, atMs: number): string {
  const json = JSON.stringify({ v: VERSION, at: atMs, ...record });
  return `${json.slice(0, -1)},"sum":"${hex(crc32(json))}"}\n`;
}

const hex = (sum: number): string => sum.toString(16).padStart(8, '0');

/** The bytes up to the end of the last whole line. */
export const wholeBytes = (bytes: Buffer): number => bytes.lastIndexOf(NEWLINE) + 1;

/** The whole lines, without a torn tail. */
export function* unsealLines(bytes: Buffer): Generator<SealedLine> {
  const end = wholeBytes(bytes);
  for (let start = 0; start < end; ) {
    const newline = bytes.indexOf(NEWLINE, start);
    yield unseal(bytes.subarray(start, newline));
    start = newline + 1;
  }
}

function unseal(line: Buffer): SealedLine {
  const body = Buffer.concat([line.subarray(0, -SEAL_BYTES), Buffer.from('}')]);
  const sum = SEAL.exec(line.subarray(-SEAL_BYTES).toString('latin1'))?.[1];
  if (sum !== hex(crc32(body))) return 'damaged';
  const { v: version, at: atMs, ...record } = JSON.parse(body.toString());
  return { version, atMs, record };
}
