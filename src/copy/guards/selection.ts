// Refuses a run that selects nothing, and names what could be meant: a key that exists on neither side is a typing error, and a source
// without entries is most likely a disk that is not mounted.

import { readdirSync } from 'node:fs';
import { formatCount, formatSpecial } from '../../amounts.js';
import { LmError, printable } from '../../errors.js';
import { type EntryKey, joinKey, rootOf } from '../../files/entry.js';
import type { Exclusions } from '../../files/listing.js';
import { pathOf, type Roots } from '../../files/roots.js';
import { nearest } from '../../settings/values/nearest.js';
import type { Selected } from '../../sides/selected-key.js';
import type { Source } from '../../source/source.js';
import type { CopyMigration } from '../copy-migration.js';
import type { Survey } from '../survey-types.js';

/** Called before the first request to the source. Throws `usage`. */
export function refuseUnknownRoot(only: EntryKey | undefined, roots: Roots): void {
  const keys = roots.map(({ key }) => key);
  if (only === undefined || keys.includes(rootOf(only))) return;
  const guess = nearest(rootOf(only), keys);
  throw new LmError('only-key', `--only: there is no ${rootOf(only)} here, only ${keys.join(', ')}`, {
    ...(guess !== undefined && { hint: `did you mean ${guess}${printable(only.slice(rootOf(only).length))}?` }),
  });
}

export interface SelectionGuard {
  /** Throws `usage` for a key that neither side has, and `refused` when there is nothing to copy at all. */
  check(survey: Survey): Promise<void>;
}

/** A key that was found once in the run may later disappear on both sides. */
export function createSelectionGuard(
  source: Source,
  { roots, settings }: Pick<CopyMigration, 'roots' | 'settings'>,
  signal: AbortSignal,
): SelectionGuard {
  let wasFound = false;
  return {
    async check(survey) {
      const { selected, totals } = survey;
      wasFound ||= selected?.found() !== false;
      if (totals.errors > 0) return; // the key may be among what could not be read
      if (selected && !wasFound) throw await notFound(selected, source, roots, signal);
      refuseNothing(survey);
      refuseNoFiles(survey, settings.exclusions);
    },
  };
}

async function notFound(selected: Selected, source: Source, roots: Roots, signal: AbortSignal): Promise<LmError> {
  const { key, isExcluded } = selected;
  if (isExcluded)
    return new LmError('only-key', `--only: ${printable(key)} is excluded`, {
      hint: 'see exclude, files_to_exclude and dirs_to_exclude on both hosts',
    });
  const above = selected.reached();
  const name = key.slice(above.length + 1).split('/', 1)[0]!;
  const names = [...new Set([...(await namesAtSource(source, above, signal)), ...namesHere(roots, above)])].sort();
  return new LmError('only-key', `--only: neither side has ${printable(key)}`, { hint: hintOf(above, name, names) });
}

const SHOWN = 5;

/** The directory of a table is its name and an id, which nobody types. */
function hintOf(above: EntryKey, name: string, names: string[]): string {
  const guess = nearest(name, names) ?? names.find((each) => each.startsWith(`${name}-`));
  if (guess !== undefined) return `did you mean ${printable(joinKey(above, guess))}?`;
  if (names.length === 0) return `${printable(above)} is empty on both sides`;
  const some = names.slice(0, SHOWN).map(printable).join(', ');
  return `${printable(above)} holds ${some}${names.length > SHOWN ? ', …' : ''}`;
}

/** The names in a directory of the source; as many as were listed when that fails, because they are for a suggestion only. */
async function namesAtSource(source: Source, dir: EntryKey, signal: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  try {
    const { blocks } = await source.list({ only: dir }, signal);
    for await (const listed of blocks) {
      const block = listed.block();
      if (block?.dir === dir) names.push(...block.entries.map(({ name }) => name));
      else if (block?.dir.startsWith(`${dir}/`)) break; // the directory itself has been listed
    }
  } catch {
    signal.throwIfAborted();
  }
  return names;
}

function namesHere(roots: Roots, dir: EntryKey): string[] {
  try {
    return readdirSync(pathOf(roots, dir));
  } catch {
    return [];
  }
}

/** Refuses when exclusions leave directories and no file. */
function refuseNoFiles({ header, plan, leftOut }: Survey, own: Exclusions): void {
  const globs = [...(own.exclude ?? []), ...(header.exclusions.exclude ?? [])];
  const excluded = leftOut.excludedAtSource.entries;
  if (globs.length === 0 || excluded === 0 || plan.counts.files > 0) return;
  throw new LmError('all-excluded', 'what is excluded leaves no file to copy', {
    details: [`${formatCount(excluded, 'entry is', 'entries are')} excluded at the source`],
    hint: `see --exclude on both hosts: ${globs.map(printable).join(', ')}`,
  });
}

/** Extraneous entries are judged by other guards. The directories above a selected key are not counted as selected. */
function refuseNothing({ plan, selected, totals }: Survey): void {
  const { total, remove, special } = plan.counts;
  const onTheWay = selected ? Math.max(0, selected.key.split('/').length - 3) : 0;
  if (total.entries > onTheWay || remove.entries > 0) return;
  const beside = [
    ...(totals.excluded > 0 ? [`${formatCount(totals.excluded, 'entry is', 'entries are')} excluded there`] : []),
    ...(special > 0 ? [formatSpecial(special)] : []),
  ];
  throw new LmError('source-empty', 'the source lists nothing that could be copied', {
    details: beside,
    hint: 'is its disk mounted, and is this the directory you mean?',
  });
}
