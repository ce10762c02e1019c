// Files of equal size whose times are no proof, told apart by their digests before the plan is closed. Transfers nothing.

import { rootOf } from '../files/entry.js';
import { type PlanCounts, takeRoom } from './counts.js';
import type { DiffPolicy } from './diff.js';
import type { DigestBoth, PairOfFiles } from './digest-both.js';
import type { PlanWriter } from './plan.js';
import { readSlice, type Slice, type Spool } from './spool.js';

/** Adds what differs to the plan as `digest`, and what only needs new attributes as `mtime`. Returns how many differ. */
export async function checkDigests(
  writer: PlanWriter,
  counts: PlanCounts,
  digests: DigestBoth,
  { keepsReplaced }: Pick<DiffPolicy, 'keepsReplaced'>,
  signal: AbortSignal,
): Promise<number> {
  let differing = 0;
  const { right, toMend } = writer.checks();
  for (const spool of [right, toMend])
    for (const slice of spool.slices) {
      const pairs = pairsOf(spool, slice);
      const compared = await digests.compare(pairs, signal);
      for (const [i, { dir, source, local }] of pairs.entries()) {
        const bytes = Number(source[1]);
        const share = compared[i]!.equal ? counts.matching : counts.download;
        share.entries++;
        share.bytes += bytes;
        if (!compared[i]!.equal) {
          differing++;
          takeRoom(counts, rootOf(dir), source, keepsReplaced ? undefined : local);
          writer.fetch(dir, source, 'digest');
        } else if (spool === toMend) {
          counts.fix++;
          writer.fix(dir, source, 'mtime');
        }
      }
    }
  return differing;
}

/** A slice holds two rows a file, and never parts them: its limit of entries is even. */
function pairsOf(spool: Spool, slice: Slice): PairOfFiles[] {
  const rows = readSlice(spool.path, slice).flatMap(([dir, all]) => all.map((row) => ({ dir, row })));
  const pairs: PairOfFiles[] = [];
  for (let i = 0; i < rows.length; i += 2)
    pairs.push({ dir: rows[i]!.dir, source: rows[i]!.row, local: rows[i + 1]!.row });
  return pairs;
}
