// Compares two sorted listings and decides what to remove, make, fetch and fix. It uses no disk, no network and no clock.

import { LmError, printable } from '../errors.js';
import type { Reason } from '../events.js';
import { MAY_CHANGE } from '../files/dirfd.js';
import {
  type Entry,
  type EntryKey,
  isInaccessible,
  isPartName,
  joinKey,
  parentOf,
  type RootKey,
  rootOf,
} from '../files/entry.js';
import { type BlockSum, FIRST_FEW, type ListedBlock, type WalkedBlock } from '../files/listing.js';
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
import { OpenDirectories, type OpenDirectory } from './directory-path.js';
import type { Holdings } from './holdings.js';
import { addNamed } from './left-out.js';
import { type Merged, mergeUnlike, type Pair, type TakeIfSame } from './merge.js';
import type { PlanSink } from './plan-sink.js';

export async function diff(
  source: AsyncIterable<ListedBlock>,
  local: AsyncIterable<WalkedBlock>,
  policy: DiffPolicy,
  sink: PlanSink,
): Promise<PlanCounts> {
  const differ = new Differ(policy, sink);
  for await (const piece of mergeUnlike(source, local, sameUnder(policy)))
    if ('pairs' in piece) differ.compareEntries(piece);
    else differ.countSame(piece);
  differ.leaveAll();
  return differ.counts;
}

/** Equal blocks need no comparison of entries, except where equal attributes prove nothing. */
function sameUnder({ compare, digested, digestsEmpty, needsDigest, young, hot, canChown }: DiffPolicy): TakeIfSame {
  if (compare === 'checksum' || needsDigest) return () => false;
  return (source, local) =>
    !digested.some((type) => local.sum.dir.startsWith(`${type}/`)) &&
    !(digestsEmpty && local.sum.hasEmpty) &&
    young?.hasIn(local.sum.dir) !== true &&
    hot?.mayBeIn(local.sum.dir) !== true &&
    source.takeIfSame?.(local, canChown) === true;
}

class Differ {
  readonly counts = noCounts();
  readonly #policy: DiffPolicy;
  readonly #sink: PlanSink;
  readonly #differences: Differences;
  readonly #path = new OpenDirectories((directory) => this.#leave(directory));

  constructor(policy: DiffPolicy, sink: PlanSink) {
    this.#policy = policy;
    this.#sink = sink;
    this.#differences = new Differences(policy, this.counts);
  }

  compareEntries({ dir, pairs, excluded }: Merged): void {
    const directory = this.#enter(dir, excluded);
    for (const pair of pairs) this.#judge(directory, pair);
  }

  /** For a block that is equal on both sides; only entries in its directories may still differ. */
  countSame({ dir, excluded, entries, bytes, directories }: BlockSum): void {
    this.#enter(dir, excluded !== undefined);
    if (entries === 0) return;
    const root = this.#rootCounts();
    const { total, local, matching } = this.counts;
    const { total: ofRoot, matching: sameOfRoot } = rootShare(this.counts, this.#path.root);
    for (const share of [total, local, matching, ofRoot, sameOfRoot]) {
      share.entries += entries;
      share.bytes += bytes;
    }
    root.source += entries;
    root.local += entries;
    const files = entries - directories.length;
    this.counts.files += files;
    if (dir.startsWith('commitlog/')) this.counts.commitLogBytes += bytes; // what they take up is not looked at, as they have not changed
    this.counts.holdings.add(dir, 'source', files, bytes);
    this.counts.holdings.add(dir, 'local', files, bytes);
    for (const entry of directories)
      this.#path.announce(dir, {
        entry,
        local: entry,
        needsFinish: isInaccessible(entry) && this.#policy.opensInaccessible,
      });
  }

  leaveAll(): void {
    this.#path.leaveAll();
  }

  #enter(dir: EntryKey, excluded: boolean): OpenDirectory {
    const directory = this.#path.enter(dir);
    if (excluded) this.#path.protect();
    return directory;
  }

  #leave(directory: OpenDirectory): void {
    if (directory.parent === '') return this.#leaveRoot(directory.key);
    if (directory.entry) {
      if (directory.needsFinish)
        this.#sink.finishDirectory(
          directory.parent,
          directory.entry,
          directory.local === undefined,
          directory.reason,
          directory.local,
        );
    } else if (directory.shielded) this.#countShielded(directory.key);
    else this.#remove(directory.parent, directory.local!, directory.reason!);
  }

  #leaveRoot(key: RootKey): void {
    const pair = this.#policy.roots?.get(key);
    if (!pair) return;
    const fix = this.#differences.ofMetadata(key, 'directory', pair.source, pair.local);
    if (fix) this.counts.fix++;
    // An inaccessible root has another mode now, or will have while its entries are given theirs: it gets its own at the end.
    const isOpened =
      this.#policy.opensInaccessible &&
      pair.source.owner !== undefined &&
      (pair.source.mode & MAY_CHANGE) !== MAY_CHANGE;
    if (fix || isOpened) this.#sink.finishDirectory(parentOf(key), pair.source, false, fix, pair.local);
  }

  #judge(directory: OpenDirectory, { source, local }: Pair): void {
    if (source && isPartName(source.name))
      throw new LmError(
        'unusable-name',
        `the source has a file named like unfinished work of lm: ${printable(joinKey(directory.key, source.name))}`,
        {
          hint: 'remove or exclude it at the source',
        },
      );
    if (source && source.kind === 'other') {
      this.#skipSpecial(joinKey(directory.key, source.name));
      if (local && local.kind === 'other') return; // neither side has something to copy
      source = undefined; // what is here under its name is extraneous
    }
    if (local && isPartName(local.name) && local.kind !== 'directory') return this.#sink.part(directory.key, local);
    if (local) {
      count(this.counts.local, local);
      this.#rootCounts().local++;
      this.#holds(directory.key, 'local', local);
    }
    if (!source) return local && this.#extraneous(directory, local, 'foreign');
    countTotal(this.counts, directory.key, source);
    this.#holds(directory.key, 'source', source);
    if (this.#isLeft(directory.key, source, local)) {
      this.#sink.left(directory.key, source);
      return countLeft(this.counts, directory.key, source);
    }
    if (local && local.kind === source.kind) return this.#compare(directory, source, local);
    this.#fetch(directory, source, local);
  }

  /** Whether a source file is left for the final pass; under its name there is an older copy here, or nothing. */
  #isLeft(dir: EntryKey, source: Entry, local: Entry | undefined): boolean {
    const { hot } = this.#policy;
    if (!hot?.mayBeIn(dir) || source.kind !== 'file' || !hot.has(joinKey(dir, source.name), source)) return false;
    return !local || local.kind === 'file';
  }

  /** For an entry that is missing here, or is of another kind here. */
  #fetch(directory: OpenDirectory, source: Entry, local: Entry | undefined): void {
    if (local) this.#extraneous(directory, local, 'kind');
    directory.needsFinish = true;
    const reason = local ? 'kind' : 'new';
    countDownload(this.counts, directory.key, source);
    this.#holds(directory.key, 'fresh', source);
    takeRoom(this.counts, this.#mountOf(directory.key), source, undefined);
    if (source.kind !== 'directory') return this.#sink.fetch(directory.key, source, reason);
    this.#sink.mkdir(directory.key, source, reason);
    this.#path.announce(directory.key, { entry: source, needsFinish: true });
  }

  #compare(directory: OpenDirectory, source: Entry, local: Entry): void {
    const { kind } = source;
    const key = joinKey(directory.key, source.name);
    const metadata = this.#differences.ofMetadata(key, kind, source, local);
    if (kind === 'directory') {
      if (metadata) this.counts.fix++;
      else countMatching(this.counts, directory.key, source);
      const needsFinish =
        metadata !== undefined ||
        !this.#differences.isSameTime(key, source, local) ||
        (isInaccessible(local) && this.#policy.opensInaccessible);
      return this.#path.announce(directory.key, { entry: source, local, needsFinish, reason: metadata });
    }
    const reason = this.#differences.ofContent(key, kind, source, local);
    if (reason === 'size' && Number(source.size) < Number(local.size)) this.counts.holdings.countShrunk(directory.key);
    const sameTime = this.#differences.isSameTime(key, source, local);
    const fix = metadata ?? (sameTime ? undefined : 'mtime');
    const isCoarser =
      reason === undefined && kind === 'file' && fix !== 'mtime' && !this.#differences.isEqualTime(source, local);
    if (isCoarser) addNamed(this.counts.notKept.times, key);
    if (reason === undefined && kind === 'file' && this.#differences.needsDigest(key, source, isCoarser || !sameTime)) {
      directory.needsFinish = true; // if the digests differ, the file is replaced
      return this.#sink.check(directory.key, source, local, fix);
    }
    if (reason === 'mtime') this.counts.retimed++;
    if (reason) {
      directory.needsFinish = true;
      countDownload(this.counts, directory.key, source);
      takeRoom(this.counts, this.#mountOf(directory.key), source, this.#policy.keepsReplaced ? undefined : local);
      return this.#sink.fetch(directory.key, source, reason);
    }
    countMatching(this.counts, directory.key, source);
    if (!fix) return;
    this.counts.fix++;
    this.#sink.fix(directory.key, source, fix, local);
  }

  #mountOf(dir: EntryKey): EntryKey {
    return this.#policy.mountOf?.(dir) ?? rootOf(dir);
  }

  #rootCounts(): RootCounts {
    return rootCounts(this.counts, this.#path.root);
  }

  #extraneous(directory: OpenDirectory, local: Entry, reason: Reason): void {
    if (directory.entry || directory.parent === '') directory.needsFinish = true;
    if (local.kind !== 'directory') return this.#remove(directory.key, local, reason);
    const key = joinKey(directory.key, local.name);
    if (this.#policy.isMountPoint?.(key)) this.counts.mountsOnlyHere.push(key);
    this.#path.announce(directory.key, { local, needsFinish: false, reason });
  }

  #remove(dir: EntryKey, entry: Entry, reason: Reason): void {
    count(this.counts.remove, entry);
    if (!this.#policy.keepsReplaced) giveRoom(this.counts, this.#mountOf(dir), entry);
    this.#holds(dir, 'removed', entry);
    this.#sink.remove(dir, entry, reason);
  }

  #countShielded(key: EntryKey): void {
    this.counts.shielded++;
    if (this.counts.firstShielded.length < FIRST_FEW) this.counts.firstShielded.push(key);
  }

  #holds(dir: EntryKey, side: Parameters<Holdings['add']>[1], entry: Entry): void {
    if (entry.kind !== 'directory') this.counts.holdings.add(dir, side, 1, Number(entry.size));
  }

  #skipSpecial(key: EntryKey): void {
    this.counts.special++;
    if (this.counts.firstSpecial.length < FIRST_FEW) this.counts.firstSpecial.push(key);
  }
}
