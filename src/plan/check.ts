// Files of equal size whose times are no proof, told apart by their digests before the plan is closed. Transfers nothing.

import { rootOf } from '../files/entry.js';
import { readSlice, type Slice, type Spool } from '../spool/spool.js';
import { countDownload, countMatching, type PlanCounts, takeRoom } from './counts.js';
import type { DiffPolicy } from './differences.js';
import type { DigestBoth, PairOfFiles } from './digest-both.js';
import type { PlanWriter } from './plan.js';
import type { YoungFiles } from './young-files.js';

/**
 * Adds what differs to the plan as `digest`, and what only needs new attributes with the reason they were set aside for. Files that are equal are settled, or become
 * young. Returns how many differ.
 */
export async function checkDigests(
  writer: PlanWriter,
  counts: PlanCounts,
  digests: DigestBoth,
  { keepsReplaced, mountOf = rootOf }: Pick<DiffPolicy, 'keepsReplaced' | 'mountOf'>,
  signal: AbortSignal,
  young: Pick<YoungFiles, 'compared'>,
): Promise<number> {
  let differing = 0;
  for (const [mend, spool] of writer.checks())
    for (const slice of spool.slices) {
      const pairs = pairsOf(spool, slice);
      const compared = await digests.compare(pairs, signal);
      young.compared(
        pairs.flatMap(({ dir, source: entry }, i) =>
          compared[i]!.equal ? [{ dir, entry, young: compared[i]!.young }] : [],
        ),
      );
      for (const [i, { dir, source, local }] of pairs.entries()) {
        if (compared[i]!.equal) countMatching(counts, dir, source);
        else countDownload(counts, dir, source);
        if (!compared[i]!.equal) {
          differing++;
          takeRoom(counts, mountOf(dir), source, keepsReplaced ? undefined : local);
          writer.fetch(dir, source, 'digest');
        } else if (mend) {
          counts.fix++;
          writer.fix(dir, source, mend, local);
        }
      }
    }
  return differing;
}

/** A slice holds two entries a file, and never parts them: its limit of entries is even. */
function pairsOf(spool: Spool, slice: Slice): PairOfFiles[] {
  const entries = readSlice(spool.path, slice).flatMap(([dir, all]) => all.map((entry) => ({ dir, entry })));
  const pairs: PairOfFiles[] = [];
  for (let i = 0; i < entries.length; i += 2)
    pairs.push({ dir: entries[i]!.dir, source: entries[i]!.entry, local: entries[i + 1]!.entry });
  return pairs;
}
