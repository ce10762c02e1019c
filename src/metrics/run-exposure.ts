// Shows the metrics of a run while it goes on: over HTTP, and in a file that is written again and again until the run has ended. Neither
// can stop the run.

import { errnoOf, printable } from '../errors.js';
import type { Emit } from '../events.js';
import { checkMetricsFile, writeMetricsFile } from './metrics-file.js';
import { type MetricsServer, startMetricsServer } from './metrics-server.js';
import { createExposition } from './registry.js';
import type { RunMetrics } from './run-metrics.js';

/** At least one of the two. */
export interface MetricsWishes {
  listen: { host: string; port: number } | undefined;
  /** Absolute. */
  file: string | undefined;
}

export interface RunExposure {
  /** Where they are answered; undefined where only a file is written. */
  url: string | undefined;
  /** The file is written once the run has begun, so that no other run writes it; then with each plan, and after each pass. */
  listen: Emit;
  /** Writes the file for the last time, unless `keep`, and stops answering. `warn` is told what could not be written then. */
  end(options: { keep: boolean; warn(text: string): void }): Promise<void>;
}

/** Beside the events below, which may be hours apart. */
const WRITE_EVERY_MS = 15_000;
const WRITTEN_AT: ReadonlySet<string> = new Set(['run-started', 'planned', 'iteration-ended']);

/** `emit` takes what goes wrong meanwhile. Throws `usage`, or `local`, for a file or an address that is of no use. */
export async function exposeRun(wishes: MetricsWishes, metrics: RunMetrics, emit: Emit): Promise<RunExposure> {
  const { file, listen } = wishes;
  if (file !== undefined) checkMetricsFile(file);
  const exposition = createExposition(metrics.families());
  const server: MetricsServer | undefined = listen && (await startMetricsServer(listen, exposition));
  let writing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let hasFailed = false;
  let isOver = false;

  const write = (path: string, failed: (why: string) => void): Promise<void> => {
    writing = writing.then(async () => {
      try {
        writeMetricsFile(path, await exposition.text());
        hasFailed = false;
      } catch (error) {
        failed(`cannot write metrics to ${printable(path)}: ${errnoOf(error) ?? error}`);
      }
    });
    return writing;
  };
  const warnOnce = (why: string): void => {
    if (!hasFailed && !isOver) emit({ type: 'warning', text: `${why}; the run goes on` });
    hasFailed = true;
  };
  return {
    url: server?.url,
    listen({ type }) {
      isOver ||= type === 'copy-ended' || type === 'verify-ended'; // the last line of --json is the summary
      if (file === undefined || !WRITTEN_AT.has(type)) return;
      timer ??= setInterval(() => void write(file, warnOnce), WRITE_EVERY_MS).unref();
      void write(file, warnOnce);
    },
    async end({ keep, warn }) {
      isOver = true;
      clearInterval(timer);
      if (file !== undefined && !keep) await write(file, warn);
      server?.close();
    },
  };
}
