// The nouns of owners by name: what a listing tells of numbers, and what becomes of an owner here. Looks nothing up.

import type { Owner } from '../files/entry.js';

/** By number; null for one that has no name there. */
export interface OwnerNames {
  users: ReadonlyMap<number, string | null>;
  groups: ReadonlyMap<number, string | null>;
  /** Why some may have a name all the same; for people. */
  trouble?: string | undefined;
}

/** A source's owners as this host's. */
export interface OwnerMapping {
  /** Is waited for, before an owner with one of these numbers is asked for. */
  learn(names: OwnerNames): Promise<void>;
  /** Called first, for a listing that tells no names. */
  learnNoNames(): void;
  /** Undefined when the names of its numbers were not told. */
  toHere(owner: Owner): Owner | undefined;
  /** Whether every number told so far is the same one here. */
  readonly isIdentity: boolean;
}

/** Of what is told of one kind in a listing. */
export const MAX_NAMES = 100_000;

/** useradd(8) takes 32 characters, directory services more; none takes what would break a line or a field of passwd(5). */
const MAX_NAME = 256;
export const isAccountName = (name: string): boolean =>
  name !== '' && name.length <= MAX_NAME && !/[:\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\ufffd]/u.test(name);

/** Of a user, group or mode. 2^32 - 1 would mean "leave it as it is" to the kernel. */
export const isUint32 = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32 - 1;
