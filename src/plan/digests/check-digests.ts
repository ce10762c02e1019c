// Compares by digest the files of equal size whose times prove nothing, before the plan is finished.

import { rootOf } from '../../files/entry.js';
import { readSlice, type Slice, type Spool } from '../../spool/spool.js';
import { countDownload, countMatching, type PlanCounts, takeRoom } from '../counts.js';
import type { DiffPolicy } from '../differences.js';
import type { PlanWriter } from '../plan.js';
import type { YoungFiles } from '../young-files.js';
import type { PairedDigests, PairOfFiles } from './paired-digests.js';

/** How files are compared by digest, sweep after sweep, each in the order of a listing. */
export interface CheckedFiles extends Pick<PairedDigests, 'bytesRead'> {
  begin(): Promise<CheckSweep>;
}

interface CheckSweep {
  /** In the order of `pairs`. `reads.local` is false for files that were not read here. */
  compare(
    pairs: readonly PairOfFiles[],
    signal: AbortSignal,
  ): Promise<{ equal: boolean; young: boolean; reads?: { local: boolean } }[]>;
  close(): void;
}

/** `bytesReused`: of files that did not have to be read here; they are among `bytesDone`. */
export interface CheckProgress {
  bytesDone: number;
  bytesTotal: number;
  bytesReused: number;
  filesDone: number;
  filesTotal: number;
}

interface CheckOptions extends Pick<DiffPolicy, 'keepsReplaced' | 'mountOf'> {
  young: Pick<YoungFiles, 'compared'>;
  /** Called at least twice where there is a file to compare. */
  progress(now: CheckProgress): void;
  signal: AbortSignal;
}

/**
 * Adds files that differ to the plan with the reason `digest`, and equal ones with other attributes with the attribute that differs. Reports
 * equal files to `young`. Returns how many differ.
 */
export async function checkDigests(
  writer: PlanWriter,
  counts: PlanCounts,
  files: CheckedFiles,
  { keepsReplaced, mountOf = rootOf, young, progress, signal }: CheckOptions,
): Promise<number> {
  const checks = [...writer.checks()].filter(([, spool]) => spool.slices.length > 0);
  const report = startProgress(
    checks.flatMap(([, { slices }]) => slices),
    files,
    progress,
  );
  let differing = 0;
  try {
    for (const [fix, spool] of checks) {
      const sweep = await files.begin();
      try {
        for (const slice of spool.slices) {
          const pairs = pairsOf(spool, slice);
          const compared = await sweep.compare(pairs, signal);
          report.done(pairs, compared);
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
            } else if (fix) {
              counts.fix++;
              writer.fix(dir, source, fix, local);
            }
          }
        }
      } finally {
        sweep.close();
      }
    }
  } finally {
    report.end();
  }
  return differing;
}

const PROGRESS_MS = 250;

/** Both entries of each file are in the slices. */
function startProgress(slices: readonly Slice[], files: CheckedFiles, progress: CheckOptions['progress']) {
  const bytesTotal = slices.reduce((sum, { bytes }) => sum + bytes, 0) / 2;
  const filesTotal = slices.reduce((sum, { entries }) => sum + entries, 0) / 2;
  const readBefore = files.bytesRead();
  let filesDone = 0;
  let bytesReused = 0;
  const report = (): void => {
    const bytesDone = Math.min(bytesTotal, files.bytesRead() - readBefore + bytesReused);
    if (filesTotal > 0) progress({ bytesDone, bytesTotal, bytesReused, filesDone, filesTotal });
  };
  report();
  const timer = setInterval(report, PROGRESS_MS);
  return {
    done(pairs: readonly PairOfFiles[], compared: readonly { reads?: { local: boolean } }[]): void {
      filesDone += pairs.length;
      for (const [i, { source }] of pairs.entries())
        if (compared[i]!.reads?.local === false) bytesReused += Number(source.size);
    },
    end(): void {
      clearInterval(timer);
      report();
    },
  };
}

/** A slice has two entries for each file. It never separates them, because its limit of entries is even. */
function pairsOf(spool: Spool, slice: Slice): PairOfFiles[] {
  const entries = readSlice(spool.path, slice).flatMap(([dir, all]) => all.map((entry) => ({ dir, entry })));
  const pairs: PairOfFiles[] = [];
  for (let i = 0; i < entries.length; i += 2)
    pairs.push({ dir: entries[i]!.dir, source: entries[i]!.entry, local: entries[i + 1]!.entry });
  return pairs;
}
