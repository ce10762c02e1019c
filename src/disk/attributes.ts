// Owner, mode and time of what stands in the destination, set and read back. Finds nothing by its name: a descriptor, or a path that
// leads to one and the same file, is the caller's to give.

import { chmodSync, chownSync, fchmodSync, fchownSync, fstatSync, type Stats, statSync } from 'node:fs';
import { errnoOf } from '../errors.js';
import { type Entry, type EntryKey, isSetuid, type Owner } from '../files/entry.js';
import { setTime } from '../files/set-time.js';
import { modeText, ownerText, type Unkept } from '../linux/fidelity.js';
import { chownLink, setTimeOfLink, statLink } from './surveyed.js';

export interface DiskOptions {
  /** Set owners; only a privileged process can. */
  owners: boolean;
  /**
   * The uid of a process that may give files away without being root: it may set nothing of what is another's, so that it takes first what
   * it is to change, and gives last what it has changed.
   */
  takesAs?: number;
  /** For entries whose mode the source does not tell (a Sidecar's). */
  umask: number;
}

/** `refused`: the system's reason, when what stood there before was to be changed and it would not. */
export type UnkeptNow = Unkept & { refused?: string };

/** The kernel drops them unasked where they would give away a right, as set-group-id of a group that this user is not in. */
const SPECIAL_BITS = 0o7000;

/** What a file system answers that cannot keep an owner or a mode; so does one that will not let this user set them. */
const UNKEEPABLE = new Set(['EPERM', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EOVERFLOW']);

/** Of a call that sets an owner or a mode: why it could not, if it could not for such a reason. */
function refusal(set: () => void): string | undefined {
  try {
    set();
    return undefined;
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined || !UNKEEPABLE.has(code)) throw error;
    return code;
  }
}

/** Set-user-id, set-group-id. */
const [AS_USER, AS_GROUP] = [0o4000, 0o2000];

/** The mode of what is `found` to have this owner: a program runs as the source's user or group, or as whoever starts it. */
function rightfulMode(mode: number, entry: Entry, found: () => Owner): number {
  if (!isSetuid(entry)) return mode;
  const { uid, gid } = found();
  return mode & ~(uid === entry.owner?.uid ? 0 : AS_USER) & ~(gid === entry.owner?.gid ? 0 : AS_GROUP);
}

/** Why the system would not set it. */
interface Refused {
  owner?: string | undefined;
  mode?: string | undefined;
}

/** Every method throws the system's error. */
export class Attributes {
  readonly #options: DiskOptions;
  readonly #unkept: (entry: UnkeptNow) => void;

  /** `unkept` hears of what the file system did not take. */
  constructor(options: DiskOptions, unkept: (entry: UnkeptNow) => void) {
    this.#options = options;
    this.#unkept = unkept;
  }

  get owners(): boolean {
    return this.#options.owners;
  }

  /** Of a file. */
  modeOf({ mode, owner }: Entry): number {
    return owner === undefined ? 0o666 & ~this.#options.umask : mode & 0o7777;
  }

  /** Undefined: it is not ours to set. */
  ownerOf({ owner }: Entry): Owner | undefined {
    return this.#options.owners ? owner : undefined;
  }

  /** Owner, mode and time of a file of our own making; `settled` when it was born with the first two. */
  setOfNew(fd: number, entry: Entry, key: EntryKey, settled: boolean): void {
    const { takesAs } = this.#options;
    if (takesAs !== undefined) setTime(fd, entry.mtimeNs);
    if (!settled) this.#setOwnerAndMode(fd, entry, key);
    if (takesAs === undefined) setTime(fd, entry.mtimeNs);
  }

  #setOwnerAndMode(fd: number, entry: Entry, key: EntryKey): void {
    const owner = this.ownerOf(entry);
    const mode = this.modeOf(entry);
    const give = () => owner && refusal(() => fchownSync(fd, owner.uid, owner.gid));
    const givesLast = this.#options.takesAs !== undefined;
    const giveGroup = () => owner && refusal(() => fchownSync(fd, -1, owner.gid)); // else the mode would be for this user's own
    const refused = [
      givesLast ? giveGroup() : give(),
      refusal(() => fchmodSync(fd, givesLast ? mode & ~SPECIAL_BITS : rightfulMode(mode, entry, () => fstatSync(fd)))),
      givesLast && give(),
    ].some((why) => typeof why === 'string');
    if (refused || (mode & SPECIAL_BITS) !== 0) this.#compareKept(key, mode, owner, fstatSync(fd));
  }

  /** Owner and time of a link of our own making. */
  setOfNewLink(at: string, entry: Entry, key: EntryKey): void {
    const owner = this.ownerOf(entry);
    const { takesAs } = this.#options;
    if (takesAs !== undefined) setTimeOfLink(at, entry.mtimeNs);
    if (owner && refusal(() => chownLink(at, owner))) this.#compareKept(key, undefined, owner, statLink(at));
    if (takesAs === undefined) setTimeOfLink(at, entry.mtimeNs);
  }

  /** Owner and time of a link that was there. */
  setOfLink(at: string, entry: Entry, key: EntryKey): void {
    const owner = this.ownerOf(entry);
    const { takesAs: uid } = this.#options;
    const taken = owner && uid !== undefined;
    if (taken) {
      refusal(() => chownLink(at, { ...owner, uid }));
      setTimeOfLink(at, entry.mtimeNs);
    }
    const refused = owner && refusal(() => chownLink(at, owner));
    this.#compareKept(key, undefined, owner, statLink(at), { owner: refused });
    if (!taken) setTimeOfLink(at, entry.mtimeNs);
  }

  /** Of a file or a directory that was there; `stat` is what it has. */
  set(at: string, stat: Stats, entry: Entry, key: EntryKey): void {
    const { kind, mode, mtimeNs } = entry;
    const isTold = entry.owner !== undefined;
    const owner = this.ownerOf(entry);
    const give = () => owner && refusal(() => chownSync(at, owner.uid, owner.gid));
    const taken = owner && this.#take(at, stat, entry, owner);
    const ownerRefused = taken ? undefined : give();
    if (!isTold && kind === 'directory') chmodSync(at, 0o777 & ~this.#options.umask);
    // No program is to run as this user for a moment.
    const bits = taken && kind !== 'directory' ? mode & ~SPECIAL_BITS : rightfulMode(mode, entry, () => statSync(at));
    const isRight = !owner && (stat.mode & 0o7777) === (bits & 0o7777); // to set it again may lose its set-group-id
    const modeRefused = !isTold || isRight ? undefined : refusal(() => chmodSync(at, bits & 0o7777));
    if (taken) setTime(at, mtimeNs);
    const notGiven = taken ? give() : ownerRefused;
    if (isTold) this.#compareKept(key, mode, owner, statSync(at), { owner: notGiven, mode: modeRefused });
    if (!taken) setTime(at, mtimeNs);
  }

  /** Whether it is given once all else is set; a file's group is given at once, lest the mode be for this user's own. */
  #take(at: string, { uid, gid }: Stats, { kind }: Entry, owner: Owner): boolean {
    const { takesAs } = this.#options;
    if (takesAs === undefined) return false;
    const early = kind === 'directory' ? gid : owner.gid; // only who is in its group can set its set-group-id, which then stays
    if (uid !== takesAs || gid !== early) refusal(() => chownSync(at, takesAs, early));
    return true;
  }

  /** Of a root, whose time is not known. What is right already is left alone: it may be somebody else's. */
  setOfRoot(at: string, stat: Stats, entry: Entry, key: EntryKey): void {
    const { mode } = entry;
    const owner = this.ownerOf(entry);
    const isOther = owner && (owner.uid !== stat.uid || owner.gid !== stat.gid);
    if (!isOther && (stat.mode & 0o7777) === (mode & 0o7777)) return;
    const give = () => owner && refusal(() => chownSync(at, owner.uid, owner.gid));
    const taken = owner && this.#take(at, stat, entry, owner);
    const ownerRefused = taken || !isOther ? undefined : give();
    const modeRefused = refusal(() => chmodSync(at, mode & 0o7777));
    const notGiven = taken ? give() : ownerRefused;
    this.#compareKept(key, mode, owner, statSync(at), { owner: notGiven, mode: modeRefused });
  }

  /** Once they have been set: what reads back as something else is not kept here. `mode` is undefined for a link. */
  #compareKept(
    key: EntryKey,
    mode: number | undefined,
    owner: Owner | undefined,
    found: Stats,
    refused: Refused = {},
  ): void {
    const tell = (what: Unkept['what'], wanted: string, kept: string): void => {
      const why = refused[what];
      if (wanted !== kept) this.#unkept({ key, what, wanted, kept, ...(why !== undefined && { refused: why }) });
    };
    if (owner) tell('owner', ownerText(owner), ownerText(found));
    if (mode !== undefined) tell('mode', modeText(mode), modeText(found.mode));
  }
}
