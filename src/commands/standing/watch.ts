// `lm status --watch`: tells how the migrations of this host stand, again whenever that has changed, until it is stopped or nobody reads it
// any more.

import { LmError } from '../../errors.js';
import { EXIT, exitCodeOf } from '../../exit-codes.js';
import type { Io } from '../../io.js';
import { watchRecords } from '../../migration/standing/records-watch.js';
import { type MigrationStatus, sourceOf, statusOf } from '../../migration/status.js';
import type { StatusSettings } from '../../settings/settings.js';
import type { Stated } from '../../settings/stated.js';
import { hasLostReader } from '../../syscalls/readers.js';
import { type Known, knownMigrations, type Local, told } from './look.js';
import { createView, settled, type View } from './view.js';

/** A look takes at most a tenth of a processor: a journal may be long. */
const REST = 9;

export async function watchStatus(stated: Stated, settings: StatusSettings, io: Io): Promise<number> {
  const reader = new AbortController();
  io.stdout.on('error', () => reader.abort());
  const stop = AbortSignal.any([io.signal, reader.signal]);
  const records = watchRecords(settings.stateDir, stop);
  const view = createView(settings, io);
  const sources = rememberSources(stop);
  let failed: unknown;
  try {
    while (!stop.aborted) {
      const beganMs = performance.now();
      try {
        await look(stated, sources, view);
        failed = undefined;
      } catch (error) {
        if (stop.aborted) break;
        if (failed !== undefined || !(error instanceof LmError)) throw error;
        failed = error; // records are removed one by one: what is missing now may be gone altogether at the next look
      }
      await records.changed(Math.max(settings.watchMs, REST * (performance.now() - beganMs)));
      if (hasLost(io.stdout)) reader.abort();
    }
    const exitCode = io.signal.aborted ? exitCodeOf(io.signal.reason) : EXIT.ok;
    view.end(exitCode);
    return exitCode;
  } finally {
    records.close();
    view.close();
  }
}

/** Whoever filters what is told here ends without a word from us, and waits until we have ended as well. */
const hasLost = ({ fd, isTTY }: Io['stdout']): boolean => fd !== undefined && !isTTY && hasLostReader(fd);

async function look(stated: Stated, sources: Sources, view: View): Promise<void> {
  const known = knownMigrations(stated);
  const locals: [Known, Local][] = [];
  for (const one of known) locals.push([one, await statusOf(one.migration)]);
  const asked = locals.filter(([, local]) => sources.isDue(local));
  const show = (): void => view.show(locals.map(([one, local]) => told(one, local, sources.answerOf(local))));
  if (asked.length < locals.length || view.isScreen) show(); // a source that does not answer takes two seconds
  if (asked.length === 0 && locals.length > 0) return;
  await Promise.all(asked.map(([one, local]) => sources.ask(one, local)));
  show();
}

type Source = MigrationStatus['source'];

interface Sources {
  isDue(local: Local): boolean;
  answerOf(local: Local): Source;
  /** Throws the signal's reason only. */
  ask(known: Known, local: Local): Promise<void>;
}

/**
 * A source is asked again once something has changed here: its agent counts each question as a sign of life, and one that is to expire would
 * go on listening for the sake of whoever watches.
 */
function rememberSources(signal: AbortSignal): Sources {
  const answers = new Map<string, { of: string; source: Source }>();
  return {
    isDue: (local) => answers.get(local.instance)?.of !== settled(local),
    answerOf: ({ instance }) => answers.get(instance)?.source ?? null,
    async ask({ migration, settings }, local) {
      const source = await sourceOf(migration, settings, signal);
      answers.set(local.instance, { of: settled(local), source });
    },
  };
}
