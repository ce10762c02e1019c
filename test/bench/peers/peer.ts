// What a way of copying is, to the benchmark. Knows none of them.

import { startCountingLine } from '../../support/counting-line.js';
import type { Bench } from '../bench.js';
import type { Keeps } from '../data.js';
import { type Distance, startFarProxy } from '../far-proxy.js';
import { findProgram, type RunOptions } from '../processes.js';
import { startSlowLine } from '../slow-line.js';

export interface Peer {
  name: string;
  /** Programs that must be on the machine. */
  needs: readonly string[];
  keeps: Keeps;
  /** Serves `source`, over such a way if it is not the shortest. */
  open(bench: Bench, source: string, way?: Way): Promise<Opened>;
}

export interface Opened {
  /** Makes `destination`, whose parent is the copy's own, equal to the source, or goes on with that until it is ended; returns seconds. */
  copy(destination: string, options?: Pick<RunOptions, 'terminateAfterMs'>): Promise<number>;
  /** Over a line that was asked for, both ways together, so far. */
  passedBytes?(): number;
  stop(): Promise<void>;
}

/** Why a peer cannot take part. */
export function missing(needs: readonly string[]): string | undefined {
  const absent = needs.filter((name) => findProgram(name) === undefined);
  return absent.length === 0 ? undefined : `not installed: ${absent.join(', ')}`;
}

/** A long way, a slow line, or the shortest way, with its bytes counted. */
export type Way = Distance | { bytesPerSecond: number } | 'counted';

/** The port to go to: the server's own, or that of a proxy before it. */
export async function reach(port: number, way?: Way): Promise<Pick<Opened, 'passedBytes' | 'stop'> & { port: number }> {
  if (!way) return { port, stop: async () => {} };
  if (way === 'counted') return startCountingLine(port);
  return 'delayMs' in way ? startFarProxy(port, way) : startSlowLine(port, way.bytesPerSecond);
}
