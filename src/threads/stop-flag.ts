// A bit that threads share: whether nobody waits for their work any more. Can be looked at in the middle of it, when no message is heard.

/** Goes to another thread with its job. */
export type StopFlag = SharedArrayBuffer;

/** Is raised when the signal aborts. */
export function stopFlagOf(signal: AbortSignal): StopFlag {
  const flag = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const raise = (): void => void Atomics.store(new Int32Array(flag), 0, 1);
  if (signal.aborted) raise();
  else signal.addEventListener('abort', raise, { once: true });
  return flag;
}

export const isRaised = (flag: StopFlag | undefined): boolean =>
  flag !== undefined && Atomics.load(new Int32Array(flag), 0) !== 0;

/** What ends work that nobody waits for. */
export const givenUp = (): Error => new Error('nobody waits for it any more');
