// What an SSTable says of itself: the CRC-32 in its Digest.crc32 and the components in its TOC.txt. Pure: digest/check-sstable.ts reads them.

import type { EntryKey } from '../files/entry.js';
import type { SSTablesReport } from '../report/parts.js';

/** Of one SSTable, as its own host reads it. */
export interface SSTableCheck {
  /** Of all bytes of Data.db as they lie on disk: compressed ones where the table is compressed. */
  crc32: number;
  /** What Digest.crc32 holds, without white space; null where there is none, as before Cassandra 3.0 and while it is being written. */
  stated: string | null;
  /** Components that TOC.txt lists and that are not there. */
  missing: string[];
}

/** `unchecked`: without a Digest.crc32 nothing tells what its Data.db was. */
export type SSTableState = 'intact' | 'damaged' | 'incomplete' | 'unchecked';

/** What is to be reported of an SSTable. */
export type Wrong = Extract<SSTableState, 'damaged' | 'incomplete'>;

export const isWrong = (state: SSTableState | undefined): state is Wrong =>
  state === 'damaged' || state === 'incomplete';

/** Cassandra writes the CRC-32 as a decimal number. */
export function stateOf({ crc32, stated, missing }: SSTableCheck): SSTableState {
  if (stated !== null && stated !== `${crc32}`) return 'damaged';
  if (missing.length > 0) return 'incomplete';
  return stated === null ? 'unchecked' : 'intact';
}

const DATA = 'Data.db';

/** `data/0/ks/t/nb-1-big-` of `data/0/ks/t/nb-1-big-Data.db`; undefined for any other file. */
export const sstableOf = (key: EntryKey): EntryKey | undefined =>
  key.endsWith(`-${DATA}`) ? key.slice(0, -DATA.length) : undefined;

/** What is wrong, for people. */
export const checkText = ({ crc32, stated, missing }: SSTableCheck): string =>
  stated !== null && stated !== `${crc32}`
    ? `CRC-32 of Data.db is ${crc32}, Digest.crc32 ${stated === '' ? 'is empty' : `says ${stated}`}`
    : `TOC.txt lists ${missing.join(', ')}, not there`;

export const noSSTables = (): SSTablesReport => ({
  checked: 0,
  unchecked: 0,
  damagedAtSource: 0,
  incompleteAtSource: 0,
  damagedHere: 0,
  incompleteHere: 0,
  askedSource: true,
  firstAtSource: [],
});
