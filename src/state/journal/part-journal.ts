// Reads and writes the journal for the transfer of big files: the parts that an earlier run left, and what this run does with parts.

import { type Entry, type EntryKey, NO_INODE } from '../../files/entry.js';
import { applyToParts, type FoldedPart, type KnownPart, knownPart, type PartRecord, unfolded } from './folded-parts.js';
import type { Journal } from './journal.js';

interface Range {
  offset: number;
  length: number;
}

/** Bytes that this process has written are there as long as it is; so are those of an earlier run of this boot. */
const THIS_BOOT = '';

/**
 * Without a journal, as in a dry run, nothing is recorded. `parts` are those of the history; a part that this run begins is not known
 * until it is kept.
 */
export function createPartJournal(
  journal: Pick<Journal, 'append'> | undefined,
  parts: ReadonlyMap<EntryKey, KnownPart>,
) {
  const left = new Map(parts);
  const underWay = new Map<EntryKey, FoldedPart>();
  const append = (record: PartRecord): void => {
    journal?.append(record);
    const resumed = underWay.has(record.key) ? undefined : left.get(record.key);
    if (resumed) underWay.set(record.key, unfolded(resumed, THIS_BOOT));
    applyToParts(underWay, record, THIS_BOOT, 0);
  };
  return {
    known: (key: EntryKey): KnownPart | undefined => left.get(key),
    unfinished: (): EntryKey[] => [...left.keys()],
    /** `unpublished`: the part was a file of this host. */
    started(key: EntryKey, { size, mtimeNs, ino = NO_INODE }: Entry, partId: string, unpublished = false): void {
      left.delete(key);
      const [partIno, partBirthNs] = partId.split('@') as [string, string?];
      const made = { partIno, ...(partBirthNs !== undefined && { partBirthNs }) };
      append({ type: 'part-started', key, size, mtimeNs, ino, ...made, ...(unpublished && { unpublished }) });
    },
    rangeBegun(key: EntryKey, { offset, length }: Range): void {
      append({ type: 'range-begun', key, offset, length });
    },
    rangeDone(
      key: EntryKey,
      { offset, length }: Range,
      attributes?: { ctimeNs: string; young: boolean; blocks: Uint8Array },
    ): void {
      const { ctimeNs, young, blocks } = attributes ?? {};
      append({
        ...{ type: 'range-done', key, offset, length },
        ...(ctimeNs !== undefined && { ctimeNs }),
        ...(young && { young }),
        ...(blocks && !young && { blocks: Buffer.from(blocks).toString('base64') }),
      });
    },
    /** Records nothing: the records so far are what a later run goes on with. */
    kept(key: EntryKey): void {
      const part = underWay.get(key);
      underWay.delete(key);
      if (part) left.set(key, knownPart(part, THIS_BOOT));
    },
    ended(key: EntryKey): void {
      left.delete(key);
      append({ type: 'part-ended', key });
    },
  };
}
