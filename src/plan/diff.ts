// Two sorted listings → what to remove, make, fetch and mend. Pure judgement: no disk, no network, no clock.

import { LmError, printable } from '../errors.js';
import type { Reason } from '../events.js';
import { MAY_CHANGE } from '../files/dirfd.js';
import {
  type BlockSum,
  type Entry,
  type EntryKey,
  FIRST_FEW,
  isClosed,
  isPartName,
  joinKey,
  type ListedBlock,
  parentOf,
  type RootKey,
  rootOf,
  type WalkedBlock,
} from '../files/entry.js';
import {
  count,
  countDownload,
  countLeft,
  countMatching,
  countTotal,
  giveRoom,
  noCounts,
  type PlanCounts,
  type RootCounts,
  rootCounts,
  rootShare,
  takeRoom,
} from './counts.js';
import { Differences, type DiffPolicy } from './differences.js';
import type { Holdings } from './holdings.js';
import { name } from './left-out.js';
import { type Merged, mergeUnlike, type Pair, type TakeIfSame } from './merge.js';
import type { PlanSink } from './plan-sink.js';
import { type Frame, WayDown } from './way-down.js';

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
function sameUnder({ compare, digested, asksEmpty, isSuspect, young, hot, owners }: DiffPolicy): TakeIfSame {
  if (compare === 'checksum' || isSuspect) return () => false;
  return (source, local) =>
    !digested.some((type) => local.sum.dir.startsWith(`${type}/`)) &&
    !(asksEmpty && local.sum.hasEmpty) &&
    young?.hasIn(local.sum.dir) !== true &&
    hot?.mayBeIn(local.sum.dir) !== true &&
    source.takeIfSame?.(local, owners) === true;
}

class Differ {
  readonly counts = noCounts();
  readonly #policy: DiffPolicy;
  readonly #sink: PlanSink;
  readonly #differences: Differences;
  readonly #way = new WayDown((frame) => this.#left(frame));

  constructor(policy: DiffPolicy, sink: PlanSink) {
    this.#policy = policy;
    this.#sink = sink;
    this.#differences = new Differences(policy, this.counts);
  }

  see({ dir, pairs, excluded }: Merged): void {
    const frame = this.#enter(dir, excluded);
    for (const pair of pairs) this.#judge(frame, pair);
  }

  /** The same on both sides; only what lies in its directories may still differ. */
  seeSame({ dir, excluded, entries, bytes, directories }: BlockSum): void {
    this.#enter(dir, excluded !== undefined);
    if (entries === 0) return;
    const root = this.#rootCounts();
    const { total, local, matching } = this.counts;
    const { total: ofRoot, matching: sameOfRoot } = rootShare(this.counts, this.#way.root);
    for (const share of [total, local, matching, ofRoot, sameOfRoot]) {
      share.entries += entries;
      share.bytes += bytes;
    }
    root.source += entries;
    root.local += entries;
    const files = entries - directories.length;
    this.counts.files += files;
    this.counts.holdings.add(dir, 'source', files, bytes);
    this.counts.holdings.add(dir, 'local', files, bytes);
    for (const entry of directories)
      this.#way.announce(dir, { entry, local: entry, unsettled: isClosed(entry) && this.#policy.opensClosed });
  }

  leaveAll(): void {
    this.#way.leaveAll();
  }

  #enter(dir: EntryKey, excluded: boolean): Frame {
    const frame = this.#way.enter(dir);
    if (excluded) this.#way.shield();
    return frame;
  }

  #left(frame: Frame): void {
    if (frame.dir === '') return this.#leftRoot(frame.key);
    if (frame.entry) {
      if (frame.unsettled)
        this.#sink.settle(frame.dir, frame.entry, frame.local === undefined, frame.reason, frame.local);
    } else if (frame.shielded) this.#shielded(frame.key);
    else this.#remove(frame.dir, frame.local!, frame.reason!);
  }

  /** One that is closed to its owner has been opened, or will be to set the attributes of what it holds. */
  #leftRoot(key: RootKey): void {
    const pair = this.#policy.roots?.get(key);
    if (!pair) return;
    const mend = this.#differences.ofMetadata(key, 'directory', pair.source, pair.local);
    if (mend) this.counts.fix++;
    const isOpened =
      this.#policy.opensClosed && pair.source.owner !== undefined && (pair.source.mode & MAY_CHANGE) !== MAY_CHANGE;
    if (mend || isOpened) this.#sink.settle(parentOf(key), pair.source, false, mend, pair.local);
  }

  #judge(frame: Frame, { source, local }: Pair): void {
    if (source && isPartName(source.name))
      throw new LmError(
        'refused',
        `the source has a file named like unfinished work of lm: ${printable(joinKey(frame.key, source.name))}`,
        {
          hint: 'remove or exclude it at the source',
        },
      );
    if (source && source.kind === 'other') {
      this.#special(joinKey(frame.key, source.name));
      if (local && local.kind === 'other') return; // takes no part on either side
      source = undefined;
    }
    if (local && isPartName(local.name) && local.kind !== 'directory') return this.#sink.part(frame.key, local);
    if (local) {
      count(this.counts.local, local);
      this.#rootCounts().local++;
      this.#holds(frame.key, 'local', local);
    }
    if (!source) return local && this.#foreign(frame, local, 'foreign');
    countTotal(this.counts, frame.key, source);
    this.#holds(frame.key, 'source', source);
    if (this.#isLeft(frame.key, source, local)) return countLeft(this.counts, frame.key, source);
    if (local && local.kind === source.kind) return this.#compare(frame, source, local);
    this.#bring(frame, source, local);
  }

  /** What stands here under its name is an older copy of it, or nothing. */
  #isLeft(dir: EntryKey, source: Entry, local: Entry | undefined): boolean {
    const { hot } = this.#policy;
    if (!hot?.mayBeIn(dir) || source.kind !== 'file' || !hot.has(joinKey(dir, source.name), source)) return false;
    return !local || local.kind === 'file';
  }

  /** Absent here, or here as something else. */
  #bring(frame: Frame, source: Entry, local: Entry | undefined): void {
    if (local) this.#foreign(frame, local, 'kind');
    frame.unsettled = true;
    const reason = local ? 'kind' : 'new';
    countDownload(this.counts, frame.key, source);
    this.#holds(frame.key, 'fresh', source);
    takeRoom(this.counts, this.#mountOf(frame.key), source, undefined);
    if (source.kind !== 'directory') return this.#sink.fetch(frame.key, source, reason);
    this.#sink.mkdir(frame.key, source, reason);
    this.#way.announce(frame.key, { entry: source, unsettled: true });
  }

  #compare(frame: Frame, source: Entry, local: Entry): void {
    const { kind } = source;
    const key = joinKey(frame.key, source.name);
    const metadata = this.#differences.ofMetadata(key, kind, source, local);
    if (kind === 'directory') {
      if (metadata) this.counts.fix++;
      else countMatching(this.counts, frame.key, source);
      const unsettled =
        metadata !== undefined ||
        !this.#differences.isSameTime(key, source, local) ||
        (isClosed(local) && this.#policy.opensClosed);
      return this.#way.announce(frame.key, { entry: source, local, unsettled, reason: metadata });
    }
    const reason = this.#differences.ofContent(key, kind, source, local);
    if (reason === 'size' && Number(source.size) < Number(local.size)) this.counts.holdings.shrinks(frame.key);
    const sameTime = this.#differences.isSameTime(key, source, local);
    const mend = metadata ?? (sameTime ? undefined : 'mtime');
    const cut =
      reason === undefined && kind === 'file' && mend !== 'mtime' && !this.#differences.isEqualTime(source, local);
    if (cut) name(this.counts.notKept.times, key);
    if (reason === undefined && kind === 'file' && this.#differences.isDoubted(key, source, cut || !sameTime)) {
      frame.unsettled = true; // should the digests differ, the file is replaced
      return this.#sink.check(frame.key, source, local, mend);
    }
    if (reason === 'mtime') this.counts.retimed++;
    if (reason) {
      frame.unsettled = true;
      countDownload(this.counts, frame.key, source);
      takeRoom(this.counts, this.#mountOf(frame.key), source, this.#policy.keepsReplaced ? undefined : local);
      return this.#sink.fetch(frame.key, source, reason);
    }
    countMatching(this.counts, frame.key, source);
    if (!mend) return;
    this.counts.fix++;
    this.#sink.fix(frame.key, source, mend, local);
  }

  #mountOf(dir: EntryKey): EntryKey {
    return this.#policy.mountOf?.(dir) ?? rootOf(dir);
  }

  #rootCounts(): RootCounts {
    return rootCounts(this.counts, this.#way.root);
  }

  #foreign(frame: Frame, local: Entry, reason: Reason): void {
    if (frame.entry || frame.dir === '') frame.unsettled = true;
    if (local.kind !== 'directory') return this.#remove(frame.key, local, reason);
    const key = joinKey(frame.key, local.name);
    if (this.#policy.isMountPoint?.(key)) this.counts.mountsOnlyHere.push(key);
    this.#way.announce(frame.key, { local, unsettled: false, reason });
  }

  #remove(dir: EntryKey, entry: Entry, reason: Reason): void {
    count(this.counts.remove, entry);
    if (!this.#policy.keepsReplaced) giveRoom(this.counts, this.#mountOf(dir), entry);
    this.#holds(dir, 'removed', entry);
    this.#sink.remove(dir, entry, reason);
  }

  #shielded(key: EntryKey): void {
    this.counts.shielded++;
    if (this.counts.firstShielded.length < FIRST_FEW) this.counts.firstShielded.push(key);
  }

  #holds(dir: EntryKey, side: Parameters<Holdings['add']>[1], entry: Entry): void {
    if (entry.kind !== 'directory') this.counts.holdings.add(dir, side, 1, Number(entry.size));
  }

  #special(key: EntryKey): void {
    this.counts.special++;
    if (this.counts.firstSpecial.length < FIRST_FEW) this.counts.firstSpecial.push(key);
  }
}
