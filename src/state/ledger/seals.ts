// Decides which listed blocks get or keep a seal while a ledger is merged, one directory after another. Writes nothing itself.
//
// A seal says that all files of a block whose lines had these sums were proved by a read. An old one goes with the first change in its range.
// A claim becomes one when each of its files has, in the merged ledger, a read proof of just the states that the claim was made of, whether it
// was written before or after, and when nothing later speaks of another file in its range.

import { compareKeys, type EntryKey } from '../../files/entry.js';
import { statedText } from '../../files/proof-text.js';
import { Ahead, type SortedClaim } from './changes/changes.js';
import type { LineCursor } from './cursors.js';
import type { Seal } from './ledger-file.js';
import { sumOf } from './lines.js';
import { atMsOf, bytesOf, isRead, provesByTime, type Row } from './rows.js';

/** A claim in whose range the sweep is. */
interface Open {
  claim: SortedClaim;
  last: string;
  /** How many of its files have come. */
  at: number;
  holds: boolean;
  states: string;
  bytes: number;
  oldestMs: number;
}

export class SealSweep {
  readonly #seals: LineCursor<Seal>;
  readonly #claims: Ahead<SortedClaim>;
  readonly #put: (seal: Seal) => void;
  #dir: EntryKey = '';
  /** Old seals of this directory: those to come, and those that stay. */
  #old: Seal[] = [];
  #kept: Seal[] = [];
  #granted: Seal[] = [];
  #open: Open[] = [];

  /** `put` gets the seals of one directory after another, in order. */
  constructor(seals: LineCursor<Seal>, claims: Iterator<SortedClaim>, put: (seal: Seal) => void) {
    this.#seals = seals;
    this.#claims = new Ahead(claims);
    this.#put = put;
  }

  /** The next directory that has a seal or a claim. */
  get nextDir(): EntryKey | undefined {
    const [a, b] = [this.#seals.item?.dir, this.#claims.next?.dir];
    return a === undefined || (b !== undefined && compareKeys(b, a) < 0) ? b : a;
  }

  enter(dir: EntryKey): void {
    this.#dir = dir;
    for (; this.#seals.item?.dir === dir; this.#seals.advance()) this.#old.push(this.#seals.item);
  }

  leave(): void {
    this.#openUpTo(undefined);
    this.#closeBefore(undefined);
    for (const seal of [...this.#kept, ...this.#old, ...this.#granted].sort((a, b) => compareKeys(a.first, b.first)))
      this.#put(seal);
    this.#old = [];
    this.#kept = [];
    this.#granted = [];
  }

  /** Whether a claim needs to see the rows of this range. */
  wants(first: string, last: string): boolean {
    this.#openUpTo(first);
    this.#closeBefore(first);
    const next = this.#claims.in(this.#dir);
    return this.#open.length > 0 || (next !== undefined && compareKeys(next.name, last) <= 0);
  }

  /**
   * A file of the merged ledger, in order; `number` is that of the change that made it so, absent where there was none. False when it should
   * not be kept: a claim made later does not name it, so neither listing has it.
   */
  sees(name: string, row: Row | undefined, number: number | undefined): boolean {
    this.#openUpTo(name);
    this.#closeBefore(name);
    if (number !== undefined) this.#forgetOld(name, name);
    let isKept = true;
    for (const open of this.#open) {
      if (nextOf(open, name) === name) continue;
      if (number !== undefined && number > open.claim.number) open.holds = false;
      else isKept = false;
    }
    for (const open of this.#open) take(open, name, isKept ? row : undefined);
    return isKept;
  }

  /** Opens the claims that begin at `name` or before; all of this directory where it is undefined. */
  #openUpTo(name: string | undefined): void {
    for (;;) {
      const claim = this.#claims.in(this.#dir);
      if (!claim || (name !== undefined && compareKeys(claim.name, name) > 0)) return;
      this.#claims.take();
      const last = claim.names.at(-1) ?? '';
      this.#forgetOld(claim.name, last);
      const open = { claim, last, at: 0, holds: true, states: '', bytes: 0, oldestMs: Number.POSITIVE_INFINITY };
      for (const other of this.#open) {
        if (compareKeys(other.last, claim.name) < 0) continue;
        if (other.claim.number < claim.number)
          other.holds = false; // two listings, of which the later counts
        else open.holds = false;
      }
      this.#open.push(open);
    }
  }

  /** Takes the old seals whose ranges meet this one away. Ranges come in order, and old seals do not overlap. */
  #forgetOld(first: string, last: string): void {
    for (let seal = this.#old[0]; seal && compareKeys(seal.first, last) <= 0; seal = this.#old[0]) {
      if (compareKeys(seal.last, first) < 0) this.#kept.push(seal);
      this.#old.shift();
    }
  }

  /** Closes the claims whose range ends before `name`. */
  #closeBefore(name: string | undefined): void {
    const isOver = ({ last }: Open): boolean => name === undefined || compareKeys(last, name) < 0;
    if (!this.#open.some(isOver)) return;
    for (const open of this.#open.filter(isOver)) {
      const { claim, last, at, holds, states, bytes, oldestMs } = open;
      const { dir, name: first, names, source, local } = claim;
      if (!holds || at < names.length || sumOf(Buffer.from(states)) !== claim.states) continue;
      const oldest = Number.isFinite(oldestMs) ? oldestMs : 0;
      this.#granted.push({ dir, first, last, source, local, files: names.length, bytes, oldestMs: oldest });
    }
    this.#open = this.#open.filter((open) => !isOver(open));
  }
}

/** The first name of the claim that is not before `name`. Those passed have no row. */
function nextOf(open: Open, name: string): string | undefined {
  const { names } = open.claim;
  for (; open.at < names.length && compareKeys(names[open.at]!, name) < 0; open.at++) open.holds = false;
  return names[open.at];
}

function take(open: Open, name: string, row: Row | undefined): void {
  if (nextOf(open, name) !== name) return;
  open.at++;
  if (!row || !isRead(row) || !provesByTime(row)) open.holds = false;
  if (!row || !open.holds) return;
  open.states += statedText(name, row[1]);
  open.bytes += bytesOf(row);
  open.oldestMs = Math.min(open.oldestMs, atMsOf(row));
}
