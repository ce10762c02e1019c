// A bit in shared memory that tells a thread to stop. The thread can read it in the middle of a job, when it receives no message.

/** A flag goes to another thread with its job. */
export type StopFlag = SharedArrayBuffer;

/** The flag is raised when the signal aborts. */
export function stopFlagOf(signal: AbortSignal): StopFlag {
  const flag = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const raise = (): void => void Atomics.store(new Int32Array(flag), 0, 1);
  if (signal.aborted) raise();
  else signal.addEventListener('abort', raise, { once: true });
  return flag;
}

export const isRaised = (flag: StopFlag | undefined): boolean =>
  flag !== undefined && Atomics.load(new Int32Array(flag), 0) !== 0;

/** The error that ends work whose result nobody waits for. */
export const givenUp = (): Error => new Error('nobody waits for it any more');
