// The journal as the transfer of big files sees it: what an earlier run left, and what this one does. Touches no part itself.

import { type Entry, type EntryKey, NO_INODE } from '../../files/entry.js';
import type { KnownPart } from './folded-parts.js';
import type { Journal } from './journal.js';

interface Range {
  offset: number;
  length: number;
}

/** Without a journal, as in a dry run, nothing is written down. `parts` are those of the history. What this run has begun or ended is no longer known from an earlier one. */
export function partJournal(journal: Pick<Journal, 'append'> | undefined, parts: ReadonlyMap<EntryKey, KnownPart>) {
  const left = new Map(parts);
  return {
    known: (key: EntryKey): KnownPart | undefined => left.get(key),
    left: (): EntryKey[] => [...left.keys()],
    started(key: EntryKey, { size, mtimeNs, ino = NO_INODE }: Entry, partId: string): void {
      left.delete(key);
      const [partIno, partBirthNs] = partId.split('@') as [string, string?];
      const made = { partIno, ...(partBirthNs !== undefined && { partBirthNs }) };
      journal?.append({ type: 'part-started', key, size, mtimeNs, ino, ...made });
    },
    rangeBegun(key: EntryKey, { offset, length }: Range): void {
      journal?.append({ type: 'range-begun', key, offset, length });
    },
    rangeDone(key: EntryKey, { offset, length }: Range, told?: { ctimeNs: string; young: boolean }): void {
      const { ctimeNs, young } = told ?? {};
      journal?.append({
        ...{ type: 'range-done', key, offset, length },
        ...(ctimeNs !== undefined && { ctimeNs }),
        ...(young && { young }),
      });
    },
    ended(key: EntryKey): void {
      left.delete(key);
      journal?.append({ type: 'part-ended', key });
    },
  };
}
