// Writes a proof as the text that the ledger keeps of it, in whichever thread has it. state/ledger/rows.ts reads it back.

import { type Entry, NO_INODE } from './entry.js';
import { type Proof, type Proved, type Validators, validatorsOf } from './proof.js';

/** `state` has the validators of both ends, `blocks` the hashes in Base64, `when` how and when it was proved. */
export type Row = [name: string, state: string, blocks: string, when: string];

export const LETTERS = { received: 'r', direct: 'd', cached: 'c' } as const satisfies Record<Proved, string>;

export const rowFor = (name: string, { blocks, source, local, proved, atMs }: Proof): Row => [
  name,
  stateText(source, local),
  base64Of(blocks),
  whenText(proved, atMs),
];

export const whenText = (proved: Proved, atMs: number): string => `${LETTERS[proved]}${atMs}`;

export const rowText = ([name, state, blocks, when]: Row): string =>
  `[${JSON.stringify(name)},"${state}","${blocks}","${when}"]`;

/** What a read of both ends has found of a file whose hashes are known already: in which state it was, and when. */
export type Stamp = [name: string, state: string, when: string];

export const stampText = (name: string, state: string, proved: Proved, atMs: number): string =>
  `[${JSON.stringify(name)},"${state}","${whenText(proved, atMs)}"]`;

/** Stands for a file here that was published and not looked at: looking took a ninth of the time of a copy of small files. */
const UNSEEN = `= ${NO_INODE} 0`;

/** The row of a file that was only received. It is made of every small file, and in one piece: of a `Proof` it took three times as long. */
export const receivedText = (
  name: string,
  { size, mtimeNs, ino, ctimeNs }: Validators,
  blocks: Uint8Array,
  atMs: number,
): string =>
  `[${JSON.stringify(name)},"${size} ${mtimeNs} ${ino} ${ctimeNs} ${UNSEEN}","${base64Of(blocks)}","${LETTERS.received}${atMs}"]`;

const base64Of = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');

/** Both ends in one text. Half of the local time is left out, since it is that of the source but for what a copy cannot keep. */
export const stateText = (source: Validators, local: Validators): string =>
  sourceText(source) + localText(source, local);

/** The same of two entries; undefined where a listing has too little to tell one state of a file from another. */
export function stateOfBoth(source: Entry, local: Entry): string | undefined {
  const [there, here] = [validatorsOf(source), validatorsOf(local)];
  return there && here && stateText(there, here);
}

/** What the sum of the states of a block is taken of. */
export const statedText = (name: string, state: string): string => `${name}/${state}\n`;

/** What a state begins with: the source's file. */
export const sourceText = ({ size, mtimeNs, ino, ctimeNs }: Validators): string =>
  `${size} ${mtimeNs} ${ino} ${ctimeNs} `;

/** What follows. */
export function localText({ mtimeNs, links }: Validators, local: Validators): string {
  const end = links === undefined ? '' : ` ${links}`;
  return `${shortened(local.mtimeNs, mtimeNs)} ${local.ino} ${local.ctimeNs}${end}`;
}

/** Below a millisecond. */
export const TAIL_DIGITS = 6;

function shortened(localNs: string, sourceNs: string): string {
  if (localNs === sourceNs) return '=';
  const head = sourceNs.length - TAIL_DIGITS;
  const isNear = head > 0 && localNs.length === sourceNs.length && localNs.slice(0, head) === sourceNs.slice(0, head);
  return isNear ? `~${localNs.slice(head)}` : localNs;
}
