// The metrics of one copy or verification, by its events. Counts nothing that the run itself counts: those numbers are read when asked for.

import { allKinds } from '../errors/kinds.js';
import type { Event } from '../events.js';
import { totalMs } from '../forecast/forecast.js';
import type { CopyReport, Iteration } from '../report/copy-report.js';
import type { VerifyReport } from '../report/verify-report.js';
import { build, type Family, familiesWith, type Sample, seconds } from './family.js';

interface RunMetricsOptions {
  command: 'copy' | 'verify';
  /** The name of the instance. */
  migration: string;
  /** Only of a copy. */
  threshold: number | undefined;
  /** That with which it began, in bytes a second. */
  limitRate: number | undefined;
  /** When this command last ended with 0, in ms since the epoch. */
  lastSuccessMs: number | undefined;
  /** As `lm status` has it; undefined while nothing moves. */
  speed(): number | undefined;
  now?: () => number;
}

/** The states of a run, all of which are told each time. */
const PHASES = [
  ...['STARTING', 'WAITING', 'LISTING', 'COMPARING', 'CLEANING', 'PREPARING', 'DOWNLOADING', 'SYNCING'],
  ...['DOWNLOAD_COMPLETE', 'VERIFYING', 'REPAIRING', 'POST_CHECK', 'SUCCESS', 'FAILED', 'CANCELLED'],
] as const;
type Phase = (typeof PHASES)[number];

type Planned = Extract<Event, { type: 'planned' }>;
type Counter = 'filesDownloaded' | 'bytesReceived' | 'bytesReused' | 'downloadFailures' | 'filesVanished';
type MoreCounters = 'filesChanged' | 'filesRemoved' | 'bytesRemoved';

/** All of them each time, so that an alert on one has something to look at before it refuses. */
const GUARDS = allKinds().flatMap(({ kind, code }) => (code === 'refused' ? [kind] : []));

export class RunMetrics {
  readonly #options: RunMetricsOptions;
  readonly #now: () => number;
  readonly #beganMs: number;
  #endedMs: number | undefined;
  #exitCode: number | undefined;
  #refusedBy: string | undefined;
  #lastSuccessMs: number | undefined;
  #phase: Phase = 'STARTING';
  #pass = 0;
  #plan: Planned | undefined;
  #work = { bytesDone: 0, bytesTotal: 0, filesDone: 0, filesTotal: 0 };
  #retries = 0;
  #isLost = false;
  #limitRate: number | undefined;
  #warnings = 0;
  #mismatches = new Map<string, number>();
  #repaired = { files: 0, bytes: 0 };
  #verified: VerifyReport | undefined;
  #downtimeMs: number | undefined;
  #forecastMs: number | undefined;
  #report: () => CopyReport | undefined = () => undefined;

  constructor(options: RunMetricsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#beganMs = this.#now();
    this.#lastSuccessMs = options.lastSuccessMs;
    this.#limitRate = options.limitRate;
  }

  /** The counters of a copy are those of its report, which they are read from. */
  reads(report: () => CopyReport): void {
    this.#report = report;
  }

  listen(event: Event): void {
    switch (event.type) {
      case 'phase':
        this.#phase = event.state;
        this.#pass = event.iteration;
        this.#isLost = false;
        return;
      case 'post-check-began':
        this.#phase = 'POST_CHECK';
        return;
      case 'planned': {
        const { bytes, entries } = event.download;
        this.#plan = event;
        this.#work = { bytesDone: 0, bytesTotal: bytes, filesDone: 0, filesTotal: entries };
        return;
      }
      case 'forecast':
        this.#forecastMs = totalMs(event.forecast);
        return;
      case 'progress': {
        const { doing, bytesDone, bytesTotal, filesDone, filesTotal } = event;
        if (doing === 'compare') return;
        if (bytesDone > this.#work.bytesDone) this.#isLost = false; // no event tells that a short wait is over, nor does every progress
        this.#work = { bytesDone, bytesTotal, filesDone, filesTotal };
        return;
      }
      case 'limit':
        this.#limitRate = event.bytesPerSecond ?? undefined;
        return;
      case 'retried':
        this.#retries++;
        this.#isLost = true;
        return;
      case 'recovered':
        this.#isLost = false;
        return;
      case 'warning':
        this.#warnings++;
        return;
      case 'difference': {
        const { reason } = event.difference;
        this.#mismatches.set(reason, (this.#mismatches.get(reason) ?? 0) + 1);
        return;
      }
      case 'repaired':
        this.#repaired.bytes += event.repair.bytesReceived;
        if (event.repair.now === 'repaired') this.#repaired.files++;
        return;
      case 'iteration-ended':
        this.#phase = event.iteration.state;
        return;
      case 'copy-ended':
      case 'verify-ended':
        if (event.type === 'verify-ended') this.#verified = event.report;
        this.#downtimeMs = event.downtime?.totalMs;
        return;
    }
  }

  /** `refusedBy`: the kind of the error, if a guard ended it. */
  end(exitCode: number, refusedBy?: string): void {
    this.#exitCode = exitCode;
    this.#refusedBy = refusedBy;
    this.#endedMs = this.#now();
    if (exitCode === 0) this.#lastSuccessMs = this.#endedMs;
    this.#phase = exitCode === 0 ? 'SUCCESS' : exitCode > 128 ? 'CANCELLED' : 'FAILED';
  }

  families(): Family[] {
    return [...this.#aboutRun(), ...this.#aboutWork(), ...this.#aboutTrouble()];
  }

  #aboutRun(): Family[] {
    const { threshold } = this.#options;
    const { gauge, gaugeBy } = this.#made();
    return [
      gaugeBy('lm_build_info', 'What runs; always 1.', ['version', 'node'], () => [[build(), 1]]),
      gauge('lm_run_in_progress', 'Whether the run is under way.', () => (this.#endedMs === undefined ? 1 : 0)),
      gauge('lm_run_start_timestamp_seconds', 'When the run began.', () => seconds(this.#beganMs)),
      gauge('lm_run_end_timestamp_seconds', 'When it ended; absent before.', () => seconds(this.#endedMs)),
      gauge('lm_run_exit_code', 'The exit code that it ended with; absent before.', () => this.#exitCode),
      gauge('lm_last_success_timestamp_seconds', 'When this command last ended with exit code 0.', () =>
        seconds(this.#lastSuccessMs),
      ),
      gauge('lm_updated_timestamp_seconds', 'When these values were read.', () => seconds(this.#now())),
      gaugeBy('lm_phase', 'What the run does: 1 for that phase, 0 for all others.', ['phase'], () =>
        PHASES.map((phase) => [{ phase }, phase === this.#phase ? 1 : 0]),
      ),
      ...this.#ofCopy(() => [
        gauge('lm_pass', 'The pass under way, or the last; the first is 0.', () => this.#pass),
        gauge('lm_threshold_ratio', 'The share of bytes that has to match.', () => threshold),
        gauge(
          'lm_match_ratio',
          'The share of bytes that matched when the pass was planned.',
          () => this.#plan?.matchRatio,
        ),
        gauge(
          'lm_predicted_cutover_seconds',
          'What the final pass and its verification would take, as the last pass has forecast; absent before.',
          () => seconds(this.#forecastMs),
        ),
      ]),
      gauge('lm_downtime_seconds', 'Since the final copy began, once it has succeeded.', () =>
        seconds(this.#downtimeMs),
      ),
    ];
  }

  #aboutWork(): Family[] {
    const { speed } = this.#options;
    const { gauge, counter } = this.#made();
    const work = () => this.#work;
    return [
      ...this.#ofCopy(() => [
        gauge('lm_source_bytes', 'Bytes that the source has.', () => this.#plan?.totalSize),
        gauge('lm_source_files', 'Files, directories and links that it has.', () => this.#plan?.totalFiles),
        gauge('lm_left_bytes', 'Bytes of hot files, left for the final pass.', () => this.#ofPlan('bytes')),
        gauge('lm_left_files', 'Hot files, left for the final pass.', () => this.#ofPlan('entries')),
      ]),
      gauge(
        'lm_planned_bytes',
        'Bytes that the pass, or the verification, has to go through.',
        () => work().bytesTotal,
      ),
      gauge('lm_planned_files', 'Files of the same.', () => work().filesTotal),
      gauge('lm_done_bytes', 'Those of them that are done.', () => work().bytesDone),
      gauge('lm_done_files', 'Files of the same.', () => work().filesDone),
      gauge('lm_remaining_bytes', 'Those of them that are not done.', () => work().bytesTotal - work().bytesDone),
      gauge('lm_remaining_files', 'Files of the same.', () => work().filesTotal - work().filesDone),
      gauge('lm_speed_bytes_per_second', 'How fast bytes are done; 0 while none move.', () =>
        this.#endedMs === undefined ? (speed() ?? 0) : 0,
      ),
      gauge('lm_throttle_bytes_per_second', 'The limit in force; absent without one.', () => this.#limitRate),
      counter('lm_bytes_transferred_total', 'Bytes of files that were received.', () =>
        this.#isCopy() ? this.#sum('bytesReceived') : this.#repaired.bytes,
      ),
      ...this.#ofCopy(() => [
        counter('lm_bytes_reused_total', 'Bytes that an earlier run had left.', () => this.#sum('bytesReused')),
        counter('lm_files_transferred_total', 'Files, directories and links that were made.', () =>
          this.#sum('filesDownloaded'),
        ),
        counter('lm_files_removed_total', 'Entries removed, which the source no longer has.', () =>
          this.#sum('filesRemoved'),
        ),
        counter('lm_bytes_removed_total', 'Their bytes.', () => this.#sum('bytesRemoved')),
      ]),
    ];
  }

  #aboutTrouble(): Family[] {
    const { gauge, gaugeBy, counter, counterBy } = this.#made();
    return [
      gaugeBy('lm_guard_ok', 'Whether a guard let the run go on: 0 for the one that has ended it.', ['guard'], () =>
        GUARDS.map((guard) => [{ guard }, guard === this.#refusedBy ? 0 : 1]),
      ),
      counter('lm_retries_total', 'Requests that were tried again.', () => this.#retries),
      gauge('lm_source_lost', 'Whether the source is waited for: lost, or busy.', () =>
        this.#isLost && this.#endedMs === undefined ? 1 : 0,
      ),
      counter('lm_warnings_total', 'Warnings of the run.', () => this.#warnings),
      ...this.#ofCopy(() => [
        counter('lm_files_failed_total', 'Files that could not be copied.', () => this.#sum('downloadFailures')),
        counter('lm_files_vanished_total', 'Files that were gone when they were to be copied.', () =>
          this.#sum('filesVanished'),
        ),
        counter('lm_files_changed_total', 'Files that changed while they were read.', () => this.#sum('filesChanged')),
      ]),
      ...this.#ofVerification(() => [
        counterBy('lm_verify_mismatches_total', 'Paths that differ, by what differs.', ['kind'], () =>
          [...this.#mismatches].map(([kind, count]): Sample => [{ kind }, count]),
        ),
        gauge(
          'lm_verify_matched_files',
          'Files found equal, once the verification has ended.',
          () => this.#verified?.filesMatched,
        ),
        counter('lm_verify_repaired_files_total', 'Files that --repair has mended.', () => this.#repaired.files),
      ]),
    ];
  }

  #made() {
    const { migration, command } = this.#options;
    return familiesWith({ migration, command });
  }

  #isCopy = (): boolean => this.#options.command === 'copy';
  #ofCopy = (make: () => Family[]): Family[] => (this.#isCopy() ? make() : []);
  #ofVerification = (make: () => Family[]): Family[] => (this.#isCopy() ? [] : make());
  #ofPlan = (what: 'bytes' | 'entries'): number | undefined => this.#plan && (this.#plan.left?.[what] ?? 0);

  #sum(name: Counter | MoreCounters): number {
    const passes: readonly Iteration[] = this.#report()?.status ?? [];
    return passes.reduce((sum, pass) => sum + pass[name], 0);
  }
}
