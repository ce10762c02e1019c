// A stream that may go away. Never throws and never stops a run: whoever closed our output does not want it any more.

/** What the renderers need of `process.stdout`; a plain `PassThrough` will do. */
export interface OutputStream {
  write(text: string): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  isTTY?: boolean;
  columns?: number | undefined;
}

export interface Output {
  readonly isTTY: boolean;
  /** As it is now: a terminal may be resized at any time. 80 where the stream does not say. */
  readonly columns: number;
  /** Does nothing once the stream has failed; what that means for the exit code is main's to say. */
  write(text: string): void;
}

export function guard(stream: OutputStream): Output {
  let gone = false;
  // Stays for good: a pipe can report EPIPE after the last write, and an unheard 'error' would end the process.
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
