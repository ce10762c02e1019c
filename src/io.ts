// What a command gets of the process it runs in: streams, environment, working directory, a signal to stop.

/** An output stream; the size and `isTTY` are set when it is a terminal, `fd` where it is the process's own. */
export type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number; rows?: number; fd?: number };

export interface Io {
  /** Results and progress. A reader that has gone (EPIPE) stops nothing; `main` ignores that error. */
  stdout: Output;
  /** Errors and hints. */
  stderr: Output;
  /** Aborted by the first signal that asks for an end; its reason is already an LmError. */
  signal: AbortSignal;
  /** From now on SIGHUP calls `act`; it still ends the command when the terminal has gone. */
  onHangup?(act: () => void): void;
  env: Readonly<Record<string, string | undefined>>;
  /** Absolute; relative paths in flags and variables start from it. */
  cwd: string;
  /** Called when a command starts a run, with its id and the URL of its source, so that a report of the error that ends it can name both. */
  onRunStarted?(run: string, source: string): void;
}
