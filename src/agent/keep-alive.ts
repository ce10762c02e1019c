// A stream of lines that never falls silent: what is to be said when nothing else is. Changes no chunk that passes through.

import { setTimeout as sleep } from 'node:timers/promises';

const SILENCE_MS = 5000;

/** Passes `chunks` on; whenever none has come for `silenceMs`, yields `line()` instead. */
export async function* keepAlive(
  chunks: AsyncGenerator<Uint8Array>,
  line: () => string,
  silenceMs = SILENCE_MS,
): AsyncGenerator<Uint8Array> {
  try {
    let next = chunks.next();
    for (;;) {
      const step = await within(silenceMs, next);
      if (step === undefined) {
        yield Buffer.from(line());
        continue;
      }
      if (step.done) return;
      yield step.value;
      next = chunks.next();
    }
  } finally {
    await chunks.return(undefined);
  }
}

/** Undefined when `promise` takes longer. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const timer = new AbortController();
  try {
    return await Promise.race([promise, sleep(ms, undefined, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
}
