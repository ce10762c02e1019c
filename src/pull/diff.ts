// Two sorted listings → what to remove, make, fetch and mend. Pure judgement: no disk, no network, no clock.

import { LmError, printable } from '../errors.js';
import type { Reason } from '../events.js';
import {
  type BlockSum,
  type DirType,
  type EntryKey,
  FIRST_FEW,
  isClosed,
  isPartName,
  joinKey,
  type Kind,
  kindOf,
  type ListedBlock,
  type Row,
  type WalkedBlock,
} from '../files/entry.js';
import { sameTime, type TimeUnit } from '../files/times.js';
import { count, noCounts, type PlanCounts, type RootCounts, rootCounts, takeRoom } from './counts.js';
import { type IsSame, type Merged, mergeUnlike, type Pair } from './merge.js';
import { type Frame, WayDown } from './way-down.js';

export interface DiffPolicy {
  /** What makes a file of equal size the same file. */
  compare: 'mtime' | 'size' | 'checksum';
  /** Types whose files of equal size are compared by digest whatever `compare` says. */
  digested: readonly DirType[];
  unit: TimeUnit;
  /** What is replaced is kept elsewhere on the same file system, and takes up its room there. */
  keepsReplaced: boolean;
  /** Whether this process may give files away, so that owners are compared and set. One that may not has to open closed directories. */
  owners: boolean;
  /** Files whose time is no proof, as after a crash: the same by size and time, they are told by their digests all the same. */
  isSuspect?(key: EntryKey): boolean;
}

/** Where the decisions go, in the order in which they may be carried out: removals and settlings come children first. */
export interface PlanSink {
  /** A foreign entry, or one of the wrong kind. A directory comes after all it held. */
  remove(dir: EntryKey, row: Row, reason: Reason): void;
  mkdir(dir: EntryKey, row: Row, reason: Reason): void;
  /** A file or link to bring whole; `row` is the source's. */
  fetch(dir: EntryKey, row: Row, reason: Reason): void;
  /** Contents match, or are believed to; mode, owner or time do not. `row` is the source's. */
  fix(dir: EntryKey, row: Row, reason: Reason): void;
  /**
   * A directory whose mode, owner or time will have to be set once all below it is done; `made`, when the plan makes it first, `mend`
   * when its mode or owner is not the source's.
   */
  settle(dir: EntryKey, row: Row, made: boolean, mend: Reason | undefined): void;
  /** Same size: only the digests can tell. Afterwards the file is brought as `digest`, mended, or left alone. */
  check(dir: EntryKey, source: Row, local: Row, mend: Reason | undefined): void;
  /** Unfinished bytes of an earlier run. */
  part(dir: EntryKey, row: Row): void;
}

export async function diff(
  source: AsyncIterable<ListedBlock>,
  local: AsyncIterable<WalkedBlock>,
  policy: DiffPolicy,
  sink: PlanSink,
): Promise<PlanCounts> {
  const differ = new Differ(policy, sink);
  for await (const piece of mergeUnlike(source, local, sameUnder(policy)))
    if ('pairs' in piece) differ.see(piece);
    else differ.seeSame(piece);
  differ.leaveAll();
  return differ.counts;
}

/** What is the same needs no judgement, but where the same attributes are no proof. */
function sameUnder({ compare, digested, isSuspect, owners }: DiffPolicy): IsSame {
  if (compare === 'checksum' || isSuspect) return () => false;
  return (source, local) =>
    !digested.some((type) => local.sum.dir.startsWith(`${type}/`)) && source.isSameAs?.(local, owners) === true;
}

class Differ {
  readonly counts = noCounts();
  readonly #policy: DiffPolicy;
  readonly #sink: PlanSink;
  readonly #way = new WayDown((frame) => this.#left(frame));

  constructor(policy: DiffPolicy, sink: PlanSink) {
    this.#policy = policy;
    this.#sink = sink;
  }

  see({ dir, pairs, excluded, device }: Merged): void {
    const frame = this.#enter(dir, excluded, device);
    for (const pair of pairs) this.#judge(frame, pair);
  }

  /** The same on both sides; only what lies in its directories may still differ. */
  seeSame({ dir, excluded, device, entries, bytes, directories }: BlockSum): void {
    this.#enter(dir, excluded !== undefined, device);
    if (entries === 0) return;
    for (const share of [this.counts.total, this.counts.local, this.counts.matching]) {
      share.entries += entries;
      share.bytes += bytes;
    }
    const root = this.#rootCounts();
    root.source += entries;
    root.local += entries;
    for (const row of directories)
      this.#way.announce(dir, { row, local: row, unsettled: isClosed(row) && !this.#policy.owners });
  }

  leaveAll(): void {
    this.#way.leaveAll();
  }

  #enter(dir: EntryKey, excluded: boolean, device: string | undefined): Frame {
    const frame = this.#way.enter(dir);
    if (device !== undefined) {
      frame.foreignDevice = true;
      if (!frame.row) this.#way.shield();
    }
    if (excluded) this.#way.shield();
    return frame;
  }

  #left(frame: Frame): void {
    if (frame.dir === '') return;
    if (frame.row) {
      if (frame.unsettled) this.#sink.settle(frame.dir, frame.row, frame.local === undefined, frame.reason);
    } else if (frame.shielded) this.counts.shielded++;
    else this.#remove(frame.dir, frame.local!, frame.reason!);
  }

  #judge(frame: Frame, { source, local }: Pair): void {
    if (source && isPartName(source[0]))
      throw new LmError(
        'refused',
        `the source has a file named like unfinished work of lm: ${printable(joinKey(frame.key, source[0]))}`,
        {
          hint: 'remove or exclude it at the source',
        },
      );
    if (source && kindOf(source[3]) === 'other') {
      this.#special(joinKey(frame.key, source[0]));
      source = undefined;
    }
    if (local && isPartName(local[0]) && kindOf(local[3]) !== 'directory') return this.#sink.part(frame.key, local);
    if (local && kindOf(local[3]) === 'other' && !source) return this.#way.shield();
    if (local) {
      count(this.counts.local, local);
      this.#rootCounts().local++;
    }
    if (!source) return local && this.#foreign(frame, local, 'foreign');
    count(this.counts.total, source);
    this.#rootCounts().source++;
    if (local && kindOf(local[3]) === kindOf(source[3])) return this.#compare(frame, source, local);
    this.#bring(frame, source, local);
  }

  /** Absent here, or here as something else. */
  #bring(frame: Frame, source: Row, local: Row | undefined): void {
    if (local) this.#foreign(frame, local, 'kind');
    frame.unsettled = true;
    const reason = local ? 'kind' : 'new';
    count(this.counts.download, source);
    takeRoom(this.counts, this.#way.root, source, undefined);
    if (kindOf(source[3]) !== 'directory') return this.#sink.fetch(frame.key, source, reason);
    this.#sink.mkdir(frame.key, source, reason);
    this.#way.announce(frame.key, { row: source, unsettled: true });
  }

  #compare(frame: Frame, source: Row, local: Row): void {
    const kind = kindOf(source[3]);
    const metadata = this.#metadataReason(kind, source, local);
    if (kind === 'directory') {
      if (metadata) this.counts.fix++;
      else count(this.counts.matching, source);
      const unsettled =
        metadata !== undefined || !this.#sameTime(source, local) || (isClosed(local) && !this.#policy.owners);
      return this.#way.announce(frame.key, { row: source, local, unsettled, reason: metadata });
    }
    const reason = this.#contentReason(kind, source, local);
    const mend = metadata ?? (this.#sameTime(source, local) ? undefined : 'mtime');
    if (
      reason === undefined &&
      kind === 'file' &&
      source[1] !== '0' &&
      this.#isDoubted(joinKey(frame.key, source[0]))
    ) {
      frame.unsettled = true; // should the digests differ, the file is replaced
      return this.#sink.check(frame.key, source, local, mend);
    }
    if (reason) {
      frame.unsettled = true;
      count(this.counts.download, source);
      takeRoom(this.counts, this.#way.root, source, this.#policy.keepsReplaced ? undefined : local);
      return this.#sink.fetch(frame.key, source, reason);
    }
    count(this.counts.matching, source);
    if (!mend) return;
    this.counts.fix++;
    this.#sink.fix(frame.key, source, mend);
  }

  #isDoubted(key: EntryKey): boolean {
    const { compare, digested, isSuspect } = this.#policy;
    return compare === 'checksum' || digested.some((type) => key.startsWith(`${type}/`)) || isSuspect?.(key) === true;
  }

  #rootCounts(): RootCounts {
    return rootCounts(this.counts, this.#way.root);
  }

  #contentReason(kind: Kind, source: Row, local: Row): Reason | undefined {
    if (kind === 'link') return source[7] === local[7] ? undefined : 'link-target';
    if (source[1] !== local[1]) return 'size';
    return this.#policy.compare === 'mtime' && !this.#sameTime(source, local) ? 'mtime' : undefined;
  }

  /** Undefined for what a Sidecar does not tell and what this process could not set. A link's mode means nothing. */
  #metadataReason(kind: Kind, source: Row, local: Row): Reason | undefined {
    if (source[5] === null) return undefined;
    if (kind !== 'link' && (source[3] & 0o7777) !== (local[3] & 0o7777)) return 'mode';
    return this.#policy.owners && (source[5] !== local[5] || source[6] !== local[6]) ? 'owner' : undefined;
  }

  #sameTime(source: Row, local: Row): boolean {
    return sameTime(source[2], local[2], this.#policy.unit);
  }

  #foreign(frame: Frame, local: Row, reason: Reason): void {
    if (frame.foreignDevice) return this.#way.shield();
    if (frame.row || frame.dir === '') frame.unsettled = true;
    if (kindOf(local[3]) !== 'directory') return this.#remove(frame.key, local, reason);
    this.#way.announce(frame.key, { local, unsettled: false, reason });
  }

  #remove(dir: EntryKey, row: Row, reason: Reason): void {
    count(this.counts.remove, row);
    this.#sink.remove(dir, row, reason);
  }

  #special(key: EntryKey): void {
    this.counts.special++;
    if (this.counts.firstSpecial.length < FIRST_FEW) this.counts.firstSpecial.push(key);
  }
}
