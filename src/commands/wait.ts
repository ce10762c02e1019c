// `lm wait`: returns once a migration of this host has come as far as is asked for, or nothing works towards that any more. Changes nothing.

import { formatSpan } from '../amounts.js';
import { LmError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { Io } from '../io.js';
import { recallWithout } from '../migration/left-out.js';
import { exitCodeShortOf, GOAL_TEXT, isReached } from '../migration/standing/goal.js';
import { type RecordsWatch, watchRecords } from '../migration/standing/records-watch.js';
import { statusOf } from '../migration/status.js';
import { noneKnown, realRoots, recall } from '../migration/this-migration.js';
import { createRenderer } from '../render/create-renderer.js';
import type { Renderer } from '../render/renderer.js';
import { exitName } from '../render/summary.js';
import { resolve } from '../settings/resolve.js';
import type { WaitSettings } from '../settings/settings.js';
import { reportSettingsFile } from '../settings/settings-file.js';
import type { Stated } from '../settings/stated.js';
import { findInstance, type Instance, rootsText } from '../state/instance.js';
import { holderText } from '../state/lock/lock-holder.js';
import { type Local, told } from './standing/look.js';
import { nextLines } from './text/next-text.js';

export async function run(stated: Stated, io: Io): Promise<number> {
  const settings = resolve('wait', stated, recallWithout(stated));
  const renderer = createRenderer({ ...settings, ...io });
  const records = watchRecords(settings.stateDir, io.signal);
  try {
    if (settings.verbose) reportSettingsFile(settings, renderer.emit);
    const { instance, status, end } = await waitFor(settings, { records, renderer, signal: io.signal });
    const { until } = settings;
    const exitCode = EXIT_OF[end](status);
    const { next } = told({ settings: resolve('wait', stated, recall(instance)) }, status, null);
    const message = `${END_TEXT[end](settings)} (${until}: ${GOAL_TEXT[until]})`;
    renderer.print(
      'summary',
      { command: 'wait', instance: instance.name, until, exitCode, result: exitName(exitCode), message, next },
      [`${message}${atWork(status)}`, ...nextLines(next)],
    );
    return exitCode;
  } finally {
    records.close();
    renderer.close();
  }
}

type End = 'reached' | 'short' | 'late';

const EXIT_OF: Record<End, (status: Local) => number> = {
  reached: () => EXIT.ok,
  short: exitCodeShortOf,
  late: () => EXIT.locked, // a script waits: whatever is at work goes on
};

const END_TEXT: Record<End, (settings: WaitSettings) => string> = {
  reached: () => 'reached',
  short: () => 'not reached, and nothing is at work here any more',
  late: ({ timeoutMs = 0 }) => `not reached within ${formatSpan(timeoutMs)}`,
};

interface Waiting {
  records: RecordsWatch;
  renderer: Renderer;
  signal: AbortSignal;
}

/** So many intervals may lie between two runs, or before the first: one that was just started has not taken its lock yet. */
const PATIENCE = 2;
/** A look takes at most a tenth of a processor: a journal may be long. */
const REST = 9;

/** Throws `usage` when no migration is known, and none becomes known in time, or when it is not clear which is meant. */
async function waitFor(
  settings: WaitSettings,
  { records, renderer, signal }: Waiting,
): Promise<{ instance: Instance; status: Local; end: End }> {
  const { until, intervalMs, timeoutMs = Number.POSITIVE_INFINITY } = settings;
  const beganMs = performance.now();
  let busyMs = beganMs;
  let isAnnounced = false;
  for (;;) {
    signal.throwIfAborted();
    const lookedMs = performance.now();
    const instance = whichIn(settings);
    const status = instance && (await statusOf(instance));
    const nowMs = performance.now();
    if (status?.holder) busyMs = nowMs;
    const patienceMs = busyMs + PATIENCE * intervalMs - nowMs;
    const leftMs = beganMs + timeoutMs - nowMs;
    if (instance && status) {
      if (isReached(until, status)) return { instance, status, end: 'reached' };
      if (leftMs <= 0) return { instance, status, end: 'late' };
      if (patienceMs <= 0) return { instance, status, end: 'short' };
    } else if (Math.min(leftMs, patienceMs) <= 0) throw noneKnown(settings, settings.instance);
    if (!isAnnounced) announce(settings, renderer, status);
    isAnnounced = true;
    await records.changed(Math.max(Math.min(intervalMs, patienceMs, leftMs), REST * (nowMs - lookedMs)));
  }
}

/** Undefined where none is known yet. Only the destination tells of more than whether it is complete. */
function whichIn({ stateDir, role, instance: name, roots, until }: WaitSettings): Instance | undefined {
  const found = findInstance({ stateDir, role, name, roots: realRoots(roots) });
  if (found?.role !== 'source' || until === 'complete') return found;
  throw new LmError(
    'which-migration',
    `${found.name} is the source: all that can be waited for here is --until complete`,
    {
      hint: 'copies and verifications are known on the destination; name another migration of this host with --instance',
    },
  );
}

function announce({ until, timeoutMs, quiet }: WaitSettings, renderer: Renderer, status: Local | undefined): void {
  if (quiet) return;
  const which = status ? ` (${rootsText(status.roots)})` : '';
  const atMost = timeoutMs === undefined ? '' : `, for ${formatSpan(timeoutMs)} at most`;
  renderer.print('waiting', { until, timeoutMs: timeoutMs ?? null, instance: status?.instance ?? null }, [
    `waiting until ${GOAL_TEXT[until]}${which}${atMost}${status ? atWork(status) || '; nothing is at work yet' : '; nothing is known of it yet'}`,
  ]);
}

const atWork = ({ holder }: Local): string => (holder === null ? '' : `; at work: ${holderText(holder)}`);
