// Keeps asking whether the destination's service is stopped: before every pass and clean, and every few seconds in between.

import type { Emit } from '../events.js';
import type { Roots } from '../files/roots.js';
import { runPreCheck } from '../pull/guard-pre-check.js';
import { inspectService, type ServiceGuard } from '../pull/guard-service.js';
import type { CopySettings } from '../settings.js';

export interface ServiceWatch {
  /** Throws `refused` when the service runs, or the operator's own check fails. */
  check(iteration: number): Promise<void>;
  /** Looks again every few seconds, and reports what it finds; the command of --pre-check is not run for that. */
  start(abort: (error: Error) => void): void;
  stop(): void;
}

const AGAIN_MS = 5_000;

/** Its default: it is set elsewhere than in cassandra.yaml. */
const JMX_PORT = 7199;

export function createServiceWatch(
  settings: CopySettings,
  roots: Roots,
  context: { env: Readonly<Record<string, string | undefined>>; emit: Emit; signal: AbortSignal },
): ServiceWatch {
  const { cassandra, preCheck, url, threshold } = settings;
  const guard: ServiceGuard = {
    roots,
    ports: [...settings.guardPorts, ...(cassandra ? [cassandra.nativeTransportPort, JMX_PORT] : [])],
    cassandra: cassandra !== undefined || roots.some(({ type }) => type !== 'data'),
    hasPreCheck: preCheck !== undefined,
    allowRunning: settings.allowRunning,
  };
  const told = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const look = async (): Promise<void> => {
    for (const text of await inspectService(guard)) {
      const what = text.replace(/\d+/g, '#'); // processes come and go; the kind of gap is told once
      if (!told.has(what)) context.emit({ type: 'warning', text });
      told.add(what);
    }
  };
  return {
    async check(iteration) {
      await look();
      if (preCheck === undefined) return;
      const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
      const { env, signal } = context;
      await runPreCheck({ command: preCheck, env, source: url.hostname, port, roots, iteration, threshold }, signal);
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
