// What the source says of itself, or why it does not. Changes nothing; an unreachable source is an answer, not an error.

import { tmpdir } from 'node:os';
import { LmError } from '../errors.js';
import type { ReachingSource } from '../settings/settings.js';
import { connectSource } from '../source/connect-source.js';
import { retryPolicy } from '../source/retry.js';
import { addressOf } from './address.js';

/** What a source says of itself, or why it doesn't. */
export type SourceStatus =
  | {
      url: string;
      kind: 'lm' | 'sidecar';
      status: { state: string; endTime?: number | null | undefined };
      reopened?: string;
    }
  | { url: string; error: string };

/** For a name, a connection and an answer together. Whoever asks looks on; a run that copies is more patient. */
const PATIENCE_MS = 2_000;

type Reaching = Pick<ReachingSource, 'url' | 'tokenFile' | 'tls'>;

/** Null while no URL is known. Throws the signal's reason only. */
export async function askSource(settings: Reaching, signal: AbortSignal): Promise<SourceStatus | null> {
  const { url } = settings;
  if (!url) return null;
  const late = new AbortController(); // AbortSignal.timeout() never comes where a collection of garbage does first
  const timer = setTimeout(() => late.abort(), PATIENCE_MS);
  try {
    const source = await connectSource({
      ...(await addressOf({ ...settings, url })),
      roots: [],
      spool: tmpdir(),
      policy: { ...retryPolicy(0), freeTries: 0 },
      emit: () => {},
      signal: AbortSignal.any([signal, late.signal]),
    });
    await source.close();
    const { kind, firstStatus: status, reopened } = source;
    return { url: url.origin, kind, status, ...(reopened !== undefined && { reopened }) };
  } catch (error) {
    signal.throwIfAborted();
    return {
      url: url.origin,
      error: error instanceof LmError ? error.message : `no answer in ${PATIENCE_MS / 1000} s`,
    };
  } finally {
    clearTimeout(timer);
  }
}
