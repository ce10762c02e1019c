// What reports of copies and of verifications both tell. Shapes only.

import type { EntryKey } from '../files/entry.js';

export interface Share {
  entries: number;
  bytes: number;
}

/** A number of entries, and the keys of the first ten. */
export interface Named {
  entries: number;
  first: EntryKey[];
}

/** What is not copied, or not as it is at the source, as the last listings of the run found it. Not in the Sidecar's documents. */
export interface LeftOut {
  /** Sockets, pipes and devices of the source. */
  special: Named;
  /** Excluded by either side's patterns, and a lost+found that could not be read; a directory counts once, with all it holds. */
  excludedAtSource: Named;
  excludedHere: Named;
  /** Directories that only the destination has, and that stay because something excluded lies in them. */
  shielded: Named;
  /** Only of a copy: unfinished parts of an earlier one that are of no use any more, and are removed. */
  stale: Named;
  /** Programs that are set-user-id or set-group-id at the source, and will not be here: --keep-setuid was not given. */
  setuid: Named;
  /** Names of source files with several hard links: each name becomes a file of its own. */
  hardLinks?: Named;
  /** Symbolic links of the source that lead out of all roots here: what they lead to is not copied. */
  linksOut?: Named;
  /** Sparse files of the source, and how many bytes less than their size they take up: a copy fills the holes. */
  holes?: Named & { bytes: number };
}

/** Attributes that the destination cannot keep, of entries that match otherwise, as the last listings of the run found them. */
export interface NotKept {
  times: Named;
  modes: Named;
  owners: Named;
  /** For people: which file system does not keep what, and which entries have other attributes than they were given. */
  causes: string[];
}

/** A user or group of the source, and the one of this host that it is mapped to. */
export interface MappedOwner {
  id: number;
  /** Null: the source has no name for it, or did not send one. */
  name: string | null;
  to: number;
  /** A name that both hosts know, a number that nobody else has here, or a rule of the operator. */
  by: 'name' | 'number' | 'rule';
}

/** How owners were mapped, as the last listing of the run found them. Root is root on both hosts, and is not listed. */
export interface OwnersReport {
  /** Why owners are neither set nor compared, or why every number is taken as it is; absent where owners are mapped by name. */
  notByName?: 'may-not-set' | 'numeric' | 'not-told';
  /** The first thousand of each, ordered by number. */
  users: MappedOwner[];
  groups: MappedOwner[];
  /** How many more there are. */
  more?: number;
  /** Owners that an earlier copy mapped to somebody else, and how many entries get another owner in this run. */
  changed?: { owners: string[]; entries: number };
}

/** How a command of the operator's ended that was run to check one of the sides. */
export interface CheckReport {
  command: string;
  /** Null when a signal ended it. */
  exitCode: number | null;
  signal: string | null;
  elapsedMs: number;
  /** Of both its outputs, printable. */
  lastLines: string[];
}

/** What --sstables found: each SSTable's Data.db against its Digest.crc32, and its components against its TOC.txt. */
export interface SSTablesReport {
  /** Of which something told what they are to be. */
  checked: number;
  /** Without a Digest.crc32, as of Cassandra before 3.0, or one that is being written. */
  unchecked: number;
  /** At the source already, so no copy repairs them. */
  damagedAtSource: number;
  incompleteAtSource: number;
  /** Here alone. */
  damagedHere: number;
  incompleteHere: number;
  /** False where the source could not read its own, an older agent or a Sidecar: equal bytes here speak for those there. */
  askedSource: boolean;
  /** The first ten that are damaged or incomplete at the source. */
  firstAtSource: EntryKey[];
}
