// Gathers what proves the small files that a worker publishes, as text: cloning an object for each of a thousand files took longer than to
// write them.

import { validatorsOf } from '../../files/proof.js';
import { receivedText } from '../../files/proof-text.js';
import type { ReceivedRows, WantedFile } from '../worker-jobs.js';

export class ReceivedProofs {
  readonly #rows: ReceivedRows[] = [];
  readonly #atMs = Date.now();

  /** `blocks`: the XXH64 of each MiB that was written. Nothing is added where the source's state is not known. */
  add({ dir, entry }: WantedFile, blocks: Uint8Array): void {
    const source = validatorsOf(entry);
    if (!source) return;
    const row = receivedText(entry.name, source, blocks, this.#atMs);
    const last = this.#rows.at(-1);
    if (last?.dir === dir) last.rows += `,${row}`;
    else this.#rows.push({ dir, rows: row });
  }

  rows(): ReceivedRows[] {
    return this.#rows;
  }
}
