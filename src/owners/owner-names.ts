// Declares what a listing has of owners by name, and how they map to owners of this host.

import type { Owner } from '../files/entry.js';

/** Names by number; null for a number without a name at the source. */
export interface OwnerNames {
  users: ReadonlyMap<number, string | null>;
  groups: ReadonlyMap<number, string | null>;
  /** Why a number with null may have a name nevertheless, for people. */
  trouble?: string | undefined;
}

/** Maps a source's owners to this host's. */
export interface OwnerMapping {
  /** Learns names. The caller awaits it before it maps an owner with one of these numbers. */
  learn(names: OwnerNames): Promise<void>;
  /** Called first, for a listing without names. */
  learnNoNames(): void;
  /** Undefined when the names of its numbers were not in the listing. */
  toLocal(owner: Owner): Owner | undefined;
  /** Whether every number so far is the same here. */
  readonly isIdentity: boolean;
}

/** Limit of users, and of groups, in one listing. */
export const MAX_NAMES = 100_000;

/** useradd(8) takes 32 characters, directory services more; none takes a character that would break a line or a field of passwd(5). */
const MAX_NAME_LENGTH = 256;
export const isAccountName = (name: string): boolean =>
  name !== '' && name.length <= MAX_NAME_LENGTH && !/[:\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\ufffd]/u.test(name);

/** The number of a user or group, or a mode. 2^32 - 1 means "leave it as it is" to the kernel. */
export const isUint32 = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32 - 1;
