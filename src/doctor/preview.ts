// Makes a dry run of a copy below 1.0, and takes all that its guards object to, and all that it would warn of, as findings. So the doctor
// asks what a copy asks, in the same order and the same words.

import { startCopy } from '../copy/run.js';
import type { ErrorKind } from '../errors/kinds.js';
import { LmError } from '../errors.js';
import type { Emit, Event } from '../events.js';
import type { Destination } from '../migration/destination.js';
import { WOULD_REFUSE } from '../migration/guards/objections.js';
import type { User } from '../migration/user.js';
import { leftOutRows } from '../render/rows/left-out.js';
import { ownersTexts } from '../render/rows/owners.js';
import { sstableRows } from '../render/rows/sstables.js';
import type { CopyReport } from '../report/copy-report.js';
import type { Forecast } from '../report/forecast.js';
import type { OwnersReport, Share } from '../report/parts.js';
import { type Code, type Finding, failed, note, ok, warning } from './finding.js';

export interface Preview {
  findings: Finding[];
  /** What a copy would fetch; undefined where it would not come to a plan. */
  fetch: Share | undefined;
  /** How long both sides took to list. */
  listMs: number;
  /** Undefined before a copy has shown how fast it is. */
  finalPass: Forecast | undefined;
}

/** `migration` is a dry run. Throws the signal's reason. */
export async function previewCopy(
  migration: Destination<'copy'> & { user: User },
  signal: AbortSignal,
): Promise<Preview> {
  const findings: Finding[] = [];
  let listMs = 0;
  let finalPass: Forecast | undefined;
  const emit: Emit = (event) => {
    if (event.type === 'warning') findings.push(...(isAboutProcesses(event) ? [] : [warned(event)]));
    else if (event.type === 'owners') findings.push(ownersFinding(event));
    else if (event.type === 'forecast') finalPass = event.forecast;
    else if (event.type === 'listed') listMs = Math.max(listMs, event.elapsedMs);
  };
  const copy = startCopy(migration, { emit, signal, command: 'lm doctor' });
  try {
    const { report } = await copy.done;
    findings.push(...reported(report, findings));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LmError)) throw error;
    findings.push(failed(codeFor(error), error));
  }
  return { findings, fetch: copy.report().wouldDo?.download, listMs, finalPass };
}

/** What is refused now rather than after the plan; the source may be lost meanwhile. */
function codeFor({ kind, code }: LmError): Code {
  if (code === 'locked') return 'lock';
  return code === 'source' || code === 'protocol' ? 'source' : (CODE_OF[kind] ?? 'guards');
}

/** What cannot be inspected here is a finding of its own. */
const isAboutProcesses = ({ text }: { text: string }): boolean => text.startsWith('could not look into');

function warned({ text, details = [], hint, refuses: kind }: Extract<Event, { type: 'warning' }>): Finding {
  const more = { details, ...(hint !== undefined && { todo: hint }) };
  if (kind === undefined) return warning('copy', text, more);
  return failed(CODE_OF[kind] ?? 'guards', new LmError(kind, text.replace(WOULD_REFUSE, ''), { details, hint }));
}

/** Of refusals that are no finding of the guards in general. */
const CODE_OF: Partial<Record<ErrorKind, Code>> = {
  'no-space': 'space',
  'owner-map': 'owners',
  'damaged-sstables': 'sstables',
};

function ownersFinding(owners: OwnersReport): Finding {
  const [first = 'by name, each with its number here as there', ...rest] = ownersTexts(owners);
  if (owners.notByName !== 'may-not-set') return ok('owners', first, rest);
  return warning('owners', first, { details: rest, todo: 'run as root, or with CAP_CHOWN, where owners matter' });
}

function reported({ leftOut, sstables, wouldDo }: CopyReport, before: readonly Finding[]): Finding[] {
  const left = leftOutRows(leftOut).map(([what, text]) => note('left-out', `${what}: ${text}`));
  const isRefused = before.some(({ severity }) => severity === 'error');
  const isDamaged = before.some(({ code }) => code === 'sstables');
  return [
    ...left,
    ...(isDamaged
      ? []
      : sstableRows(sstables)
          .slice(0, 1)
          .map(([, text]) => ok('sstables', text))),
    ...(isRefused || !wouldDo ? [] : [ok('guards', 'nothing would be refused')]),
  ];
}
