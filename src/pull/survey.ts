// Both sides listed and compared → a plan and the proofs that came with it. Changes nothing but its own spool.

import { printable } from '../errors.js';
import type { Listing, ListingEnd, ListingHeader } from '../files/entry.js';
import { type BothSidesOptions, listBothSides } from './both-sides.js';
import { type DiffPolicy, diff } from './diff.js';
import { createPlanWriter, type Plan, type PlanOptions, type PlanWriter } from './plan.js';

export interface SurveyOptions extends PlanOptions, BothSidesOptions {
  policy: DiffPolicy;
  /** A directory for the plan. */
  spool: string;
  /** Settles files of equal size by their digests; see `Checks`. */
  compareDigests(writer: PlanWriter, counts: Plan['counts']): Promise<void>;
}

export interface Survey {
  plan: Plan;
  header: ListingHeader;
  /** The source's proof: without it, or with errors in it, nothing may be removed. */
  proof: ListingEnd;
}

/** Throws what `listBothSides` and its proof throw. */
export async function survey(list: () => Promise<Listing>, options: SurveyOptions): Promise<Survey> {
  const { header, source, local, prove } = await listBothSides(list, options);
  const writer = createPlanWriter(options.spool, options);
  try {
    const counts = await diff(source, local, options.policy, writer);
    // Here the promise is kept that a listing which breaks off, or was damaged anywhere, costs no data: not a file is made, replaced or
    // removed before both listings have come to their ends, each of their lines proved to be as it was sent.
    const proof = prove();
    tellUnread(proof, options);
    tellSpecial(counts, options);
    await options.compareDigests(writer, counts);
    return { plan: writer.finish(counts), header, proof };
  } catch (error) {
    writer.abandon(); // it may be tried again
    throw error;
  }
}

/** Named, because nothing is removed until they can be read. */
function tellUnread({ errors, firstErrors }: ListingEnd, { emit }: SurveyOptions): void {
  if (errors === 0) return;
  const some = firstErrors.map(({ key, message }) => `${printable(key)} (${printable(message)})`).join(', ');
  const more = errors > firstErrors.length ? ', …' : '';
  emit({ type: 'warning', text: `the source could not read ${errors} of its entries: ${some}${more}` });
}

function tellSpecial({ special, firstSpecial }: Plan['counts'], { emit }: SurveyOptions): void {
  if (special === 0) return;
  const some = firstSpecial.map(printable).join(', ') + (special > firstSpecial.length ? ', …' : '');
  emit({ type: 'warning', text: `${special} sockets, pipes or devices at the source are not copied: ${some}` });
}
