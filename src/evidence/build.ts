// Builds the document of a migration's evidence from its records. Pure.

import { downtimeOf } from '../state/evidence/downtime.js';
import type { EvidenceLines } from '../state/evidence/evidence-file.js';
import { foldEvidence } from '../state/evidence/fold.js';
import type { RunEvidence } from '../state/evidence/runs.js';
import type { EvidenceDocument, Refusal, Waiver } from './document.js';

type Place = Pick<EvidenceDocument, 'instance' | 'role' | 'roots' | 'file' | 'earlier'>;

export function buildDocument(place: Place, lines: EvidenceLines): EvidenceDocument {
  const { runs, ...folded } = foldEvidence(lines);
  const host = runs.findLast((run) => run.host)?.host;
  const downtime = downtimeOf(runs);
  const manifest = manifestIn(runs);
  return {
    ...place,
    ...folded,
    ...(host && { host }),
    runs,
    refusals: runs.flatMap(refusalIn),
    waivers: [...runs.flatMap(waiversIn), ...waivedByCompletion(folded.completed, runs)],
    ...(downtime && { downtime }),
    ...(manifest && { manifest }),
  };
}

const REFUSED = 6;

function refusalIn(run: RunEvidence): Refusal[] {
  const { command, endedAtMs, exitCode, message = '', details = [], hint } = run;
  if (exitCode !== REFUSED || endedAtMs === undefined) return [];
  return [{ run: run.run, atMs: endedAtMs, command, message, details, ...(hint !== undefined && { hint }) }];
}

/** Options that loosen a guard, compare less, or leave something out. */
const WAIVERS: ReadonlySet<string> = new Set([
  ...['adopt', 'new-source', 'allow-running', 'allow-live-source', 'allow-txn-logs', 'allow-damaged-at-source'],
  ...['unverified', 'max-delete', 'without', 'only'],
]);

function waiversIn({ run, command, beganAtMs, settings }: RunEvidence): Waiver[] {
  return settings
    .filter(({ name, value }) => WAIVERS.has(name) || (name === 'diff' && value === 'size'))
    .filter(({ value }) => value !== 'false')
    .map(({ name, value, where, source }) => ({
      ...{ run, atMs: beganAtMs, command },
      what: value === 'true' ? `--${name}` : `--${name} ${typeof value === 'string' ? value : value.join(', ')}`,
      where: source === 'flag' ? 'on the command line' : where,
    }));
}

function waivedByCompletion(completed: EvidenceDocument['completed'], runs: readonly RunEvidence[]): Waiver[] {
  if (!completed) return [];
  const run = runs.findLast(({ command, exitCode }) => command === 'complete' && exitCode === 0)?.run;
  return completed.waived.map((what) => ({
    ...(run !== undefined && { run }),
    ...{ atMs: completed.atMs, command: 'complete', what: `without ${what}` },
  }));
}

/** Of the last verification that left one. It is outdated once a later copy may have changed something. */
function manifestIn(runs: readonly RunEvidence[]): EvidenceDocument['manifest'] {
  const at = runs.findLastIndex(({ verification }) => verification?.manifest);
  const verification = runs[at]?.verification;
  if (!verification?.manifest) return undefined;
  const outdated = runs.slice(at + 1).some(mayHaveChanged);
  return { ...verification.manifest, run: runs[at]!.run, atMs: verification.endedAtMs, outdated };
}

const mayHaveChanged = ({ command, passes, endedAtMs }: RunEvidence): boolean =>
  command === 'copy' &&
  (endedAtMs === undefined || passes.some(({ pass }) => pass.filesToDownload > 0 || pass.filesRemoved > 0));
