// Finds in what an entry that has one kind on both sides differs, under the policy of a run.

import type { Reason } from '../events.js';
import { type DirType, type Entry, type EntryKey, isSameOwner, type Kind, type RootKey } from '../files/entry.js';
import { sameTime, type TimeUnit } from '../files/times.js';
import type { Fidelity } from '../linux/fidelity.js';
import type { PlanCounts } from './counts.js';
import type { HotFiles } from './hot-files.js';
import { addNamed } from './left-out.js';
import type { Fix } from './plan-sink.js';
import type { RootPair } from './root-pairs.js';
import type { YoungFiles } from './young-files.js';

export interface DiffPolicy {
  /** By what, beside its size, a file is taken for the same. */
  compare: 'mtime' | 'size' | 'checksum';
  /** Types whose files of equal size are compared by digest whatever `compare` is. */
  digested: readonly DirType[];
  /** Whether files of size 0 on both sides are compared by digest as well: such a file may have contents all the same. */
  digestsEmpty: boolean;
  timeUnit: TimeUnit;
  /** Whether replaced files are backed up on the same file system, and so keep their space. */
  keepsReplaced: boolean;
  /** Whether this process may change owners, so that they are compared and set. */
  canChown: boolean;
  /** Whether inaccessible directories have to get another mode, to be read. */
  opensInaccessible: boolean;
  /** Whether a file of equal size and time is compared by digest, because its time proves nothing, as after a crash. */
  needsDigest?(key: EntryKey): boolean;
  /** The roots themselves, whose entries no listing holds. */
  roots?: ReadonlyMap<RootKey, RootPair>;
  /** Whether something is mounted at this key of the destination: a mount point is not removed, though its entries may be. */
  isMountPoint?(key: EntryKey): boolean;
  /** What the destination cannot keep: such a difference does not count. */
  fidelity?: Fidelity;
  /** Set at 1.0: files with different times that `compare` and `fidelity` take for the same are compared by digest. */
  checksTimes?: boolean;
  /** The root or mount point whose file system a directory is on. */
  mountOf?(dir: EntryKey): EntryKey;
  /** Files that were young when they were read, which are compared by digest too. They are few; `hasIn` makes other directories cost nothing. */
  young?: Pick<YoungFiles, 'has' | 'hasIn'>;
  /** Files that are left for the final pass: they are neither fetched nor compared, and older copies of them stay. */
  hot?: HotFiles;
}

export class Differences {
  readonly #policy: DiffPolicy;
  readonly #counts: Pick<PlanCounts, 'notKept' | 'otherOwner'>;

  /** Differences that exist because the destination cannot keep an attribute are counted as such, and are not reported. */
  constructor(policy: DiffPolicy, counts: Pick<PlanCounts, 'notKept' | 'otherOwner'>) {
    this.#policy = policy;
    this.#counts = counts;
  }

  ofContent(key: EntryKey, kind: Kind, source: Entry, local: Entry): Reason | undefined {
    if (kind === 'link') return source.target === local.target ? undefined : 'link-target';
    if (source.size !== local.size) return 'size';
    return this.#policy.compare === 'mtime' && !this.isSameTime(key, source, local) ? 'mtime' : undefined;
  }

  /** Undefined for attributes that a Sidecar does not send, or that this process or the destination cannot keep. A link's mode means nothing. */
  ofMetadata(key: EntryKey, kind: Kind, source: Entry, local: Entry): Fix | undefined {
    if (!source.owner) return undefined;
    const { canChown } = this.#policy;
    const otherMode = kind !== 'link' && (source.mode & 0o7777) !== (local.mode & 0o7777);
    const otherOwner = canChown && !isSameOwner(source.owner, local.owner);
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
    if (kind) addNamed(this.#counts.notKept[kind], key);
    return kind !== undefined;
  }

  isSameTime(key: EntryKey, source: Entry, local: Entry): boolean {
    return (
      this.isEqualTime(source, local) || this.#policy.fidelity?.isSameTime(key, source.mtimeNs, local.mtimeNs) === true
    );
  }

  isEqualTime(source: Entry, local: Entry): boolean {
    return sameTime(source.mtimeNs, local.mtimeNs, this.#policy.timeUnit);
  }

  /** `unlike`: the times differ, if only because the destination keeps coarser ones. */
  needsDigest(key: EntryKey, source: Entry, unlike: boolean): boolean {
    const { checksTimes, compare, digested, digestsEmpty, needsDigest, young } = this.#policy;
    if (source.size === '0') return digestsEmpty;
    if (compare === 'checksum' || digested.some((type) => key.startsWith(`${type}/`))) return true;
    if (unlike && checksTimes) return true;
    return needsDigest?.(key) === true || young?.has(key, source) === true;
  }
}
