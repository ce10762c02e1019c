// Checks that the destination's service is stopped: before every pass, before removals, and every few seconds in between.

import type { Emit } from '../../events.js';
import type { Roots } from '../../files/roots.js';
import { inspectService, type ServiceGuard } from '../../guards/guard-service.js';
import { refuseFailedPreCheck, runOwnCheck, sourceOf } from '../../guards/own-checks.js';
import { type GuardedPort, lookUpPorts } from '../../linux/service-ports.js';
import { servicePorts } from '../../settings/cassandra/service-ports.js';
import type { CopySettings } from '../../settings/settings.js';
import { type Objection, objecting } from './objections.js';

export interface ServiceWatch {
  /** Throws `refused` when the service runs, or the operator's own check fails. */
  check(iteration: number): Promise<void>;
  /** Checks again every few seconds, without the command of --pre-check, and aborts the run when the service has started. */
  start(abort: (error: Error) => void): void;
  stop(): void;
}

const RECHECK_MS = 5_000;

/** Whether a tree is Cassandra's, so that a service belongs to it. Only Cassandra has root types other than `data`, or any to leave out. */
export const isCassandraTree = (
  { cassandra, without }: Pick<CopySettings, 'cassandra' | 'without'>,
  roots: Roots,
): boolean => cassandra !== undefined || without.length > 0 || roots.some(({ type }) => type !== 'data');

type WatchSettings = Pick<
  CopySettings,
  'cassandra' | 'without' | 'guardPorts' | 'jmxPort' | 'preCheck' | 'allowRunning' | 'url' | 'threshold'
>;

interface WatchContext {
  env: Readonly<Record<string, string | undefined>>;
  emit: Emit;
  signal: AbortSignal;
  /** Called with what `check` refuses. */
  object: Objection;
}

export function createServiceWatch(settings: WatchSettings, roots: Roots, context: WatchContext): ServiceWatch {
  const { preCheck, url, threshold } = settings;
  const guard: Omit<ServiceGuard, 'ports'> = {
    roots,
    cassandra: isCassandraTree(settings, roots),
    hasPreCheck: preCheck !== undefined,
    allowRunning: settings.allowRunning,
  };
  const warned = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let ports: Promise<GuardedPort[]> | undefined;
  const inspect = async (): Promise<void> => {
    ports ??= lookUpPorts(servicePorts(settings));
    for (const text of await inspectService({ ...guard, ports: await ports })) {
      const what = text.replace(/\d+/g, '#'); // process ids change; each kind of gap is reported once
      if (!warned.has(what)) context.emit({ type: 'warning', text });
      warned.add(what);
    }
  };
  const runPreCheck = async (command: string, iteration: number): Promise<void> => {
    const { env, emit, signal } = context;
    const check = await runOwnCheck({ command, env, ...sourceOf(url), roots, iteration, threshold }, signal);
    emit({ type: 'checked', which: 'pre-check', iteration, check });
    refuseFailedPreCheck(check);
  };
  return {
    async check(iteration) {
      const { object } = context;
      await objecting(inspect(), object);
      if (preCheck !== undefined) await objecting(runPreCheck(preCheck, iteration), object);
    },
    start(abort) {
      const again = (): void => {
        if (stopped) return; // stopped during the check: a new timer would keep the process alive
        timer = setTimeout(() => void inspect().then(again, abort), RECHECK_MS);
      };
      again();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
