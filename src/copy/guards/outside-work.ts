// Finds the work of somebody else in a destination that lm keeps, before anything changes, and records what a pass leaves here.

import { dirname } from 'node:path';
import { LmError, printable } from '../../errors.js';
import type { Emit } from '../../events.js';
import { type EntryKey, isWithin } from '../../files/entry.js';
import type { Roots } from '../../files/roots.js';
import { findOutsideChanges, type OutsideChanges } from '../../guards/outside-changes.js';
import { mergeIntoWalk } from '../../guards/stored-walk.js';
import type { Objection } from '../../migration/guards/objections.js';
import type { Plan } from '../../plan/plan.js';
import { type EntriesOfDir, entriesOf, type SpooledLine } from '../../spool/spool.js';
import type { History } from '../../state/journal/history.js';
import {
  type Inventory,
  readInventory,
  readLines,
  readPlanned,
  recordInventory,
  recordPlanned,
  removePlanned,
  type WalkedLines,
} from '../../state/journal/inventory.js';
import type { Journal } from '../../state/journal/journal.js';
import type { Survey } from '../survey-types.js';

interface OutsideWorkOptions {
  /** The directory of the instance. */
  dir: string;
  run: string;
  roots: Roots;
  only: EntryKey | undefined;
  /** What is found is accepted and given to lm. */
  adopt: boolean;
  history: Pick<History, 'inventory' | 'unsynced'>;
  /** Undefined for a dry run, which records nothing. */
  journal: Journal | undefined;
  emit: Emit;
  object: Objection;
}

export interface OutsideWork {
  /** Returns what somebody else has done here since the last complete pass. Throws `refused` for it after a final pass. */
  judge(survey: Survey): Promise<OutsideChanges>;
  /** Called before the first write of a pass: records what it will write, so that it passes for lm's own if the run breaks off. */
  begin(survey: Survey): Promise<void>;
  /** Called at the end of the last pass, in which `survey` was taken. `final`: it was a final pass that succeeded. */
  end(survey: Survey, final: boolean): Promise<void>;
}

export const NO_CHANGES: OutsideChanges = {
  entries: 0,
  remove: { entries: 0, bytes: 0 },
  lost: { entries: 0, bytes: 0 },
  first: [],
  gone: 0,
  firstGone: [],
};

export function createOutsideWork(options: OutsideWorkOptions): OutsideWork {
  const { dir, run, roots, only, adopt, history, journal, emit, object } = options;
  const everywhere = roots.map(({ key }) => key);
  let known = readInventory(dir, history.inventory !== undefined);
  const hadFinal = (): boolean => (known === 'damaged' ? (history.inventory?.final ?? true) : known?.final === true);
  /** What is here was given with --adopt, or is all at the source as well: to be recorded before anything changes. */
  let accepted = false;
  let isFirst = true;
  let named = 0;

  const find = async ({ plan, walk }: Survey): Promise<OutsideChanges> => {
    if (known === undefined || (known !== 'damaged' && isSame(known, walk))) return NO_CHANGES;
    return findOutsideChanges({
      known:
        known === 'damaged'
          ? { lines: [], within: everywhere }
          : { lines: readLines(known.path), within: known.within },
      walk: readLines(walk.path),
      only,
      plan,
      crashed: history.unsynced.length > 0,
      planned: known === 'damaged' ? [] : plannedBy(dir, known.run),
    });
  };

  const record = async ({ walk }: Survey, final: boolean): Promise<void> => {
    accepted = false;
    if (known === 'damaged' && only !== undefined) return; // nothing is known yet about the other keys
    const before = known === 'damaged' ? undefined : known;
    const part = only !== undefined && before ? { only, before } : undefined;
    const lines = part
      ? await mergeIntoWalk(readLines(part.before.path), readLines(walk.path), part.only, dirname(walk.path))
      : walk;
    const within = part ? joined(part.before.within, part.only) : only === undefined ? everywhere : [only];
    const inventory: Inventory = { run, final: final || hadFinal(), within, ...lines };
    if (before && isSame(before, inventory)) {
      if (before.final === inventory.final && `${before.within}` === `${within}`) return removePlanned(dir);
      inventory.path = before.path;
    }
    known = { ...inventory, path: recordInventory(dir, inventory) };
    journal?.append({ type: 'inventory', run, final: known.final, sum: known.sum });
  };

  return {
    async judge(survey) {
      if (known === 'damaged' && isFirst) emit({ type: 'warning', text: DAMAGED });
      const found = await find(survey);
      if (found.gone > 0 && isFirst) warnGone(found, emit);
      isFirst = false;
      accepted = adopt ? found.entries > 0 : known === 'damaged' && found.entries === 0;
      if (found.entries > 0 && hadFinal() && !adopt) object(refusal(found));
      else if (found.entries > named) emit({ type: 'warning', text: warning(found, adopt) });
      named = Math.max(named, found.entries);
      return found;
    },
    async begin(survey) {
      if (accepted) await record(survey, false);
      if (known !== undefined && known !== 'damaged') recordPlanned(dir, known.run, plannedIn(survey.plan));
    },
    end: record,
  };
}

/** The lines are those of a pass's spools. */
function* plannedBy(dir: string, run: string): Generator<EntriesOfDir> {
  for (const line of readPlanned(dir, run)) yield entriesOf(line as SpooledLine);
}

const isSame = (a: WalkedLines, b: WalkedLines): boolean => a.sum === b.sum && a.bytes === b.bytes;

const joined = (within: EntryKey[], only: EntryKey): EntryKey[] =>
  within.some((key) => isWithin(only, key)) ? within : [...within.filter((key) => !isWithin(key, only)), only];

const plannedIn = ({ spools: { mkdir, bundle, big, fix } }: Plan): string[] =>
  [mkdir, bundle, big, fix].map(({ path }) => path);

const DAMAGED =
  'the record of what the last complete pass left here is lost or damaged: whatever is here and not so at the source is taken for the work of somebody else';

function refusal({ entries, first }: OutsideChanges): LmError {
  const more = entries > first.length ? [`and ${entries - first.length} more`] : [];
  return new LmError(
    'outside-work',
    `${countText(entries)} here since the last complete pass by somebody other than lm`,
    {
      details: [...first.map(({ key, work }) => `${work.padEnd(8)}  ${printable(key)}`), ...more],
      hint: 'did the service run here? --adopt gives all of it to lm, which then makes this the same as the source (--backup-dir DIR keeps what goes)',
    },
  );
}

function warning({ entries, first }: OutsideChanges, adopted: boolean): string {
  const some = first.map(({ key, work }) => `${printable(key)} (${work})`).join(', ');
  const what = adopted ? 'given to lm by --adopt' : 'what is removed or replaced of it counts for --max-delete';
  const more = entries > first.length ? ', …' : '';
  return `${countText(entries)} here since the last complete pass by somebody other than lm; ${what}: ${some}${more}`;
}

const countText = (entries: number): string =>
  entries === 1 ? '1 entry was written' : `${entries} entries were written`;

function warnGone({ gone, firstGone }: OutsideChanges, emit: Emit): void {
  const some = firstGone.map(printable).join(', ') + (gone > firstGone.length ? ', …' : '');
  emit({
    type: 'warning',
    text: `${gone === 1 ? '1 entry' : `${gone} entries`} left by the last complete pass went from here and will be copied again: ${some}`,
  });
}
