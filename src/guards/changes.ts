// Compares samples of the listings of a final pass, and finds what changes at the source from one listing to the next.

import { type EntryKey, joinKey } from '../files/entry.js';
import type { Plan } from '../plan/plan.js';
import { readSlice } from '../spool/spool.js';

/** A bundle holds up to 1,000 files, a slice of big ones a single file. */
const SAMPLED_BUNDLES = 1;
const SAMPLED_BIG = 100;

export class SourceChanges {
  #listings = 0;
  #recent: readonly EntryKey[] = [];
  #sample = new Map<EntryKey, string>();
  #changed: EntryKey | undefined;

  /** Records a listing: the first files that had changed less than two seconds before it, and the plan made of it, if there is one. */
  record(recent: readonly EntryKey[], plan?: Plan): void {
    const sample = plan ? sampleOf(plan) : new Map<EntryKey, string>();
    this.#changed = [...sample].find(([key, facts]) => this.#isOther(key, facts))?.[0];
    this.#sample = sample;
    this.#recent = recent;
    this.#listings++;
  }

  /** The files that had changed just before the last listing; those of earlier listings may have stopped changing. */
  get recent(): readonly EntryKey[] {
    return this.#recent;
  }

  /** A file that changed between the last two listings. The later one waited until the times in the earlier one proved something. */
  changedKey(): EntryKey | undefined {
    return this.#listings < 2 ? undefined : (this.#changed ?? this.#recent[0]);
  }

  #isOther(key: EntryKey, facts: string): boolean {
    const before = this.#sample.get(key);
    return before !== undefined && before !== facts;
  }
}

/** Sizes and times as the source lists them, so that a destination which cannot keep a time makes no difference. */
function sampleOf({ spools: { bundle, big } }: Plan): Map<EntryKey, string> {
  const sample = new Map<EntryKey, string>();
  for (const [spool, max] of [
    [bundle, SAMPLED_BUNDLES],
    [big, SAMPLED_BIG],
  ] as const)
    for (const slice of spool.slices.slice(0, max))
      for (const [dir, entries] of readSlice(spool.path, slice))
        for (const { name, size, mtimeNs } of entries) sample.set(joinKey(dir, name), `${size} ${mtimeNs}`);
  return sample;
}
