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
  /** Does nothing once the stream has failed. */
  write(text: string): void;
  close(): void;
}

/** `onFailure` hears of the first failure that is not just a reader gone away (EPIPE), such as a full disk behind `>`. */
export function guard(stream: OutputStream, onFailure: (error: Error) => void = () => {}): Output {
  let gone = false;
  const fail = (error: NodeJS.ErrnoException): void => {
    if (!gone && error.code !== 'EPIPE') onFailure(error);
    gone = true;
  };
  stream.on('error', fail);
  return {
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns || 80;
    },
    write(text) {
      if (gone) return;
      try {
        stream.write(text);
      } catch (error) {
        fail(error as NodeJS.ErrnoException);
      }
    },
    // The listener stays: a pipe can report EPIPE after the last write, and an unheard 'error' would end the process.
    close() {
      gone = true;
    },
  };
}
