// What the ledger keeps of one file: a proof as four short texts. Pure.
//
// A row of a file below a MiB takes some 125 bytes and its name; each MiB beyond takes 11.

import { BLOCK_BYTES, BLOCK_DIGEST_BYTES } from '../../digest/digest.js';
import { type Proof, type Proved, standingOf, type Validators } from '../../files/proof.js';
import { LETTERS, type Row, rowFor, type Stamp, sourceText, TAIL_DIGITS } from '../../files/proof-text.js';

export type { Row };

/** 4 TiB. A longer file has no row: the line would take more memory than a run should. */
const MAX_BLOCKS = 1 << 22;

const PROVED = new Map(Object.entries(LETTERS).map(([proved, letter]) => [letter as string, proved as Proved]));

/** Undefined for what proves nothing: another number of blocks than the size takes, or two sizes. */
export function rowOf(name: string, proof: Proof): Row | undefined {
  const { blocks, source, local } = proof;
  return haveRightLength(blocks, source) && source.size === local.size ? rowFor(name, proof) : undefined;
}

function haveRightLength(blocks: Uint8Array, { size }: Validators): boolean {
  const count = Math.ceil(Number(size) / BLOCK_BYTES);
  return blocks.length === count * BLOCK_DIGEST_BYTES && count <= MAX_BLOCKS;
}

const STATE = /^(\d+) (-?\d+) (\d+) (-?\d+) (=|~\d{6}|-?\d+) (\d+) (-?\d+)(?: (\d+))?$/;

interface Ends {
  source: Validators;
  local: Validators;
}

/** A merge asks for the same state twice: for the stamp, and for the seal of its block. */
let last: { state: string; ends: Ends | undefined } = { state: '', ends: undefined };

function endsOf(state: string): Ends | undefined {
  if (last.state !== state) last = { state, ends: readEnds(state) };
  return last.ends;
}

function readEnds(state: string): Ends | undefined {
  const found = STATE.exec(state);
  if (!found) return undefined;
  const [, size, mtimeNs, ino, ctimeNs, time, localIno, localCtimeNs, links] = found;
  const source = {
    ...{ size: size!, mtimeNs: mtimeNs!, ino: ino!, ctimeNs: ctimeNs! },
    ...(links !== undefined && { links: Number(links) }),
  };
  return { source, local: { size: size!, mtimeNs: restored(time!, mtimeNs!), ino: localIno!, ctimeNs: localCtimeNs! } };
}

function restored(time: string, sourceNs: string): string {
  if (time === '=') return sourceNs;
  return time.startsWith('~') ? sourceNs.slice(0, -TAIL_DIGITS) + time.slice(1) : time;
}

/** Undefined for a row that proves nothing, or that this version of lm does not write. */
export function proofIn([, state, text, when]: Row): Proof | undefined {
  const ends = endsOf(state);
  const proved = PROVED.get(when.slice(0, 1));
  const atMs = Number(when.slice(1));
  const blocks = new Uint8Array(Buffer.from(text, 'base64url')); // a copy: a pool would keep far more than these bytes
  if (!ends || !proved || !Number.isSafeInteger(atMs) || !haveRightLength(blocks, ends.source)) return undefined;
  return { blocks, ...ends, proved, atMs };
}

/** Whether two rows prove the same of the same states. */
export const isSameProof = (a: Row, b: Row): boolean => a[1] === b[1] && a[2] === b[2];

/** Read back from the disk. */
export const isRead = (row: Row): boolean => !row[3].startsWith(LETTERS.received);

export const atMsOf = (row: Row): number => Number(row[3].slice(1));

export const bytesOf = (row: Row): number => Number(row[1].slice(0, row[1].indexOf(' ')));

/** Whether it is a proof, and a look at the attributes of both ends can tell that these are still the files. */
export function provesByTime([, state, text, when]: Row): boolean {
  const ends = endsOf(state);
  if (!ends || !isWhen(when) || !isTextOfBlocks(text, ends.source)) return false;
  return isFirm(ends.source) && isFirm(ends.local);
}

const isFirm = (end: Validators): boolean => standingOf(end, end) === 'unchanged';

function isWhen(when: string): boolean {
  return PROVED.has(when.slice(0, 1)) && Number.isSafeInteger(Number(when.slice(1)));
}

const BASE64URL = /^[\w-]*$/;

/** Whether the text is that of as many hashes as the size takes, without decoding it. */
function isTextOfBlocks(text: string, { size }: Validators): boolean {
  const bytes = Math.ceil(Number(size) / BLOCK_BYTES) * BLOCK_DIGEST_BYTES;
  return text.length === Math.ceil((bytes * 4) / 3) && BASE64URL.test(text);
}

/** The row of a file that both ends have read again and found equal: the same hashes. As it was where it proves nothing of that state of the source. */
export function stamped(row: Row, [name, state, when]: Stamp): Row {
  const ends = endsOf(state);
  if (!ends || !isFirm(ends.source) || !row[1].startsWith(sourceText(ends.source))) return row;
  return isWhen(when) && isTextOfBlocks(row[2], ends.source) ? [name, state, row[2], when] : row;
}

/** What remains of two rows: the later, unless that was only received and the earlier has proved the same by a read. */
export const laterOf = (earlier: Row | undefined, later: Row): Row =>
  earlier && isSameProof(earlier, later) && isRead(earlier) && !isRead(later) ? earlier : later;

export const isRow = (value: unknown): value is Row => areTexts(value, 4);

export const isStamp = (value: unknown): value is Stamp => areTexts(value, 3);

const areTexts = (value: unknown, length: number): boolean =>
  Array.isArray(value) && value.length === length && value.every((one) => typeof one === 'string');
