// Which failures deserve another try, and when. Knows no sockets and no files; the clock is handed in.

import { setTimeout as delay } from 'node:timers/promises';
import { LmError } from '../errors.js';
import type { Emit } from '../events.js';
import { type Failure, failureOfError } from './failure.js';

export interface RetryPolicy {
  /** The first try included. */
  tries: number;
  firstWaitMs: number;
  /** All tries of one request, from its first failure on. */
  budgetMs: number;
  /** Idle connections found closed cost nothing, but no more of them than a pool can hold. */
  freeTries: number;
  busyWaitMs: { least: number; usual: number; most: number };
  /** How long a source may answer nothing but 503 and 429. */
  busyPatienceMs: number;
}

export const RETRY_POLICY: RetryPolicy = {
  tries: 5,
  firstWaitMs: 500,
  budgetMs: 30_000,
  freeTries: 20,
  busyWaitMs: { least: 100, usual: 1_000, most: 60_000 },
  busyPatienceMs: 300_000,
};

/** What one request has met so far. Begin with NO_FAILURES, and again after anything useful has arrived. */
export interface RetryState {
  readonly tries: number;
  readonly free: number;
  readonly failingSinceMs?: number;
  readonly busySinceMs?: number;
}

export const NO_FAILURES: RetryState = { tries: 0, free: 0 };

export type Decision = { waitMs: number; state: RetryState } | { error: Error };

/**
 * Pure. `nowMs` is any clock that only goes forward. A busy answer takes no tries and forgives earlier faults, since the
 * network evidently works; the time spent busy is added up until something useful arrives.
 */
export function nextDelay(failure: Failure, state: RetryState, nowMs: number, policy = RETRY_POLICY): Decision {
  switch (failure.kind) {
    case 'fatal':
      return { error: failure.error };
    case 'busy':
      return afterBusy(failure, state, nowMs, policy);
    case 'idle-reset':
      if (state.free < policy.freeTries) return { waitMs: 0, state: { ...state, free: state.free + 1 } };
      return afterFault(failure, state, nowMs, policy);
    case 'transient':
      return afterFault(failure, state, nowMs, policy);
  }
}

function afterBusy(
  failure: Failure & { kind: 'busy' },
  state: RetryState,
  nowMs: number,
  policy: RetryPolicy,
): Decision {
  const { least, usual, most } = policy.busyWaitMs;
  const waitMs = Math.min(most, Math.max(least, failure.retryAfterMs ?? usual));
  const busySinceMs = state.busySinceMs ?? nowMs;
  if (nowMs + waitMs - busySinceMs <= policy.busyPatienceMs)
    return { waitMs, state: { tries: 0, free: state.free, busySinceMs } };
  const minutes = Math.round(policy.busyPatienceMs / 60_000);
  const message = `the source has been too busy for ${minutes} minutes (${failure.reason})`;
  return {
    error: new LmError('source', message, { hint: 'run the same command again, or with a lower --concurrency' }),
  };
}

type Fault = Failure & { kind: 'idle-reset' | 'transient' };

function afterFault(fault: Fault, state: RetryState, nowMs: number, policy: RetryPolicy): Decision {
  const failed = state.tries + 1;
  const failingSinceMs = state.failingSinceMs ?? nowMs;
  const waitMs = policy.firstWaitMs * 2 ** state.tries;
  if (failed < policy.tries && nowMs + waitMs - failingSinceMs <= policy.budgetMs)
    return { waitMs, state: { ...state, tries: failed, failingSinceMs } };
  return { error: (fault.kind === 'transient' && fault.atLast) || unreachable(fault, failed) };
}

function unreachable(fault: Fault, failed: number): LmError {
  const tries = failed === 1 ? '1 try' : `${failed} tries`;
  const answered = fault.kind === 'transient' && fault.status !== undefined;
  const what = answered ? 'the source keeps answering with errors' : 'the source cannot be reached';
  return new LmError('source', `${what}: ${fault.reason} (after ${tries})`, {
    cause: fault.kind === 'transient' ? fault.cause : undefined,
    hint: (fault.kind === 'transient' && fault.hint) || 'run the same command again; what was copied is kept',
  });
}

export interface RetryOptions {
  /** The request as people know it, for the `retried` event: `the listing`. */
  what: string;
  /** The source's origin, for messages about errors that were thrown. */
  where: string;
  signal: AbortSignal;
  emit: Emit;
  policy?: RetryPolicy;
  /** For tests: how to wait, and what time it is. */
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  now?: () => number;
}

/** The failures of one request that may be answered piece by piece. */
export interface Retrier {
  /** Waits until another try is due. Throws the signal's reason, or the LmError that says why there will be none. */
  failed(failure: Failure): Promise<void>;
  /** Something useful has arrived: what went wrong before it is forgotten. */
  progressed(): void;
}

export function createRetrier(options: RetryOptions): Retrier {
  const { what, signal, emit, policy, sleep = wait, now = () => performance.now() } = options;
  let state = NO_FAILURES;
  let attempt = 0;
  return {
    async failed(failure) {
      signal.throwIfAborted(); // an aborted request fails in many ways; the reason is the signal's
      const decision = nextDelay(failure, state, now(), policy);
      if ('error' in decision) throw decision.error;
      state = decision.state;
      attempt++;
      if (failure.kind === 'busy' || failure.kind === 'transient')
        emit({ type: 'retried', what, attempt, waitMs: decision.waitMs, reason: failure.reason });
      if (decision.waitMs > 0) await sleep(decision.waitMs, signal);
    },
    progressed() {
      state = NO_FAILURES;
      attempt = 0;
    },
  };
}

/** A request that was answered, or what stood in its way. */
export type Attempt<T> = { value: T } | { failure: Failure };

/** Tries until there is a value. Throws what `Retrier.failed` throws. */
export async function withRetry<T>(attempt: () => Promise<Attempt<T>>, options: RetryOptions): Promise<T> {
  const retrier = createRetrier(options);
  for (;;) {
    options.signal.throwIfAborted();
    const outcome = await settled(attempt, options.where);
    if ('value' in outcome) return outcome.value;
    await retrier.failed(outcome.failure);
  }
}

async function settled<T>(attempt: () => Promise<Attempt<T>>, where: string): Promise<Attempt<T>> {
  try {
    return await attempt();
  } catch (error) {
    return { failure: failureOfError(error, where) };
  }
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch {
    signal.throwIfAborted();
  }
}
