// Sets owner, mode and time of destination entries and reads them back. The caller passes a descriptor, or a path that cannot come to lead to
// another file.

import { chmodSync, chownSync, fchmodSync, fchownSync, fstatSync, type Stats, statSync } from 'node:fs';
import { errnoOf } from '../errors.js';
import { type Entry, type EntryKey, isSetuid, type Owner } from '../files/entry.js';
import { setTime } from '../files/set-time.js';
import { modeText, ownerText, type Unkept } from '../linux/fidelity.js';
import { chownLink, setTimeOfLink, statLink } from './surveyed.js';

export interface DiskOptions {
  /** Whether owners are set; only a privileged process can. */
  canChown: boolean;
  /**
   * Set for a process that may change owners without being root: its uid. It may not change attributes of entries that others own, so it
   * makes itself the owner before and gives the entry away at the end.
   */
  takesAs?: number;
  /** For entries whose mode the source does not send (a Sidecar). */
  umask: number;
}

/** `refused`: the errno for an entry that was there before, when the system would not change it. */
export type UnkeptNow = Unkept & { refused?: string };

/** The kernel clears them where they would give away a right, such as set-group-id of a group that this user is not in. */
const SPECIAL_BITS = 0o7000;

/** Errors of a file system that cannot keep an owner or a mode, or does not let this user set them. */
const UNKEEPABLE = new Set(['EPERM', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EOVERFLOW']);

/** Runs a call that sets an owner or a mode. Returns its errno if that is in UNKEEPABLE; throws any other error. */
function tryToSet(set: () => void): string | undefined {
  try {
    set();
    return undefined;
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined || !UNKEEPABLE.has(code)) throw error;
    return code;
  }
}

/** The bits set-user-id and set-group-id. */
const [AS_USER, AS_GROUP] = [0o4000, 0o2000];

/**
 * The mode for an entry that has the owner `found`. Without the source's owner or group a program loses set-user-id or set-group-id, so that it
 * never runs as anybody but the source's user or group, or the user who starts it.
 */
function permittedMode(mode: number, entry: Entry, found: () => Owner): number {
  if (!isSetuid(entry)) return mode;
  const { uid, gid } = found();
  return mode & ~(uid === entry.owner?.uid ? 0 : AS_USER) & ~(gid === entry.owner?.gid ? 0 : AS_GROUP);
}

/** The errno of a call that did not set the attribute. */
interface Refused {
  owner?: string | undefined;
  mode?: string | undefined;
}

/** Every method throws the system's error. */
export class Attributes {
  readonly #options: DiskOptions;
  readonly #unkept: (entry: UnkeptNow) => void;

  /** `unkept` is called with each attribute that the file system did not keep. */
  constructor(options: DiskOptions, unkept: (entry: UnkeptNow) => void) {
    this.#options = options;
    this.#unkept = unkept;
  }

  get canChown(): boolean {
    return this.#options.canChown;
  }

  /** The permissions for a file. */
  #modeOf({ mode, owner }: Entry): number {
    return owner === undefined ? 0o666 & ~this.#options.umask : mode & 0o7777;
  }

  /** The owner to set; undefined when none is to be set. */
  #ownerOf({ owner }: Entry): Owner | undefined {
    return this.#options.canChown ? owner : undefined;
  }

  /** Sets owner, mode and time of a file that lm made. */
  setOfNew(fd: number, entry: Entry, key: EntryKey): void {
    const { takesAs } = this.#options;
    if (takesAs !== undefined) setTime(fd, entry.mtimeNs);
    this.#setOwnerAndMode(fd, entry, key);
    if (takesAs === undefined) setTime(fd, entry.mtimeNs);
  }

  #setOwnerAndMode(fd: number, entry: Entry, key: EntryKey): void {
    const owner = this.#ownerOf(entry);
    const mode = this.#modeOf(entry);
    const give = () => owner && tryToSet(() => fchownSync(fd, owner.uid, owner.gid));
    const givesLast = this.#options.takesAs !== undefined;
    const giveGroup = () => owner && tryToSet(() => fchownSync(fd, -1, owner.gid)); // else the mode would apply to this user's own group
    const refused = [
      givesLast ? giveGroup() : give(),
      tryToSet(() =>
        fchmodSync(fd, givesLast ? mode & ~SPECIAL_BITS : permittedMode(mode, entry, () => fstatSync(fd))),
      ),
      givesLast && give(),
    ].some((why) => typeof why === 'string');
    if (refused || (mode & SPECIAL_BITS) !== 0) this.#compareKept(key, mode, owner, fstatSync(fd));
  }

  /** Sets owner and time of a link that lm made. */
  setOfNewLink(at: string, entry: Entry, key: EntryKey): void {
    const owner = this.#ownerOf(entry);
    const { takesAs } = this.#options;
    if (takesAs !== undefined) setTimeOfLink(at, entry.mtimeNs);
    if (owner && tryToSet(() => chownLink(at, owner))) this.#compareKept(key, undefined, owner, statLink(at));
    if (takesAs === undefined) setTimeOfLink(at, entry.mtimeNs);
  }

  /** Sets owner and time of a link that was there before. */
  setOfLink(at: string, entry: Entry, key: EntryKey): void {
    const owner = this.#ownerOf(entry);
    const { takesAs: uid } = this.#options;
    const taken = owner && uid !== undefined;
    if (taken) {
      tryToSet(() => chownLink(at, { ...owner, uid }));
      setTimeOfLink(at, entry.mtimeNs);
    }
    const refused = owner && tryToSet(() => chownLink(at, owner));
    this.#compareKept(key, undefined, owner, statLink(at), { owner: refused });
    if (!taken) setTimeOfLink(at, entry.mtimeNs);
  }

  /** Sets the attributes of a file or directory that was there before; `stat` has its present ones. */
  set(at: string, stat: Stats, entry: Entry, key: EntryKey): void {
    const { kind, mode, mtimeNs } = entry;
    const hasOwner = entry.owner !== undefined;
    const owner = this.#ownerOf(entry);
    const give = () => owner && tryToSet(() => chownSync(at, owner.uid, owner.gid));
    const taken = owner && this.#take(at, stat, entry, owner);
    const ownerRefused = taken ? undefined : give();
    if (!hasOwner && kind === 'directory') chmodSync(at, 0o777 & ~this.#options.umask);
    // No program may run as this user, not even for a moment.
    const bits = taken && kind !== 'directory' ? mode & ~SPECIAL_BITS : permittedMode(mode, entry, () => statSync(at));
    const isRight = !owner && (stat.mode & 0o7777) === (bits & 0o7777); // setting it again may clear its set-group-id
    const modeRefused = !hasOwner || isRight ? undefined : tryToSet(() => chmodSync(at, bits & 0o7777));
    if (taken) setTime(at, mtimeNs);
    const chownRefused = taken ? give() : ownerRefused;
    if (hasOwner) this.#compareKept(key, mode, owner, statSync(at), { owner: chownRefused, mode: modeRefused });
    if (!taken) setTime(at, mtimeNs);
  }

  /**
   * Makes this process the owner, if it has to be for changing the entry. Returns whether it did: then the owner is set last. A file gets its
   * group at once, so that its mode never applies to this user's own group.
   */
  #take(at: string, { uid, gid }: Stats, { kind }: Entry, owner: Owner): boolean {
    const { takesAs } = this.#options;
    if (takesAs === undefined) return false;
    const early = kind === 'directory' ? gid : owner.gid; // only a member of its group can set its set-group-id, which then stays
    if (uid !== takesAs || gid !== early) tryToSet(() => chownSync(at, takesAs, early));
    return true;
  }

  /** Sets owner and mode of a root, whose time no listing has. Right attributes are not set again: another user may own the root. */
  setOfRoot(at: string, stat: Stats, entry: Entry, key: EntryKey): void {
    const { mode } = entry;
    const owner = this.#ownerOf(entry);
    const isOther = owner && (owner.uid !== stat.uid || owner.gid !== stat.gid);
    if (!isOther && (stat.mode & 0o7777) === (mode & 0o7777)) return;
    const give = () => owner && tryToSet(() => chownSync(at, owner.uid, owner.gid));
    const taken = owner && this.#take(at, stat, entry, owner);
    const ownerRefused = taken || !isOther ? undefined : give();
    const modeRefused = tryToSet(() => chmodSync(at, mode & 0o7777));
    const chownRefused = taken ? give() : ownerRefused;
    this.#compareKept(key, mode, owner, statSync(at), { owner: chownRefused, mode: modeRefused });
  }

  /** Reports each attribute that reads back different after it was set. `mode` is undefined for a link. */
  #compareKept(
    key: EntryKey,
    mode: number | undefined,
    owner: Owner | undefined,
    found: Stats,
    refused: Refused = {},
  ): void {
    const report = (what: Unkept['what'], wanted: string, kept: string): void => {
      const why = refused[what];
      if (wanted !== kept) this.#unkept({ key, what, wanted, kept, ...(why !== undefined && { refused: why }) });
    };
    if (owner) report('owner', ownerText(owner), ownerText(found));
    if (mode !== undefined) report('mode', modeText(mode), modeText(found.mode));
  }
}
