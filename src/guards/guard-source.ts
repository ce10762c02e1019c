// Checks that the source stands still, which a final pass needs before it reports that nothing was lost.

import { setTimeout as delay } from 'node:timers/promises';
import { type LmError, printable } from '../errors.js';
import type { Emit } from '../events.js';
import type { EntryKey } from '../files/entry.js';
import type { ListingTotals } from '../files/listing.js';
import { SETTLE_MS } from '../files/recent-changes.js';
import type { Plan } from '../plan/plan.js';
import type { Source } from '../source/source.js';
import type { OpenFilesReport } from '../wire/messages.js';
import { type Activity, activitiesIn, activityRefusal, checkRefusal, uninspectedRefusal } from './at-rest.js';
import { SourceChanges } from './changes.js';
import { gapsOf } from './guard-service.js';

export interface SourceGuardOptions {
  source: Pick<Source, 'openFiles' | 'url'>;
  /** The tree is Cassandra's, so that a service is there to be stopped. */
  cassandra: boolean;
  /** Take the source as it is: warn of what is found, wait for no process and refuse nothing. */
  allowLiveSource: boolean;
  /** How long a process that is at work on the source is waited for. */
  waitMs: number;
  /** How often the source is asked meanwhile; for each answer it inspects every process there. */
  pollMs?: number;
  emit: Emit;
  signal: AbortSignal;
  /** Throws what it is given, unless this is a dry run. */
  object(error: LmError): void;
}

/** The methods in the order in which a pass calls them. */
export interface SourceGuard {
  /**
   * Called before a listing: warns once of processes at work on the source. A process that was found in an earlier pass is waited for as
   * long as its time lasts, and is then refused. `asked`: what the source has told a moment ago; it is asked for without.
   */
  expectNoActivity(asked?: OpenFilesReport): Promise<void>;
  /** Waits until the files that had changed just before the last listing have times that prove something. */
  waitUntilSettled(): Promise<void>;
  /** Whether there is any file that only a digest can prove. */
  needsDigests(): boolean;
  needsDigest(key: EntryKey): boolean;
  /** Records a listing. False when files had changed just before it: the survey has to be taken again. */
  noteListing(end: ListingTotals, plan?: Plan): boolean;
  /** Called after a listing in which all matches. Waits for processes at work; false when one went, because it may have written since. */
  waitForWriters(): Promise<boolean>;
  /** Called before a download: warns of processes at work, whose time to go begins now. */
  warn(): Promise<void>;
  /** Throws `refused`, naming process and file, when something writes to the source, or a service there may be running. */
  prove(): Promise<void>;
  /** Called when the passes are used up: throws `refused` if that is because the source is written to. */
  refuseIfWrittenTo(): Promise<void>;
}

const POLL_MS = 500;
const REPORT_EVERY_MS = 5_000;

export function createSourceGuard(options: SourceGuardOptions): SourceGuard {
  const { source, cassandra, allowLiveSource, emit, signal, object } = options;
  const unsettled = new Set<EntryKey>();
  const changes = new SourceChanges();
  const activity = createActivityWatch(options);
  let settledAtMs = 0;
  let recent: Activity | undefined;

  /** A warning where the source is to be taken as it is. */
  const refuse = (error: LmError): void => {
    if (allowLiveSource) emit({ type: 'warning', text: `this copy need not be exact: ${error.message}` });
    else object(error);
  };

  return {
    async expectNoActivity(asked) {
      if (!allowLiveSource) await activity.requireEnd(asked);
    },
    async waitUntilSettled() {
      await delay(Math.max(0, settledAtMs - performance.now()), undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
    },
    needsDigests: () => unsettled.size > 0,
    needsDigest: (key) => unsettled.has(key),
    noteListing({ touched: { agoMs, first, written } }, plan) {
      for (const key of written) unsettled.add(key);
      changes.record(first, plan);
      recent = undefined;
      settledAtMs = first.length === 0 ? 0 : performance.now() + SETTLE_MS - agoMs;
      return first.length === 0;
    },
    async waitForWriters() {
      recent = allowLiveSource ? undefined : await activity.waitForEnd();
      return recent === undefined;
    },
    async warn() {
      if (!allowLiveSource) await activity.findActivity();
    },
    async prove() {
      const report = await requestOpenFiles(source, signal, true);
      const evidence = [
        ...activitiesIn(report),
        ...changes.recent.map(changesConstantly),
        ...(recent ? [{ ...recent, text: `${recent.text} until a moment ago` }] : []),
      ];
      const [first, ...rest] = evidence;
      const blind = cassandra ? uninspectedRefusal(report) : undefined;
      if (!blind) warnGaps(source, report, emit);
      for (const error of [first && activityRefusal([first, ...rest]), checkRefusal(report), blind])
        if (error) refuse(error);
    },
    async refuseIfWrittenTo() {
      if (allowLiveSource) return;
      const key = changes.changedKey();
      const evidence = [
        ...activitiesIn(await requestOpenFiles(source, signal)),
        ...(key === undefined ? [] : [changesConstantly(key)]),
      ];
      const [first, ...rest] = evidence;
      if (first) object(activityRefusal([first, ...rest]));
    },
  };
}

const changesConstantly = (key: EntryKey): Activity => ({
  name: printable(key),
  text: `${printable(key)} keeps changing`,
  until: `${printable(key)} no longer changes`,
});

const requestOpenFiles = async (
  source: SourceGuardOptions['source'],
  signal: AbortSignal,
  check = false,
): Promise<OpenFilesReport> => (await source.openFiles?.(signal, { check })) ?? { writers: [], uninspected: [] };

/** Watches the processes at work on the source, and waits for them: a JVM that was told to stop takes some time to end. */
function createActivityWatch({ source, waitMs, pollMs = POLL_MS, emit, signal, object }: SourceGuardOptions) {
  /** The first process found, and until when it is waited for, downloads in between included. */
  let met: { who: Activity; untilMs: number } | undefined;

  /** The processes at work now. */
  async function findActivity(asked?: OpenFilesReport): Promise<Activity[]> {
    const found = activitiesIn(asked ?? (await requestOpenFiles(source, signal)));
    const [who] = found;
    if (who && !met) {
      met = { who, untilMs: performance.now() + waitMs };
      emit({ type: 'warning', text: `no copy of this source is exact while ${who.text}` });
    }
    return found;
  }

  /** Resolves to the processes that are still there when the time is up; to none as soon as there is none. */
  async function wait(asked?: OpenFilesReport): Promise<Activity[]> {
    let first = asked;
    let reportedMs = Number.NEGATIVE_INFINITY;
    for (;;) {
      const found = await findActivity(first);
      first = undefined;
      const [who] = found;
      const nowMs = performance.now();
      const leftMs = met ? met.untilMs - nowMs : 0;
      if (!who || leftMs <= 0) return found;
      if (nowMs - reportedMs >= REPORT_EVERY_MS) {
        reportedMs = nowMs;
        emit({ type: 'waiting', who: who.name, leftMs });
      }
      await delay(Math.min(pollMs, leftMs), undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
    }
  }

  return {
    findActivity,
    /** Waits for a process that was found before; throws `refused` when it stays. Of one that is found now, it only warns. */
    async requireEnd(asked?: OpenFilesReport): Promise<void> {
      if (!met) return void (await findActivity(asked));
      const [who, ...others] = await wait(asked);
      if (who) object(activityRefusal([who, ...others]));
      met = undefined;
    },
    /** Resolves to the process that was there and has gone; to undefined when there was none, or one stayed. */
    async waitForEnd(): Promise<Activity | undefined> {
      const stayed = await wait();
      const who = met?.who;
      if (stayed.length > 0) return undefined;
      met = undefined;
      return who;
    },
  };
}

/** An agent of another user cannot inspect the service's processes: only the operator knows whether one is among these. */
function warnGaps({ openFiles, url }: SourceGuardOptions['source'], report: OpenFilesReport, emit: Emit): void {
  const { uninspected, inspection } = report;
  if (!openFiles)
    emit({
      type: 'warning',
      text: `${url} is a Sidecar, which cannot tell whether its files are still written to: stop the service there first`,
    });
  for (const gap of gapsOf({ hidden: inspection?.hidden ?? [], uninspected }))
    emit({ type: 'warning', text: `${gap} at the source: if one writes there, this copy need not be exact` });
}
