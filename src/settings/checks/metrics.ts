// Checks and reads the options that say where metrics are shown.

import { LmError, printable } from '../../errors.js';
import { find, type Layers, label, pick } from '../layers.js';
import type { ValueOf } from '../options.js';
import { isLoopback } from './reach.js';

interface MetricsWishes {
  listen: ValueOf<'metrics-listen'>;
  file: string | undefined;
}

/** Undefined where no metrics are asked for. Throws `usage` for an address beyond loopback: whoever asks there shows no token. */
export function runMetricsIn(layers: Layers): MetricsWishes | undefined {
  const listen = metricsListenIn(
    layers,
    'other hosts: --metrics-file FILE, for the textfile collector of node_exporter',
  );
  const file = pick(layers, 'metrics-file');
  return listen || file !== undefined ? { listen, file } : undefined;
}

/** As above, of an agent. */
export const agentMetricsIn = (layers: Layers): ValueOf<'metrics-listen'> =>
  metricsListenIn(layers, 'other hosts: /metrics where the agent itself listens, with a token that may list');

function metricsListenIn(layers: Layers, forOthers: string): ValueOf<'metrics-listen'> {
  const listen = pick(layers, 'metrics-listen');
  if (!listen || isLoopback(listen.host)) return listen;
  const { text, origin } = find(layers, 'metrics-listen')!;
  throw new LmError(
    'open-listen',
    `${label('metrics-listen', origin)}: got '${printable(`${text}`)}', takes a loopback address, as it asks for no token`,
    { hint: `127.0.0.1:${listen.port}; for ${forOthers}` },
  );
}
