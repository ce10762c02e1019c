// Shows the metrics of an agent: to whom it authorizes, and with --metrics-listen at an address of their own. Loads what writes them when
// they are first asked for.

import type { AgentMetrics } from '../metrics/agent-metrics.js';
import type { MetricsServer } from '../metrics/metrics-server.js';
import type { Exposition } from '../metrics/registry.js';
import type { ServeSettings } from '../settings/settings.js';

/** Each call returns the same exposition. */
export function expositionOf(metrics: AgentMetrics): () => Promise<Exposition> {
  let made: Promise<Exposition> | undefined;
  const make = async (): Promise<Exposition> => {
    const { createExposition } = await import('../metrics/registry.js');
    return createExposition(metrics.families());
  };
  return () => {
    made ??= make();
    return made;
  };
}

/** Throws `usage` for an address that cannot be listened on, before anything is made for the agent. */
export async function tryMetricsAddress({ metricsListen }: Pick<ServeSettings, 'metricsListen'>): Promise<void> {
  if (!metricsListen) return;
  const { startMetricsServer } = await import('../metrics/metrics-server.js');
  const server = await startMetricsServer(metricsListen, { contentType: 'text/plain', text: async () => '' });
  server.close();
}

/** Undefined without --metrics-listen. Throws `usage` for an address that cannot be listened on. */
export async function listenForMetrics(
  { metricsListen }: Pick<ServeSettings, 'metricsListen'>,
  exposition: () => Promise<Exposition>,
): Promise<MetricsServer | undefined> {
  if (!metricsListen) return undefined;
  const { startMetricsServer } = await import('../metrics/metrics-server.js');
  return startMetricsServer(metricsListen, await exposition());
}
