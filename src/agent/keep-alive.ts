// Keeps a stream of lines from falling silent: puts a line of its own in where no other has come for a while.

const SILENCE_MS = 5000;

/** Yields `chunks`, and `line()` whenever none has come for `silenceMs`. */
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
  let timer: NodeJS.Timeout | undefined; // an AbortController and its errors would cost a tenth of a millisecond each time
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
