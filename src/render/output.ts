// Wraps an output stream so that its failure stops nothing: whoever closed the output does not want it any more.

/** What the renderers need of `process.stdout`; a `PassThrough` has it too. */
export interface OutputStream {
  write(text: string): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  isTTY?: boolean;
  columns?: number | undefined;
}

export interface Output {
  readonly isTTY: boolean;
  /** The current width: a terminal may be resized at any time. 80 for a stream without one. */
  readonly columns: number;
  /** Does nothing once the stream has failed; main.ts decides what that means for the exit code. */
  write(text: string): void;
}

export function safeOutput(stream: OutputStream): Output {
  let gone = false;
  // Never removed: a pipe can report EPIPE after the last write, and an 'error' without a listener would end the process.
  stream.on('error', () => {
    gone = true;
  });
  return {
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns || 80;
    },
    write(text) {
      if (!gone) stream.write(text);
    },
  };
}
