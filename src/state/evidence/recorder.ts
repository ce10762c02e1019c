// Follows the events of a run and writes its evidence. Evidence that cannot be written is a warning, now and at the end: it stops no run.

import { arch, hostname, release, type } from 'node:os';
import { versions } from 'node:process';
import { knownError, LmError, printable } from '../../errors.js';
import type { Emit, Event } from '../../events.js';
import { exitCodeOf } from '../../exit-codes.js';
import type { Downtime } from '../../report/downtime.js';
import type { Difference } from '../../report/verify-report.js';
import { version } from '../../version.js';
import { machineId } from '../identity/host.js';
import { readIdentities } from '../identity/identity-file.js';
import type { Instance } from '../instance.js';
import { downtimeOf } from './downtime.js';
import { appendEvidence, readEvidence, trimEvidence } from './evidence-file.js';
import { foldEvidence } from './fold.js';
import { PassClock } from './pass-clock.js';
import type { EvidenceCommand, EvidenceRecord, HostIdentity, ManifestEvidence, StatedSetting } from './records.js';

interface EvidenceOptions {
  run: string;
  command: EvidenceCommand;
  settings: readonly StatedSetting[];
  /** For the warning of evidence that cannot be written. */
  warn: Emit;
}

export interface EvidenceRecorder {
  listen: Emit;
  record(record: EvidenceRecord): void;
  /** The manifest of the verification that is about to end. */
  manifest: ManifestEvidence | undefined;
  /** For a run that has no event of its end. */
  end(exitCode: number, message: string): void;
  /** What the time since the last final copy began was spent on, this run included once it has ended. */
  downtime(): Downtime | undefined;
  /** What ended the run, unless `listen` has seen its end. Never throws. */
  fail(error: unknown): void;
}

/** A run can warn of each of a million files. */
const MAX_WARNINGS = 50;
const MAX_DETAILS = 20;
const FIRST_DIFFERENCES = 10;

/** Call it under the lock of the migration. Never throws. */
export function openEvidence(instance: Instance, options: EvidenceOptions): EvidenceRecorder {
  const { dir } = instance;
  const { run, command, settings, warn } = options;
  const clock = new PassClock();
  const now = steadyClock();
  const firstDifferences: Difference[] = [];
  let warnings = 0;
  let broken: LmError | undefined;
  let ended = false;

  const attempt = (act: () => void): void => {
    if (broken) return;
    try {
      act();
    } catch (error) {
      broken = knownError(error) ?? new LmError('local', printable(String(error)));
      warn({ type: 'warning', text: `this run's evidence is not whole: ${broken.message}`, hint: AFTER_FAILURE });
    }
  };
  const record = (one: EvidenceRecord): void => attempt(() => appendEvidence(dir, one, now()));
  const end = (ending: Omit<Extract<EvidenceRecord, { type: 'run-ended' }>, 'type' | 'run'>): void => {
    ended = true;
    if (warnings > MAX_WARNINGS) record({ type: 'warned-more', run, more: warnings - MAX_WARNINGS });
    attempt(() => {
      const source = readIdentities(dir)?.source;
      if (!source) return;
      const { url, agentId, machine } = source;
      appendEvidence(dir, { type: 'source', run, url, agentId, machine }, now());
    });
    record({ type: 'run-ended', run, ...ending });
    if (broken) warn({ type: 'warning', text: `lm report does not tell all of this run: ${broken.message}` });
  };

  const recorder: EvidenceRecorder = {
    record,
    manifest: undefined,
    end: (exitCode, message) => end({ exitCode, message }),
    listen(event) {
      const nowMs = now();
      clock.listen(event, nowMs);
      switch (event.type) {
        case 'warning':
          if (++warnings <= MAX_WARNINGS) record(warned(run, event));
          return;
        case 'difference':
          if (firstDifferences.length < FIRST_DIFFERENCES) firstDifferences.push(event.difference);
          return;
        case 'limit':
          return record({ run, ...event, type: 'limited' });
        case 'checked':
          return record({ run, ...event });
        case 'removed': {
          const { iteration, entries, bytes, first = [] } = event;
          return entries > 0 ? record({ type: 'removed', run, iteration, entries, bytes, first }) : undefined;
        }
        case 'iteration-ended':
          return record({ type: 'pass', run, pass: event.iteration, ...clock.endPass(nowMs) });
        case 'copy-ended': {
          const { status: _, ...report } = event.report;
          record({ type: 'copied', run, report });
          return end({ exitCode: event.exitCode, message: event.message });
        }
        case 'verify-ended': {
          const { report, exitCode, message } = event;
          const { manifest } = recorder;
          const seen = { firstDifferences, ...(manifest && { manifest }) };
          record({ type: 'verified', run, report, ...clock.endVerification(), ...seen });
          return end({ exitCode, message });
        }
      }
    },
    downtime() {
      let found: Downtime | undefined;
      attempt(() => {
        const lines = readEvidence(dir);
        found = lines && downtimeOf(foldEvidence(lines).runs);
      });
      return found;
    },
    fail(error) {
      if (ended) return;
      const known = knownError(error);
      const { code, details = [], hint } = known ?? {};
      end({
        exitCode: exitCodeOf(error),
        message: known?.message ?? printable(String(error)),
        ...(code !== undefined && { code }),
        ...(details.length > 0 && { details: details.slice(0, MAX_DETAILS) }),
        ...(hint !== undefined && { hint }),
      });
    },
  };
  attempt(() => trimEvidence(dir));
  attempt(() =>
    appendEvidence(dir, { type: 'run-started', run, command, host: hostOf(instance), settings: [...settings] }, now()),
  );
  return recorder;
}

/** Milliseconds since the epoch that no correction of the system's clock moves meanwhile: lengths are reckoned from them. */
function steadyClock(): () => number {
  const offset = Date.now() - performance.now();
  return () => Math.round(offset + performance.now());
}

const AFTER_FAILURE = 'the run goes on; lm report will not tell all of it';

function warned(run: string, { text, details = [] }: Extract<Event, { type: 'warning' }>): EvidenceRecord {
  return { type: 'warned', run, text, ...(details.length > 0 && { details: details.slice(0, MAX_DETAILS) }) };
}

const hostOf = ({ role, dir, roots }: Instance): HostIdentity => ({
  role,
  name: hostname(),
  machine: machineId(dir),
  system: `${type()} ${release()} ${arch()}`,
  node: versions.node,
  lm: version(),
  roots,
});
