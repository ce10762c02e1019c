// Fetches the status of the source. An unreachable source is a result here, not an error.

import { tmpdir } from 'node:os';
import type { SourceAnswer } from '../advice/after-complete.js';
import { LmError, printable } from '../errors.js';
import type { ReachingSource } from '../settings/settings.js';
import { directoryIn } from '../settings/values/source-url.js';
import { connectSource } from '../source/connect-source.js';
import { retryPolicy } from '../source/retry.js';
import { addressOf } from './address.js';

/** The status of a source, or why there is none. */
export type SourceStatus =
  | {
      url: string;
      /** `directory`: one of this host, which nothing serves but the command that reads it. */
      kind: 'lm' | 'sidecar' | 'directory';
      status: { state: string; endTime?: number | null | undefined };
      reopened?: string;
      /** The keys of roots of which it serves a snapshot, separated by commas. */
      snapshot?: string;
    }
  | { url: string; error: string };

/** For advice. */
export function answerOf(source: SourceStatus | null): SourceAnswer {
  if (source === null) return undefined;
  if ('error' in source) return source;
  if (source.kind === 'directory') return { directory: printable(source.url) };
  return source.status.state === 'COMPLETED' ? 'complete' : 'not-complete';
}

/** For name, connection and answer together. A person waits for it; a copy waits longer. */
const TIMEOUT_MS = 2_000;

type Reaching = Pick<ReachingSource, 'url' | 'tokenFile' | 'tls'>;

/** Null while no URL is known. Throws the signal's reason only. */
export async function fetchSourceStatus(settings: Reaching, signal: AbortSignal): Promise<SourceStatus | null> {
  const { url } = settings;
  if (!url) return null;
  const directory = directoryIn(url);
  if (directory !== undefined) return { url: directory, kind: 'directory', status: { state: 'NOT_COMPLETED' } };
  const late = new AbortController(); // AbortSignal.timeout() never comes where a collection of garbage does first
  const timer = setTimeout(() => late.abort(), TIMEOUT_MS);
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
    const { kind, firstStatus: status, reopened, snapshot } = source;
    return {
      ...{ url: url.origin, kind, status },
      ...(reopened !== undefined && { reopened }),
      ...(snapshot !== undefined && { snapshot }),
    };
  } catch (error) {
    signal.throwIfAborted();
    return {
      url: url.origin,
      error: error instanceof LmError ? error.message : `no answer in ${TIMEOUT_MS / 1000} s`,
    };
  } finally {
    clearTimeout(timer);
  }
}
