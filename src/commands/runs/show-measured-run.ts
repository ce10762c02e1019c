// Shows a run, and its metrics where its settings ask for them, from before it has the lock until its exit code is known.

import type { ErrorKind } from '../../errors/kinds.js';
import { knownError } from '../../errors.js';
import { exitCodeOf } from '../../exit-codes.js';
import type { Io } from '../../io.js';
import type { RunExposure } from '../../metrics/run-exposure.js';
import type { RunMetrics } from '../../metrics/run-metrics.js';
import type { Destination } from '../../migration/destination.js';
import { rateAt } from '../../pace/rate-limit.js';
import { readEvidence } from '../../state/evidence/evidence-file.js';
import { foldEvidence } from '../../state/evidence/fold.js';
import { removeInstance } from '../../state/instance.js';
import { refuseInsideRoots } from '../../trust/output-file.js';
import { type RunListener, showRun } from './show-run.js';

type Command = 'copy' | 'verify';
type Run = (listener: RunListener, metrics: RunMetrics | undefined) => Promise<number>;

interface Exposed {
  metrics: RunMetrics;
  exposure: RunExposure;
}

/**
 * `run` returns its exit code. Throws what it throws, and before it begins `usage`, or `local`, where metrics cannot be shown as asked. A
 * dry run has none: they would take the place of those of a copy.
 */
export function showMeasuredRun<C extends Command>(
  command: C,
  destination: Destination<C>,
  io: Io,
  run: Run,
): Promise<number> {
  const { settings } = destination;
  return showRun(settings, io, async (listener) => {
    if (!settings.metrics) return run(listener, undefined);
    if ('dryRun' in settings && settings.dryRun) {
      listener.emit({ type: 'settings', text: 'no metrics are shown of a dry run' });
      return run(listener, undefined);
    }
    const exposed = await expose(command, destination, listener);
    const { metrics, exposure } = exposed;
    const emit: RunListener['emit'] = (event) => {
      metrics.listen(event);
      listener.emit(event);
      exposure.listen(event);
    };
    if (exposure.url !== undefined) listener.emit({ type: 'settings', text: `metrics at ${exposure.url}` });
    return measured(() => run({ ...listener, emit }, metrics), exposed, io);
  });
}

/** Loads what it takes, which no other run does. Removes records that began with this command, as it has come to nothing. */
async function expose<C extends Command>(
  command: C,
  { settings, roots, instance, isNew }: Destination<C>,
  { emit, status }: RunListener,
): Promise<Exposed> {
  const { metrics: wishes } = settings;
  try {
    if (wishes!.file !== undefined) refuseInsideRoots('--metrics-file', wishes!.file, roots);
    const [{ RunMetrics }, { exposeRun }] = await Promise.all([
      import('../../metrics/run-metrics.js'),
      import('../../metrics/run-exposure.js'),
    ]);
    const threshold = 'threshold' in settings ? settings.threshold : undefined;
    const lastSuccessMs = lastSuccessIn(instance.dir, command);
    const limitRate = rateAt(settings.limitRate, Date.now()); // later ones are events
    const speed = () => status().progress?.bytesPerSecond;
    const about = { command, migration: instance.name, threshold, limitRate, lastSuccessMs, speed };
    const metrics = new RunMetrics(about);
    return { metrics, exposure: await exposeRun(wishes!, metrics, emit) };
  } catch (error) {
    if (isNew) removeInstance(instance);
    throw error;
  }
}

async function measured(run: () => Promise<number>, { metrics, exposure }: Exposed, io: Io): Promise<number> {
  const end = async (exitCode: number, keep: boolean, refusedBy?: ErrorKind): Promise<void> => {
    metrics.end(exitCode, refusedBy);
    await exposure.end({ keep, warn: (text) => void io.stderr.write(`warning: ${text}\n`) });
  };
  let exitCode: number;
  try {
    exitCode = await run();
  } catch (error) {
    const why = io.signal.aborted ? io.signal.reason : error; // work that a signal aborts may fail with any error
    const known = knownError(why);
    await end(exitCodeOf(why), known?.code === 'locked', known?.code === 'refused' ? known.kind : undefined); // a file is that of the run which has the lock
    throw error;
  }
  await end(exitCode, false);
  return exitCode;
}

/** By the records, so that a run that fails, or a file that was removed, does not forget it. Those that cannot be read are named by the run. */
function lastSuccessIn(dir: string, command: Command): number | undefined {
  try {
    const runs = foldEvidence(readEvidence(dir) ?? { records: [], damaged: 0 }).runs;
    return runs.findLast((run) => run.command === command && run.exitCode === 0)?.endedAtMs;
  } catch {
    return undefined;
  }
}
