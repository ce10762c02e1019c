// Folds the records of a migration's evidence into the runs that they tell of. Pure.

import type { EvidenceLines } from './evidence-file.js';
import type { EvidenceCommand, EvidenceRecord, SourceEvidence } from './records.js';
import type { Folded, RunEvidence } from './runs.js';

export function foldEvidence({ records, damaged }: EvidenceLines): Folded {
  const runs = new Map<string, RunEvidence>();
  const folded: Folded = { runs: [], missing: { damagedLines: damaged, series: 0, records: 0, runsWithoutEnd: 0 } };
  for (const { atMs, record } of records) {
    switch (record.type) {
      case 'completed': {
        const { waived, by } = record;
        folded.completed = { atMs, waived, ...(by !== undefined && { by }) };
        break;
      }
      case 'ended':
        folded.ended = { atMs, how: record.how };
        break;
      case 'trimmed':
        folded.missing.series += record.series;
        folded.missing.records += record.records;
        break;
      case 'source':
        folded.source = sourceIn(record);
        break;
      default:
        if ('run' in record) addTo(runOf(runs, record, atMs), record, atMs); // a later lm may write other records
    }
  }
  folded.runs = [...runs.values()];
  folded.missing.runsWithoutEnd = folded.runs.filter(({ endedAtMs }) => endedAtMs === undefined).length;
  return folded;
}

const sourceIn = ({ url, agentId, machine }: SourceEvidence): SourceEvidence => ({ url, agentId, machine });

type RunRecord = Exclude<EvidenceRecord, { type: 'completed' | 'ended' | 'trimmed' | 'source' }>;

/** The record of its beginning may have been left out of a file that grew too long. */
function runOf(runs: Map<string, RunEvidence>, record: RunRecord, atMs: number): RunEvidence {
  const known = runs.get(record.run);
  if (known) return known;
  const command: EvidenceCommand =
    record.type === 'run-started' ? record.command : record.type === 'verified' ? 'verify' : 'copy';
  const about = { run: record.run, command, beganAtMs: atMs, settings: [], moreWarnings: 0 };
  const run: RunEvidence = { ...about, passes: [], removals: [], checks: [], limits: [], warnings: [] };
  runs.set(record.run, run);
  return run;
}

function addTo(run: RunEvidence, record: RunRecord, atMs: number): void {
  switch (record.type) {
    case 'run-started':
      run.host = record.host;
      run.settings = record.settings;
      return;
    case 'pass': {
      const { beganMs, pass, times, series = [] } = record;
      run.passes.push({ beganAtMs: beganMs, endedAtMs: atMs, pass, times, series });
      return;
    }
    case 'removed': {
      const { iteration, entries, bytes, first } = record;
      run.removals.push({ iteration, entries, bytes, first });
      return;
    }
    case 'checked': {
      const { which, iteration, check } = record;
      run.checks.push({ which, iteration, atMs, check });
      return;
    }
    case 'limited': {
      const { by, text, bytesPerSecond } = record;
      run.limits.push({ atMs, by, text, bytesPerSecond });
      return;
    }
    case 'warned': {
      const { text, details } = record;
      run.warnings.push({ atMs, text, ...(details && { details }) });
      return;
    }
    case 'warned-more':
      run.moreWarnings = record.more;
      return;
    case 'copied':
      run.copy = record.report;
      return;
    case 'verified': {
      const { type: _, run: __, beganMs, series = [], ...verified } = record;
      // It is recorded after its post-check, which compares nothing.
      const postCheck = run.checks.findLast(({ which }) => which === 'post-check');
      const endedAtMs = postCheck ? Math.max(beganMs, postCheck.atMs - postCheck.check.elapsedMs) : atMs;
      run.verification = { ...verified, beganAtMs: beganMs, endedAtMs, series };
      return;
    }
    case 'run-ended': {
      const { type: _, run: __, ...ending } = record;
      Object.assign(run, { endedAtMs: atMs, ...ending });
      return;
    }
  }
}
