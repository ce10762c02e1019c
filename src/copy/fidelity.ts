// What this destination cannot keep: tried out once a run, added to by what is set and reads back otherwise, kept for verify and complete.

import type { UnkeptNow } from '../disk/attributes.js';
import { localError } from '../errors.js';
import type { Emit } from '../events.js';
import type { EntryKey } from '../files/entry.js';
import { pathOf, type Roots } from '../files/roots.js';
import { learnFidelity } from '../guards/guard-fidelity.js';
import type { Fidelity } from '../linux/fidelity.js';
import { recordFidelity } from '../state/fidelity.js';

export interface FidelityKeeper {
  readonly fidelity: Fidelity;
  /** Tries it out in the places, the first time it is called, and warns. Whether something is judged otherwise from now on. */
  learn(places: readonly { key: EntryKey; path: string }[]): Promise<boolean>;
  /** Throws `local` for a refusal that no file system is to blame for. */
  note(entries: readonly UnkeptNow[]): void;
  /** On record, if there is or was anything. */
  save(): void;
}

/** `dir` is the instance's; `fidelity` is as its record has it; `owners`: whether this process may give files away. */
export function createFidelityKeeper(
  dir: string,
  fidelity: Fidelity,
  roots: Roots,
  owners: boolean,
  emit: Emit,
): FidelityKeeper {
  let recorded = JSON.stringify(fidelity.record());
  let learned: Promise<boolean> | undefined;

  async function learn(places: readonly { key: EntryKey; path: string }[]): Promise<boolean> {
    const known = JSON.stringify(fidelity.record());
    const found = await learnFidelity(places, owners);
    for (const text of found.warnings) emit({ type: 'warning', text });
    fidelity.setPlaces(found.places);
    return JSON.stringify(fidelity.record()) !== known;
  }

  return {
    fidelity,
    async learn(places) {
      if (learned) return false;
      learned = learn(places);
      return learned;
    },
    note(entries) {
      for (const { refused, ...entry } of entries) {
        if (fidelity.keepsNone(entry)) continue;
        if (refused !== undefined)
          throw localError(
            'set the attributes of',
            pathOf(roots, entry.key),
            Object.assign(new Error(), { code: refused }),
          );
        fidelity.note(entry);
      }
    },
    save() {
      const now = JSON.stringify(fidelity.record());
      if (now === recorded) return;
      recordFidelity(dir, fidelity.record());
      recorded = now;
    },
  };
}
