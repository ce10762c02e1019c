// Knows whether files here came from a snapshot of the source. Nothing but their digests can tell then whether they are those of the live
// directory: a file may have been written to in the same tick of the clock after the snapshot was made, and a copy that somebody made of a
// directory may have been made of it while it changed.

import type { Emit } from '../../events.js';
import type { Source } from '../../source/source.js';
import type { History } from '../../state/journal/history.js';
import type { Journal } from '../../state/journal/journal.js';

export interface SnapshotFiles {
  /** Whether every file that looks the same is compared by its digest, now that the live directory is served. */
  readonly needsDigests: boolean;
  /** Called after a survey. `proved`: it saw every entry and read every file, and found all of those the same. */
  surveyed(proved: boolean): void;
  /** Called once both sides are known to be those of this migration, before a pass changes anything: records what follows. */
  accept(): void;
}

/** Without a journal, as in a dry run, nothing is recorded. */
export function createSnapshotFiles(
  { snapshot }: Pick<Source, 'snapshot'>,
  { fromSnapshot }: Pick<History, 'fromSnapshot'>,
  { journal, emit }: { journal: Pick<Journal, 'append'> | undefined; emit: Emit },
): SnapshotFiles {
  const isSnapshot = snapshot !== undefined;
  let pending = fromSnapshot === true;
  let proved = false;
  if (isSnapshot || pending) emit({ type: 'settings', text: isSnapshot ? servedText(snapshot) : COMPARED });
  return {
    get needsDigests() {
      return pending && !isSnapshot;
    },
    surveyed(found) {
      proved = found;
    },
    accept() {
      if (pending === isSnapshot || (pending && !proved)) return;
      journal?.append(isSnapshot ? { type: 'snapshot' } : { type: 'snapshot', proved: true });
      pending = isSnapshot;
    },
  };
}

const servedText = (snapshot: string): string =>
  `the source serves a snapshot of ${snapshot}: the first pass of the live directory compares what is here by digest`;

const COMPARED = 'files here came from a snapshot: all are compared with those of the live directory by digest';
