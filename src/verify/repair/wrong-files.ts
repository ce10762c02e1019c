// Gathers the files whose contents a verification finds wrong here, for --repair. What differs in size, time or kind, or is missing, is for a
// copy, whose guards know whether somebody else has worked here.

import type { Entry, EntryKey } from '../../files/entry.js';
import { joinKey, NO_INODE } from '../../files/entry.js';
import { sameTime, type TimeUnit } from '../../files/times.js';
import type { ProvablePair } from '../../plan/digests/proved-digests.js';
import type { Repair } from '../../report/verify-report.js';
import type { KnownPart } from '../../transfer/part-journal.js';
import type { Compared } from '../proofs.js';

export interface WrongFile extends ProvablePair {
  was: Repair['was'];
  /** The digest of the source's file, as it was read. */
  digest: string | undefined;
}

export interface WrongFiles {
  readonly files: readonly WrongFile[];
  /** How many there are beside `files`. */
  readonly more: number;
  /** To be called with every file whose contents were compared. */
  compared(pair: ProvablePair, result: Compared): void;
  /** To be called with every file that only the source has. */
  missing(dir: EntryKey, source: Entry): void;
}

/** They are kept in memory. Where more are wrong, it is the disk here that has to be seen to. */
const MOST = 10_000;

export function createWrongFiles(unit: TimeUnit, parts: ReadonlyMap<EntryKey, KnownPart>): WrongFiles {
  const files: WrongFile[] = [];
  let more = 0;
  const add = (file: WrongFile): void => {
    if (files.length < MOST) files.push(file);
    else more++;
  };
  return {
    files,
    get more() {
      return more;
    },
    compared(pair, { equal, source, local }) {
      if (equal || !('digest' in source) || !sameTime(pair.source.mtimeNs, pair.local.mtimeNs, unit)) return;
      const { digest } = source;
      if ('digest' in local) add({ ...pair, digest, was: 'digest' });
      else if (local.result === 'failed') add({ ...pair, digest, was: 'unreadable-at-destination' });
    },
    missing(dir, source) {
      if (source.kind !== 'file' || !isWhole(parts.get(joinKey(dir, source.name)), source)) return;
      add({ dir, source, local: source, digest: undefined, was: 'unfinished' });
    },
  };
}

/** Whether all of the file may be in its part, as after a repair that was interrupted. */
function isWhole(part: KnownPart | undefined, { size, mtimeNs, ino = NO_INODE }: Entry): boolean {
  if (part?.size !== size || part.mtimeNs !== mtimeNs || part.ino !== ino) return false;
  let end = 0;
  for (const [offset, length] of [...part.done, ...part.begun].sort(([a], [b]) => a - b))
    if (offset <= end) end = Math.max(end, offset + length);
  return end >= Number(size);
}
