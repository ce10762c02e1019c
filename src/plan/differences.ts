// In what an entry of one kind on both sides differs, under the policy of a run. Decides not what is done about it.

import type { Reason } from '../events.js';
import { type DirType, type Entry, type EntryKey, isSameOwner, type Kind, type RootKey } from '../files/entry.js';
import { sameTime, type TimeUnit } from '../files/times.js';
import type { Fidelity } from '../linux/fidelity.js';
import type { PlanCounts } from './counts.js';
import type { HotFiles } from './hot-files.js';
import { name } from './left-out.js';
import type { Mend } from './plan-sink.js';
import type { RootPair } from './root-pairs.js';
import type { YoungFiles } from './young-files.js';

export interface DiffPolicy {
  /** What makes a file of equal size the same file. */
  compare: 'mtime' | 'size' | 'checksum';
  /** Types whose files of equal size are compared by digest whatever `compare` says. */
  digested: readonly DirType[];
  /** Whether a file that states to be empty on both sides is compared by digest as well: only reading it tells. */
  asksEmpty: boolean;
  unit: TimeUnit;
  /** What is replaced is kept elsewhere on the same file system, and takes up its room there. */
  keepsReplaced: boolean;
  /** Whether this process may give files away, so that owners are compared and set. */
  owners: boolean;
  /** Whether directories that are closed to their owner have to be opened. */
  opensClosed: boolean;
  /** Files whose time is no proof, as after a crash: the same by size and time, they are told by their digests all the same. */
  isSuspect?(key: EntryKey): boolean;
  /** The roots themselves, whose entries no listing holds. */
  roots?: ReadonlyMap<RootKey, RootPair>;
  /** Whether something is mounted here at this key: what must not be removed, though all in it may. */
  isMountPoint?(key: EntryKey): boolean;
  /** What the destination cannot keep: such a difference is none. */
  fidelity?: Fidelity;
  /** At 1.0: files whose times are unlike, and the same by all that `compare` and `fidelity` go by, are told by digest. */
  doubtsTimes?: boolean;
  /** The root or the mount point whose file system a directory lies on. */
  mountOf?(dir: EntryKey): EntryKey;
  /** The same for files that were young when they were read: a few, so that directories without any cost nothing. */
  young?: Pick<YoungFiles, 'has' | 'hasIn'>;
  /** Files that are left for the final pass: neither brought nor compared, and what is here of them stays. */
  hot?: HotFiles;
}

export class Differences {
  readonly #policy: DiffPolicy;
  readonly #counts: Pick<PlanCounts, 'notKept' | 'otherOwner'>;

  /** What differs because the destination cannot keep it is counted as such, and is no difference. */
  constructor(policy: DiffPolicy, counts: Pick<PlanCounts, 'notKept' | 'otherOwner'>) {
    this.#policy = policy;
    this.#counts = counts;
  }

  ofContent(key: EntryKey, kind: Kind, source: Entry, local: Entry): Reason | undefined {
    if (kind === 'link') return source.target === local.target ? undefined : 'link-target';
    if (source.size !== local.size) return 'size';
    return this.#policy.compare === 'mtime' && !this.isSameTime(key, source, local) ? 'mtime' : undefined;
  }

  /** Undefined for what a Sidecar does not tell and what this process, or the destination, could not keep. A link's mode means nothing. */
  ofMetadata(key: EntryKey, kind: Kind, source: Entry, local: Entry): Mend | undefined {
    if (!source.owner) return undefined;
    const { owners } = this.#policy;
    const otherMode = kind !== 'link' && (source.mode & 0o7777) !== (local.mode & 0o7777);
    const otherOwner = owners && !isSameOwner(source.owner, local.owner);
    if (otherMode && !this.#excuses('mode', key, source, local)) {
      if (otherOwner) this.#counts.otherOwner++;
      return 'mode';
    }
    if (!otherOwner || this.#excuses('owner', key, source, local)) return undefined;
    this.#counts.otherOwner++;
    return 'owner';
  }

  #excuses(what: 'mode' | 'owner', key: EntryKey, source: Entry, local: Entry): boolean {
    const kind = this.#policy.fidelity?.excuses(what, key, source, local);
    if (kind) name(this.#counts.notKept[kind], key);
    return kind !== undefined;
  }

  isSameTime(key: EntryKey, source: Entry, local: Entry): boolean {
    return (
      this.isEqualTime(source, local) || this.#policy.fidelity?.isSameTime(key, source.mtimeNs, local.mtimeNs) === true
    );
  }

  isEqualTime(source: Entry, local: Entry): boolean {
    return sameTime(source.mtimeNs, local.mtimeNs, this.#policy.unit);
  }

  /** `unlike`: the times differ, were it only because finer ones are not kept here. */
  isDoubted(key: EntryKey, source: Entry, unlike: boolean): boolean {
    const { doubtsTimes, compare, digested, asksEmpty, isSuspect, young } = this.#policy;
    if (source.size === '0') return asksEmpty;
    if (compare === 'checksum' || digested.some((type) => key.startsWith(`${type}/`))) return true;
    if (unlike && doubtsTimes) return true;
    return isSuspect?.(key) === true || young?.has(key, source) === true;
  }
}
