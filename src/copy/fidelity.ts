// Learns what this destination cannot keep: tests its file systems once a run, adds attributes that read back otherwise than they were set,
// and records all of it for verify and complete.

import type { UnkeptNow } from '../disk/attributes.js';
import { localError } from '../errors.js';
import type { Emit } from '../events.js';
import type { EntryKey } from '../files/entry.js';
import { pathOf, type Roots } from '../files/roots.js';
import { testFidelity } from '../guards/guard-fidelity.js';
import type { Fidelity } from '../linux/fidelity.js';
import { recordFidelity } from '../state/fidelity.js';

export interface FidelityKeeper {
  readonly fidelity: Fidelity;
  /** Tests these directories at the first call, and warns of what they do not keep. Resolves to whether that was news. */
  learn(directories: readonly { key: EntryKey; path: string }[]): Promise<boolean>;
  /** Takes note of attributes that were not kept. Throws `local` for a refusal that no file system explains. */
  note(entries: readonly UnkeptNow[]): void;
  /** Writes the record if it has changed. */
  save(): void;
}

/** `dir` is the directory of the instance, `fidelity` what its record holds; `owners`: whether this process may give files away. */
export function createFidelityKeeper(
  dir: string,
  fidelity: Fidelity,
  roots: Roots,
  owners: boolean,
  emit: Emit,
): FidelityKeeper {
  let recorded = JSON.stringify(fidelity.record());
  let learned: Promise<boolean> | undefined;

  async function learn(directories: readonly { key: EntryKey; path: string }[]): Promise<boolean> {
    const known = JSON.stringify(fidelity.record());
    const found = await testFidelity(directories, owners);
    for (const text of found.warnings) emit({ type: 'warning', text });
    fidelity.setFileSystems(found.places);
    return JSON.stringify(fidelity.record()) !== known;
  }

  return {
    fidelity,
    async learn(directories) {
      if (learned) return false;
      learned = learn(directories);
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
