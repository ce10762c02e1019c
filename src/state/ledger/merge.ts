// Merges the delta into the ledger: one sweep over both in the order of a listing, into a new file that takes the place of the old ledger;
// then the delta is removed. A crash leaves the old ledger or the new one, and a delta that is merged once more changes nothing.

import { closeSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { localError } from '../../errors.js';
import { compareKeys, type EntryKey } from '../../files/entry.js';
import { removeIfThere } from '../../files/if-there.js';
import { removeFile, syncPath } from '../atomic-file.js';
import { Ahead, type Change, type Changes, changed, readChanges, type SortLimits } from './changes/changes.js';
import { filesOf, type LineCursor, sealsOf } from './cursors.js';
import { deltaIn } from './delta.js';
import {
  type FilesLine,
  type LedgerFile,
  type LedgerTotals,
  ledgerIn,
  noTotals,
  openLedgerFile,
  type Seal,
} from './ledger-file.js';
import { LedgerOutput } from './output.js';
import type { Row } from './rows.js';
import { SealSweep } from './seals.js';
import { type Note, OTHER_SOURCE, once, unusable } from './trusted-file.js';

/** Of a line of the ledger, and of what is sorted in memory. */
export interface Limits extends SortLimits {
  filesPerLine?: number;
}

/**
 * Does nothing where there is no delta. `spool` is an existing directory, where the delta is sorted; `identity` is the id of the agent whose
 * files are proved. `note` is told, once, what is lost. For the one process that holds the lock. Throws `local`.
 */
export async function mergeLedger(
  dir: string,
  spool: string,
  identity: string,
  note: Note = () => {},
  limits: Limits = {},
): Promise<LedgerTotals> {
  const tell = once(note);
  try {
    removeLeftovers(dir);
    const merged = await mergeInto(dir, { dir, spool, identity, tell, limits });
    if (merged === 'none') return totalsOf(dir, identity, tell);
    syncPath(dir);
    removeFile(deltaIn(dir));
    return merged === 'empty' ? totalsOf(dir, identity, tell) : merged;
  } catch (error) {
    throw localError('write', ledgerIn(dir), error);
  }
}

/** For a dry run: the ledger is merged into `spool` if it has to be. Returns the directory of the one that counts, for `openLedger`. */
export async function mergeAside(dir: string, spool: string, identity: string, note: Note = () => {}): Promise<string> {
  try {
    const merged = await mergeInto(spool, { dir, spool, identity, tell: once(note), limits: {} });
    return typeof merged === 'object' ? spool : dir;
  } catch (error) {
    throw localError('write', ledgerIn(spool), error);
  }
}

interface Merge {
  dir: string;
  spool: string;
  identity: string;
  tell: Note;
  limits: Limits;
}

/** `none`: there is no delta; `empty`: nothing is in it. */
async function mergeInto(
  target: string,
  { dir, spool, identity, tell, limits }: Merge,
): Promise<LedgerTotals | 'none' | 'empty'> {
  const changes = readChanges(dir, spool, identity, limits);
  if (!changes) return 'none';
  let output: LedgerOutput | undefined;
  let old: LedgerFile | undefined;
  let { damaged } = changes;
  const lost: Note = (text) => {
    damaged ||= text !== unusable(OTHER_SOURCE);
    tell(text);
  };
  try {
    if (changes.fault !== undefined) lost(unusable(changes.fault));
    else if (changes.isEmpty) return 'empty';
    else old = openLedgerFile(dir, identity, lost);
    damaged ||= old?.end?.totals.damaged === true;
    output = new LedgerOutput(target, spool, identity, limits.filesPerLine);
    await writeMerged(output, old, changes);
    return output.publish(damaged);
  } finally {
    changes.close();
    output?.close();
    if (old) closeSync(old.fd);
  }
}

function totalsOf(dir: string, identity: string, note: Note): LedgerTotals {
  const file = openLedgerFile(dir, identity, note);
  if (file) closeSync(file.fd);
  return file?.end?.totals ?? noTotals();
}

/** What a merge that was killed has left. */
function removeLeftovers(dir: string): void {
  const prefix = `${basename(ledgerIn(dir))}.`;
  for (const name of readdirSync(dir))
    if (name.startsWith(prefix) && name.endsWith('.new')) removeIfThere(join(dir, name));
}

const NOTHING: LineCursor<never> = { item: undefined, count: 0, advance: () => {} };

async function writeMerged(output: LedgerOutput, old: LedgerFile | undefined, changes: Changes): Promise<void> {
  const lines = old ? filesOf(old) : NOTHING;
  const oldSeals: LineCursor<Seal> = old ? sealsOf(old) : NOTHING;
  const seals = new SealSweep(oldSeals, changes.claims(), (seal) => output.seal(seal));
  const sweep = new Sweep(lines, new Ahead(changes.files()), seals, output);
  for (let next = sweep.nextDir(); next !== undefined; next = sweep.nextDir()) {
    seals.enter(next);
    while (sweep.step(next)) if (sweep.isLong()) await setImmediate(); // a signal or a request may be waiting
    seals.leave();
  }
  if (old?.end && (lines.count !== old.end.fileLines || oldSeals.count !== old.end.sealLines))
    old.note(unusable('has lost lines'));
}

/** So many lines are merged without a pause. */
const LINES_AT_A_TIME = 50;

class Sweep {
  readonly #lines: LineCursor<FilesLine>;
  readonly #changes: Ahead<Change>;
  readonly #seals: SealSweep;
  readonly #output: LedgerOutput;
  #steps = 0;

  constructor(lines: LineCursor<FilesLine>, changes: Ahead<Change>, seals: SealSweep, output: LedgerOutput) {
    this.#lines = lines;
    this.#changes = changes;
    this.#seals = seals;
    this.#output = output;
  }

  isLong(): boolean {
    return ++this.#steps % LINES_AT_A_TIME === 0;
  }

  nextDir(): EntryKey | undefined {
    const dirs = [this.#lines.item?.dir, this.#changes.next?.dir, this.#seals.nextDir].filter((d) => d !== undefined);
    return dirs.sort(compareKeys)[0];
  }

  /** A line of the ledger with the changes up to its end, or one change. False when the directory has no more. */
  step(dir: EntryKey): boolean {
    const line = this.#lines.item?.dir === dir ? this.#lines.item : undefined;
    if (line) this.#mergeLine(line);
    else {
      const change = this.#changes.in(dir);
      if (!change) return false;
      this.#changes.take();
      this.#settle(dir, change.name, undefined, change);
    }
    return true;
  }

  #mergeLine(line: FilesLine): void {
    const { dir, first, last } = line;
    const change = this.#changes.in(dir);
    const isTouched = change !== undefined && compareKeys(change.name, last) <= 0;
    if (!isTouched && !this.#seals.wants(first, last) && this.#output.passesOn(line)) this.#output.pass(line);
    else {
      for (const row of line.rows() ?? []) {
        this.#settleUpTo(dir, row[0], false);
        const [name] = row;
        const own = this.#changes.in(dir)?.name === name ? this.#changes.take() : undefined;
        this.#settle(dir, name, row, own);
      }
      this.#settleUpTo(dir, last, true);
    }
    this.#lines.advance();
  }

  /** Settles the changes of files that the ledger does not have, before `name` or up to it. */
  #settleUpTo(dir: EntryKey, name: string, inclusive: boolean): void {
    for (;;) {
      const change = this.#changes.in(dir);
      const order = change ? compareKeys(change.name, name) : 1;
      if (order > 0 || (order === 0 && !inclusive)) return;
      this.#changes.take();
      this.#settle(dir, change!.name, undefined, change);
    }
  }

  #settle(dir: EntryKey, name: string, old: Row | undefined, change: Change | undefined): void {
    const row = change ? changed(old, change) : old;
    if (this.#seals.sees(name, row, change?.number) && row) this.#output.add(dir, row);
  }
}
