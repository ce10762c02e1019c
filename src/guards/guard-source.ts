// Whether the source stands still, which a final pass has to know before it says that nothing was lost. Compares no file.

import { setTimeout as delay } from 'node:timers/promises';
import { type LmError, printable } from '../errors.js';
import type { Emit } from '../events.js';
import type { EntryKey, ListingEnd } from '../files/entry.js';
import { YOUNG_MS } from '../files/touched.js';
import type { Plan } from '../plan/plan.js';
import type { Source } from '../source/source.js';
import type { OpenFilesReport } from '../wire/messages.js';
import { blindRefusal, checkRefusal, presences, type Unrest, unrestRefusal } from './at-rest.js';
import { Changes } from './changes.js';
import { gapsOf } from './guard-service.js';

export interface SourceGuardOptions {
  source: Pick<Source, 'openFiles' | 'url'>;
  /** The tree is Cassandra's, so that a service is there to be stopped. */
  cassandra: boolean;
  /** Take the source as it is: say what was found, wait for nobody and refuse nothing. */
  allowLiveSource: boolean;
  /** How long whoever is met at the source is given to go. */
  waitMs: number;
  /** How often they are looked for meanwhile; each look goes through every process of the source. */
  pollMs?: number;
  emit: Emit;
  signal: AbortSignal;
  /** Throws what it is given, unless this is a dry run. */
  object(error: LmError): void;
}

/** In the order of a pass. */
export interface SourceGuard {
  /**
   * Before a listing: says who is there, once. Who was there before has had a downloading pass to go, gets what is left of the time,
   * and is then refused.
   */
  expectNobody(): Promise<void>;
  /** Waits until what the last listing saw touched has a time that can be believed. */
  settle(): Promise<void>;
  /** Whether there is any file that only its digest can tell. */
  doubts(): boolean;
  isDoubted(key: EntryKey): boolean;
  /** Takes note of a listing. False: what is equal in it need not be, so it is to be taken again. */
  believes(end: ListingEnd, plan?: Plan): boolean;
  /** After a listing in which all matches. Whoever is there is waited for; false when they went, for they may have written since. */
  stoodStill(): Promise<boolean>;
  /** Before much is downloaded: says who is there, and gives them time to go. */
  warn(): Promise<void>;
  /** Throws `refused`, naming process and file, when something writes to the source, or a service there may be running. */
  prove(): Promise<void>;
  /** When the passes are used up: throws `refused` if that is because the source is written to. */
  explain(): Promise<void>;
}

const POLL_MS = 500;
const SAY_EVERY_MS = 5_000;

export function createSourceGuard(options: SourceGuardOptions): SourceGuard {
  const { source, cassandra, allowLiveSource, emit, signal, object } = options;
  const doubted = new Set<EntryKey>();
  const changes = new Changes();
  const departures = createDepartures(options);
  let believedAtMs = 0;
  let left: Unrest | undefined;

  /** A warning where the source is to be taken as it is. */
  const refuse = (error: LmError): void => {
    if (allowLiveSource) emit({ type: 'warning', text: `this copy need not be exact: ${error.message}` });
    else object(error);
  };

  return {
    async expectNobody() {
      if (!allowLiveSource) await departures.expect();
    },
    async settle() {
      await delay(Math.max(0, believedAtMs - performance.now()), undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
    },
    doubts: () => doubted.size > 0,
    isDoubted: (key) => doubted.has(key),
    believes({ touched: { agoMs, first, written } }, plan) {
      for (const key of written) doubted.add(key);
      changes.note(first, plan);
      left = undefined;
      believedAtMs = first.length === 0 ? 0 : performance.now() + YOUNG_MS - agoMs;
      return first.length === 0;
    },
    async stoodStill() {
      left = allowLiveSource ? undefined : await departures.outwait();
      return left === undefined;
    },
    async warn() {
      if (!allowLiveSource) await departures.meet();
    },
    async prove() {
      const report = await ask(source, signal, true);
      const evidence = [
        ...presences(report),
        ...changes.touched.map(touchedAllTheTime),
        ...(left ? [{ ...left, text: `${left.text} until a moment ago` }] : []),
      ];
      const [first, ...rest] = evidence;
      const blind = cassandra ? blindRefusal(report) : undefined;
      if (!blind) emitGaps(source, report, emit);
      for (const error of [first && unrestRefusal([first, ...rest]), checkRefusal(report), blind])
        if (error) refuse(error);
    },
    async explain() {
      if (allowLiveSource) return;
      const key = changes.lately();
      const evidence = [
        ...presences(await ask(source, signal)),
        ...(key === undefined ? [] : [touchedAllTheTime(key)]),
      ];
      const [first, ...rest] = evidence;
      if (first) object(unrestRefusal([first, ...rest]));
    },
  };
}

const touchedAllTheTime = (key: EntryKey): Unrest => ({
  name: printable(key),
  text: `${printable(key)} is touched all the time`,
  until: `${printable(key)} is no longer touched`,
});

const ask = async (
  source: SourceGuardOptions['source'],
  signal: AbortSignal,
  check = false,
): Promise<OpenFilesReport> => (await source.openFiles?.(signal, { check })) ?? { writers: [], uninspected: [] };

/** Whoever was met at the source, and how long they are waited for: a JVM that was told to stop takes some time to go. */
function createDepartures({ source, waitMs, pollMs = POLL_MS, emit, signal, object }: SourceGuardOptions) {
  /** They have until then, downloads in between included. */
  let met: { who: Unrest; untilMs: number } | undefined;

  /** Who is there now. */
  async function meet(): Promise<Unrest[]> {
    const found = presences(await ask(source, signal));
    const [who] = found;
    if (who && !met) {
      met = { who, untilMs: performance.now() + waitMs };
      emit({ type: 'warning', text: `no copy of this source is exact while ${who.text}` });
    }
    return found;
  }

  /** Resolves to who is still there when the time is up; to nobody as soon as nobody is. */
  async function wait(): Promise<Unrest[]> {
    let saidMs = Number.NEGATIVE_INFINITY;
    for (;;) {
      const found = await meet();
      const [who] = found;
      const nowMs = performance.now();
      const leftMs = met ? met.untilMs - nowMs : 0;
      if (!who || leftMs <= 0) return found;
      if (nowMs - saidMs >= SAY_EVERY_MS) {
        saidMs = nowMs;
        emit({ type: 'waiting', who: who.name, leftMs });
      }
      await delay(Math.min(pollMs, leftMs), undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
    }
  }

  return {
    meet,
    /** Who was met before has gone when this resolves: throws `refused` otherwise. Who is met now is only told. */
    async expect(): Promise<void> {
      if (!met) return void (await meet());
      const [who, ...others] = await wait();
      if (who) object(unrestRefusal([who, ...others]));
      met = undefined;
    },
    /** Resolves to who was there and went; to undefined when nobody was, or they stayed. */
    async outwait(): Promise<Unrest | undefined> {
      const stayed = await wait();
      const who = met?.who;
      if (stayed.length > 0) return undefined;
      met = undefined;
      return who;
    },
  };
}

/** A service's processes are hidden from an agent of another user: whether one is among these, only the operator knows. */
function emitGaps({ openFiles, url }: SourceGuardOptions['source'], report: OpenFilesReport, emit: Emit): void {
  const { uninspected, inspection } = report;
  if (!openFiles)
    emit({
      type: 'warning',
      text: `${url} is a Sidecar, which cannot tell whether its files are still written to: stop the service there first`,
    });
  for (const gap of gapsOf({ hidden: inspection?.hidden ?? [], uninspected }))
    emit({ type: 'warning', text: `${gap} at the source: if one writes there, this copy need not be exact` });
}
