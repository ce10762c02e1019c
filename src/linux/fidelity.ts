// Knows which times, modes and owners the destination's file systems cannot keep, and so which differences no copy can fix.

import { type Entry, type EntryKey, joinKey, type Owner, rootOf } from '../files/entry.js';
import { FIRST_FEW } from '../files/listing.js';

/** Which attributes one file system keeps, found out by a trial. */
export interface FileSystemLimits {
  /** The root or mount point of the file system. */
  key: EntryKey;
  /** Times are rounded down to multiples of this, in nanoseconds; '0': no time is kept. */
  unitNs: string;
  /** The earliest and the latest possible time; undefined where there is no limit. */
  minNs?: string | undefined;
  maxNs?: string | undefined;
  /** Permission bits that are not kept. */
  lostBits: number;
  owners: boolean;
}

/** An attribute that was set and then read back as something else, or that the file system refused. */
export interface Unkept {
  key: EntryKey;
  what: 'mode' | 'owner';
  /** The mode in octal, or `uid:gid`. */
  wanted: string;
  kept: string;
}

export interface FidelityRecord {
  places: FileSystemLimits[];
  entries: Unkept[];
}

/** Finer times than these are not copied. */
export const FINEST_NS = 1_000n;

/** Beyond this number, the file system is assumed to keep no attribute of the kind. */
const MAX_ENTRIES = 4_096;

export class Fidelity {
  #fileSystems = new Map<EntryKey, FileSystemLimits>();
  readonly #entries = new Map<string, Unkept>();

  constructor({ places, entries }: FidelityRecord = { places: [], entries: [] }) {
    this.setFileSystems(places);
    for (const entry of entries) this.#entries.set(idOf(entry), entry);
  }

  setFileSystems(places: readonly FileSystemLimits[]): void {
    this.#fileSystems = new Map(places.filter(losesAnything).map((place) => [place.key, place]));
  }

  /** Whether all attributes are kept, as far as is known. */
  get isWhole(): boolean {
    return this.#fileSystems.size + this.#entries.size === 0;
  }

  record(): FidelityRecord {
    return { places: [...this.#fileSystems.values()], entries: [...this.#entries.values()] };
  }

  /** Whether two different times become the same here. */
  isSameTime(key: EntryKey, aNs: string, bNs: string): boolean {
    const place = this.#fileSystems.size === 0 ? undefined : this.#fileSystemOf(key);
    return place !== undefined && keptTime(place, BigInt(aNs)) === keptTime(place, BigInt(bNs));
  }

  /** Whether the source's mode cannot be kept here, and the local mode is what setting it results in. */
  excusesMode(key: EntryKey, source: Entry, local: Entry): boolean {
    const differing = (source.mode ^ local.mode) & 0o7777;
    const lost = this.#fileSystemOf(key)?.lostBits ?? 0;
    return (
      (differing & ~lost) === 0 ||
      this.#isKnown({ key, what: 'mode', wanted: modeText(source.mode), kept: modeText(local.mode) })
    );
  }

  excusesOwner(key: EntryKey, source: Entry, local: Entry): boolean {
    if (this.#fileSystemOf(key)?.owners === false) return true;
    return this.#isKnown({
      key,
      what: 'owner',
      wanted: ownerText(source.owner),
      kept: ownerText(local.owner),
    });
  }

  /** The kind of attribute that is not kept, if that is the only reason why the two entries differ in it. */
  excuses(what: string, key: EntryKey, source: Entry, local: Entry): 'times' | 'modes' | 'owners' | undefined {
    switch (what) {
      case 'mtime':
        return this.isSameTime(key, source.mtimeNs, local.mtimeNs) ? 'times' : undefined;
      case 'mode':
        return this.excusesMode(key, source, local) ? 'modes' : undefined;
      case 'owner':
        return this.excusesOwner(key, source, local) ? 'owners' : undefined;
      default:
        return undefined;
    }
  }

  /** Whether the file system keeps no attribute of the kind. */
  keepsNone({ key, what }: Unkept): boolean {
    const place = this.#fileSystemOf(key);
    return what === 'owner' ? place?.owners === false : place?.lostBits === 0o7777;
  }

  /** From now on this difference is excused. */
  note(entry: Unkept): void {
    if (this.#entries.size < MAX_ENTRIES || this.#entries.has(idOf(entry))) {
      this.#entries.set(idOf(entry), entry);
      return;
    }
    const root = rootOf(entry.key);
    const place = this.#fileSystemOf(entry.key) ?? { key: root, unitNs: `${FINEST_NS}`, lostBits: 0, owners: true };
    const bits = parseInt(entry.wanted, 8) ^ parseInt(entry.kept, 8);
    this.#fileSystems.set(place.key, {
      ...place,
      ...(entry.what === 'owner' ? { owners: false } : { lostBits: place.lostBits | bits }),
    });
  }

  /** For people: what is not kept, and where; single entries only if they are in `met`. */
  causes(met: readonly EntryKey[]): string[] {
    const places = [...this.#fileSystems.values()].flatMap((place) =>
      lossesOf(place).map((loss) => `the file system of ${place.key} ${loss}`),
    );
    const known = [...this.#entries.values()].filter(({ key }) => met.includes(key));
    const entries = known.map(
      ({ key, what, wanted, kept }) => `${key} is to have the ${what} ${wanted} and has ${kept} however it is set`,
    );
    return [...places, ...entries].slice(0, FIRST_FEW);
  }

  #isKnown(entry: Unkept): boolean {
    if (this.#entries.size === 0) return false;
    const known = this.#entries.get(idOf(entry));
    return known?.wanted === entry.wanted && known.kept === entry.kept;
  }

  #fileSystemOf(key: EntryKey): FileSystemLimits | undefined {
    if (this.#fileSystems.size === 0) return undefined;
    const root = rootOf(key);
    for (let at = key; ; at = at.slice(0, at.lastIndexOf('/'))) {
      const place = this.#fileSystems.get(at);
      if (place || at === root) return place;
    }
  }
}

const idOf = ({ key, what }: Unkept): string => joinKey(what, key);

export const modeText = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, '0');
export const ownerText = (owner: Owner | undefined): string => `${owner?.uid}:${owner?.gid}`;

/** The time that is kept when `ns` is set. */
function keptTime({ unitNs, minNs, maxNs }: FileSystemLimits, ns: bigint): bigint {
  const unit = BigInt(unitNs);
  if (unit === 0n) return 0n;
  let time = ns;
  if (minNs !== undefined && time < BigInt(minNs)) time = BigInt(minNs);
  if (maxNs !== undefined && time > BigInt(maxNs)) time = BigInt(maxNs);
  const over = ((time % unit) + unit) % unit;
  return time - over;
}

const losesAnything = (place: FileSystemLimits): boolean => lossesOf(place).length > 0;

/** For people; each text follows the name of a file system. */
export function lossesOf({ unitNs, minNs, maxNs, lostBits, owners }: Omit<FileSystemLimits, 'key'>): string[] {
  const losses: string[] = [];
  if (unitNs === '0') losses.push('does not keep times');
  else if (BigInt(unitNs) > FINEST_NS) losses.push(`keeps times to ${unitText(Number(unitNs))} only`);
  if (minNs !== undefined || maxNs !== undefined) {
    const range = [minNs && `from ${dateOf(minNs)}`, maxNs && `to ${dateOf(maxNs)}`].filter(Boolean).join(' ');
    losses.push(`keeps times ${range} only`);
  }
  if (lostBits === 0o7777) losses.push('does not keep file modes');
  else if (lostBits > 0) losses.push(`does not keep the mode bits ${lostBits.toString(8).padStart(4, '0')}`);
  if (!owners) losses.push('does not keep owners');
  return losses;
}

function unitText(unitNs: number): string {
  if (unitNs === 1_000_000) return 'the millisecond';
  if (unitNs === 1_000_000_000) return 'the second';
  return unitNs < 1_000_000_000 ? `${unitNs / 1_000_000} ms` : `${unitNs / 1_000_000_000} seconds`;
}

const dateOf = (ns: string): string => new Date(Number(BigInt(ns) / 1_000_000n)).toISOString().slice(0, 10);
