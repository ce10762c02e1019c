// What changes at the source from one listing of a final pass to the next, by samples. Waits for nothing and refuses nothing.

import { type EntryKey, joinKey } from '../files/entry.js';
import type { Plan } from '../plan/plan.js';
import { readSlice } from '../spool/spool.js';

/** A bundle holds up to 1,000 files, a slice of big ones a single file. */
const SAMPLED_BUNDLES = 1;
const SAMPLED_BIG = 100;

export class Changes {
  #listings = 0;
  #touched: readonly EntryKey[] = [];
  #sample = new Map<EntryKey, string>();
  #changed: EntryKey | undefined;

  /** A listing: the first files that were touched less than two seconds before it, and what is to be fetched after it, if that is known. */
  note(touched: readonly EntryKey[], plan?: Plan): void {
    const sample = plan ? sampleOf(plan) : new Map<EntryKey, string>();
    this.#changed = [...sample].find(([key, facts]) => this.#isOther(key, facts))?.[0];
    this.#sample = sample;
    this.#touched = touched;
    this.#listings++;
  }

  /** Of the last listing; what was touched before the first one may have come to rest. */
  get touched(): readonly EntryKey[] {
    return this.#touched;
  }

  /** What changed between the last two listings, of which the later one waited until the earlier one's times could be believed. */
  lately(): EntryKey | undefined {
    return this.#listings < 2 ? undefined : (this.#changed ?? this.#touched[0]);
  }

  #isOther(key: EntryKey, facts: string): boolean {
    const before = this.#sample.get(key);
    return before !== undefined && before !== facts;
  }
}

/** Sizes and times as the source has them, so that a destination which cannot hold a time changes nothing here. */
function sampleOf({ spools: { bundle, big } }: Plan): Map<EntryKey, string> {
  const sample = new Map<EntryKey, string>();
  for (const [spool, most] of [
    [bundle, SAMPLED_BUNDLES],
    [big, SAMPLED_BIG],
  ] as const)
    for (const slice of spool.slices.slice(0, most))
      for (const [dir, entries] of readSlice(spool.path, slice))
        for (const { name, size, mtimeNs } of entries) sample.set(joinKey(dir, name), `${size} ${mtimeNs}`);
  return sample;
}
