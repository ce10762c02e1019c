// Keeps asking whether the destination's service is stopped: before every pass and clean, and every few seconds in between.

import type { Emit } from '../../events.js';
import type { Roots } from '../../files/roots.js';
import { runPreCheck } from '../../guards/guard-pre-check.js';
import { inspectService, type ServiceGuard } from '../../guards/guard-service.js';
import { type GuardedPort, lookUpPorts } from '../../linux/service-ports.js';
import { servicePorts } from '../../settings/cassandra/service-ports.js';
import type { CopySettings } from '../../settings/settings.js';
import { type Objection, objecting } from './objections.js';

export interface ServiceWatch {
  /** Throws `refused` when the service runs, or the operator's own check fails. */
  check(iteration: number): Promise<void>;
  /** Looks again every few seconds, and reports what it finds; the command of --pre-check is not run for that. */
  start(abort: (error: Error) => void): void;
  stop(): void;
}

const AGAIN_MS = 5_000;

/** Whether a tree is Cassandra's, so that a service belongs to it. Nobody else has types of roots to name, or to do without. */
export const isCassandras = (
  { cassandra, without }: Pick<CopySettings, 'cassandra' | 'without'>,
  roots: Roots,
): boolean => cassandra !== undefined || without.length > 0 || roots.some(({ type }) => type !== 'data');

export type WatchSettings = Pick<
  CopySettings,
  'cassandra' | 'without' | 'guardPorts' | 'jmxPort' | 'preCheck' | 'allowRunning' | 'url' | 'threshold'
>;

export interface WatchContext {
  env: Readonly<Record<string, string | undefined>>;
  emit: Emit;
  signal: AbortSignal;
  /** Hears of what `check` refuses. */
  object: Objection;
}

export function createServiceWatch(settings: WatchSettings, roots: Roots, context: WatchContext): ServiceWatch {
  const { preCheck, url, threshold } = settings;
  const guard: Omit<ServiceGuard, 'ports'> = {
    roots,
    cassandra: isCassandras(settings, roots),
    hasPreCheck: preCheck !== undefined,
    allowRunning: settings.allowRunning,
  };
  const told = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let ports: Promise<GuardedPort[]> | undefined;
  const look = async (): Promise<void> => {
    ports ??= lookUpPorts(servicePorts(settings));
    for (const text of await inspectService({ ...guard, ports: await ports })) {
      const what = text.replace(/\d+/g, '#'); // processes come and go; the kind of gap is told once
      if (!told.has(what)) context.emit({ type: 'warning', text });
      told.add(what);
    }
  };
  return {
    async check(iteration) {
      const { env, signal, object } = context;
      await objecting(look(), object);
      if (preCheck === undefined) return;
      const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
      const about = { command: preCheck, env, source: url.hostname, port, roots, iteration, threshold };
      await objecting(runPreCheck(about, signal), object);
    },
    start(abort) {
      const again = (): void => {
        if (stopped) return; // meanwhile: a timer set now would keep the process alive for ever
        timer = setTimeout(() => void look().then(again, abort), AGAIN_MS);
      };
      again();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
