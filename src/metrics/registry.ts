// Writes families in Prometheus' text format. Loaded only where somebody asks for metrics: no other command needs prom-client.

import { Counter, Gauge, Registry } from 'prom-client';
import type { Family } from './family.js';

export interface Exposition {
  contentType: string;
  /** The values as they are now. */
  text(): Promise<string>;
}

export function createExposition(families: readonly Family[]): Exposition {
  const registry = new Registry();
  for (const family of families) register(family, registry);
  return { contentType: registry.contentType, text: () => registry.metrics() };
}

/** prom-client keeps no value of its own: it forgets all of them, and takes what the family reads, each time. */
function register({ name, help, type, labels, read }: Family, registry: Registry): void {
  const about = { name, help, labelNames: [...labels], registers: [registry] };
  if (type === 'gauge')
    new Gauge({
      ...about,
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  else
    new Counter({
      ...about,
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    });
}
