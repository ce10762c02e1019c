// Applies `--max-delete` during a run: reads the reference with which the source is compared, judges by it, and records it.

import { formatBytes, formatEntries } from '../../amounts.js';
import { LmError } from '../../errors.js';
import type { Emit, Share } from '../../events.js';
import type { EntryKey } from '../../files/entry.js';
import type { Exclusions } from '../../files/listing.js';
import type { Objection } from '../../migration/guards/objections.js';
import type { DeleteLimit } from '../../removals/loss.js';
import {
  noReference,
  type Reference,
  referenceOfHere,
  type Seen,
  whenAccepted,
  whenPassBegins,
  whenPassEnds,
  withBrought,
} from '../../removals/reference.js';
import { judgeRemovals, NOTHING_OUTSIDE, type Outside } from '../../removals/removals.js';
import { readAdoption } from '../../state/adoption.js';
import type { History } from '../../state/journal/history.js';
import { type ReferenceRow, readReference, recordReference } from '../../state/journal/reference.js';
import type { Survey } from '../survey-types.js';

interface RemovalsOptions {
  /** The directory of the instance. */
  dir: string;
  tellsMounts: boolean;
  only: EntryKey | undefined;
  exclusions: Exclusions;
  maxDelete: DeleteLimit;
  /** The limit when no flag is given. */
  usualMaxDelete: DeleteLimit;
  /** See `isFinal` of guards.ts. */
  isFinal: boolean;
  dryRun: boolean;
  history: Pick<History, 'inventory' | 'lastCopy'>;
  emit: Emit;
  object: Objection;
}

export interface Removals {
  /**
   * Throws `refused` when more would be removed than is allowed. 'later': removals come after the downloads that replace them. `outside`:
   * what somebody else has put here; `adopted`: it was given to lm in this run.
   */
  allow(survey: Survey, outside: Outside & { adopted: boolean }): 'now' | 'later';
  /** Called before the first write of a pass. */
  begin(survey: Survey): void;
  /** Called at the end of the last pass, in which `survey` was taken. */
  end(survey: Survey): void;
}

export function createRemovals(options: RemovalsOptions): Removals {
  const {
    dir,
    tellsMounts,
    only,
    maxDelete: limit,
    usualMaxDelete: usual,
    isFinal,
    dryRun,
    history,
    emit,
    object,
  } = options;
  const stored = readReference(dir);
  let reference = typeof stored === 'object' ? fromStored(stored) : undefined;
  let isLost = stored === 'damaged' || (stored === undefined && history.inventory !== undefined);
  let accepted = false;
  let isFirst = true;

  const seen = ({ plan: { counts } }: Survey): Seen => ({
    holdings: counts.holdings,
    roots: Object.fromEntries([...counts.roots].map(([key, { source }]) => [key, source])),
    only,
  });

  /** The reference as far as it is known before this pass. */
  const current = ({ header, plan: { counts } }: Survey): Reference | undefined => {
    if (isLost) return undefined;
    const exclusions = JSON.stringify([options.exclusions, header.exclusions]);
    if (reference && reference.exclusions === exclusions) return withBrought(reference, counts.holdings);
    const fresh = reference ?? noReference(exclusions, wasAdopted(dir, counts.local.entries > 0));
    const hasPasses = reference !== undefined || history.lastCopy !== undefined;
    return hasPasses ? referenceOfHere(counts.holdings, { ...fresh, exclusions }) : fresh;
  };

  const keep = (next: Reference): void => {
    reference = next;
    isLost = false;
    recordReference(dir, headOf(next), rowsOf(next));
  };

  return {
    allow(survey, outside) {
      if (isLost && isFirst) emit({ type: 'warning', text: LOST });
      isFirst = false;
      const before = current(survey);
      reference = before && outside.adopted ? { ...before, adopted: true } : before;
      const { plan } = survey;
      const others = { outside, adopted: outside.adopted };
      const verdict = judgeRemovals({ plan, limit, usual, reference, only, ...others, tellsMounts });
      if (verdict.objection) object(verdict.objection);
      else if (dryRun && only === undefined) reportFinal(survey);
      accepted = verdict.accepted;
      if (verdict.later) emit({ type: 'settings', text: laterText(plan.counts.remove) });
      return verdict.later ? 'later' : 'now';
    },
    begin(survey) {
      if (!reference) return;
      const next = whenPassBegins(accepted ? whenAccepted(reference, seen(survey)) : reference, seen(survey));
      if (survey.plan.counts.download.entries > 0 || survey.plan.counts.remove.entries > 0) keep(next);
      else reference = next;
      accepted = false;
    },
    end(survey) {
      const exclusions = JSON.stringify([options.exclusions, survey.header.exclusions]);
      const { counts } = survey.plan;
      if (survey.totals.errors > 0) {
        // What could not be listed is not lost. But what has come here becomes the reference.
        if (!reference && !isLost)
          keep(referenceOfHere(counts.holdings, noReference(exclusions, wasAdopted(dir, counts.local.entries > 0))));
        return;
      }
      if (isLost && only !== undefined) return;
      keep(whenPassEnds(reference ?? noReference(exclusions, false), seen(survey), limit));
      if (!isFinal && only === undefined) reportFinal(survey);
    },
  };

  /** Reports whether a final pass would be refused. Flags are not remembered, so it is judged by the usual limit. */
  function reportFinal({ plan }: Survey): void {
    const others = { outside: NOTHING_OUTSIDE, adopted: false };
    const { objection } = judgeRemovals({ plan, limit: usual, usual, reference, only, ...others, tellsMounts });
    if (objection) emit({ type: 'warning', text: `a final pass would be refused now: ${objection.message}` });
    else emit({ type: 'settings', text: 'a final pass would not be refused now for what it removes' });
  }
}

/** Before a run is admitted, and in a dry run, there is no record: then entries here mean that it will be adopted. */
const wasAdopted = (dir: string, holdsSomething: boolean): boolean => {
  const how = readAdoption(dir)?.how;
  return how === undefined ? holdsSomething : how === 'adopted';
};

const LOST =
  'the record of what the source held before is lost or damaged: until a pass is complete, --max-delete counts what goes from here';

const laterText = ({ entries, bytes }: Share): string =>
  `${formatEntries(entries)} (${formatBytes(bytes)}) ${entries === 1 ? 'goes' : 'go'} once what replaces them is here`;

/** Explains, for a pass that removes later, why room for both is needed and how to copy without it. */
export function noRoomForBoth(error: unknown, { plan: { counts } }: Survey): unknown {
  if (!(error instanceof LmError) || !error.message.startsWith('not enough')) return error;
  const { entries, bytes } = counts.remove;
  return new LmError(
    'max-delete',
    `there is no room for what replaces ${formatEntries(entries)} (${formatBytes(bytes)})`,
    {
      cause: error,
      details: [error.message, ...error.details],
      hint: 'free some space; or, if they may go before what replaces them is here: --max-delete 100%',
    },
  );
}

const fromStored = ({ head, rows }: Exclude<ReturnType<typeof readReference>, string | undefined>): Reference => ({
  ...head,
  ...(head.limit && { limit: head.limit }),
  roots: new Map(Object.entries(head.roots)),
  dirs: new Map(
    rows.map(([dir, files, bytes, acceptedFiles, acceptedBytes, came, cameBefore]) => [
      dir,
      { last: { files, bytes }, accepted: { files: acceptedFiles, bytes: acceptedBytes }, came, cameBefore },
    ]),
  ),
});

const headOf = ({ dirs: _, roots, ...head }: Reference) => ({ ...head, roots: Object.fromEntries(roots) });

function* rowsOf({ dirs }: Reference): Generator<ReferenceRow> {
  for (const [dir, { last, accepted, came, cameBefore }] of dirs)
    yield [dir, last.files, last.bytes, accepted.files, accepted.bytes, came, cameBefore];
}
