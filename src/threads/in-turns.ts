// Runs long work on the event loop a few milliseconds at a time, so that other work gets its turns.

import { setImmediate as afterIo } from 'node:timers/promises';

/** How long one stretch of synchronous calls may keep the event loop. */
export const SLICE_MS = 5;

/** Makes one run at a time serve many callers: a call during a run shares the next one, which begins after that call. */
export function oneAtATime<Result>(run: () => Promise<Result>): () => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  let next: Promise<Result> | undefined;
  const begin = (): Promise<Result> => {
    next = undefined;
    const running = run();
    last = running.catch(() => {}); // the callers get the error
    return running;
  };
  return () => {
    next ??= last.then(begin);
    return next;
  };
}

/** Runs the steps, each of which must be short, and returns their result. */
export async function inTurns<Result>(steps: Iterator<unknown, Result>): Promise<Result> {
  let sliceEnds = performance.now() + SLICE_MS;
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return step.value;
    if (performance.now() < sliceEnds) continue;
    await afterIo();
    sliceEnds = performance.now() + SLICE_MS;
  }
}
