// What a way of copying is, to the benchmark. Knows none of them.

import type { Bench } from '../bench.js';
import type { Keeps } from '../data.js';
import { type Distance, startFarProxy } from '../far-proxy.js';
import { findProgram } from '../processes.js';

export interface Peer {
  name: string;
  /** Programs that must be on the machine. */
  needs: readonly string[];
  keeps: Keeps;
  /** Serves `source`, so far away if at all. */
  open(bench: Bench, source: string, distance?: Distance): Promise<Opened>;
}

export interface Opened {
  /** Makes `destination`, whose parent is the copy's own, equal to the source; returns seconds. */
  copy(destination: string): Promise<number>;
  stop(): Promise<void>;
}

/** Why a peer cannot take part. */
export function missing(needs: readonly string[]): string | undefined {
  const absent = needs.filter((name) => findProgram(name) === undefined);
  return absent.length === 0 ? undefined : `not installed: ${absent.join(', ')}`;
}

/** The port to go to: the server's own, or that of a proxy which is a long way from it. */
export async function reach(port: number, distance?: Distance): Promise<{ port: number; stop(): Promise<void> }> {
  return distance ? startFarProxy(port, distance) : { port, stop: async () => {} };
}
