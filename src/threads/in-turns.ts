// Long work on the event loop, a few milliseconds at a time, so that others get their turns.

import { setImmediate as afterIo } from 'node:timers/promises';

/** How long one stretch of synchronous calls may keep the event loop. */
export const SLICE_MS = 5;

/** For many who ask for the same: one run at a time. Whoever asks during one shares the next, which begins after he asked. */
export function oneAtATime<Result>(run: () => Promise<Result>): () => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  let next: Promise<Result> | undefined;
  const begin = (): Promise<Result> => {
    next = undefined;
    const running = run();
    last = running.catch(() => {}); // thrown to those who asked
    return running;
  };
  return () => {
    next ??= last.then(begin);
    return next;
  };
}

/** Goes through the steps, none of them long, and returns what they come to. */
export async function inTurns<Result>(steps: Iterator<unknown, Result>): Promise<Result> {
  let sliceEnds = performance.now() + SLICE_MS;
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return step.value;
    if (performance.now() < sliceEnds) continue;
    await afterIo();
    sliceEnds = performance.now() + SLICE_MS;
  }
}
