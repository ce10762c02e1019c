// What a command is given of the process it runs in: streams, environment, a signal to stop. Opens nothing itself.

/** An output stream; `columns` and `isTTY` are there when it is a terminal. */
export type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

export interface Io {
  /** Results and progress. A reader that went away (EPIPE) is no reason to stop; `main` sees to that. */
  stdout: Output;
  /** Errors and hints. */
  stderr: Output;
  /** Aborted by the first signal that asks for an end; its reason is already an LmError. */
  signal: AbortSignal;
  /** From now on SIGHUP calls `act`, and asks for an end only when the terminal has gone. */
  onHangup?(act: () => void): void;
  env: Readonly<Record<string, string | undefined>>;
  /** Absolute; what relative paths of flags and variables start from. */
  cwd: string;
  /** Told the id of the run that a command has begun, for whoever tells the error that ends it. */
  begun?(run: string): void;
}
