// Decides which failures are retried, when, and for how long, and waits. The clock is a parameter.

import { setTimeout as delay } from 'node:timers/promises';
import { formatSpan } from '../amounts.js';
import { RUN_AGAIN } from '../error-codes.js';
import { LmError } from '../errors.js';
import type { Emit } from '../events.js';
import { Contact } from './contact.js';
import { type Failure, failureOfError } from './failure.js';

export interface RetryPolicy {
  /** Tries of a request that is answered with a failure each time, including the first. The sum of its waits is limited by `lostMs` too. */
  tries: number;
  firstWaitMs: number;
  /** Waits double up to this limit. */
  maxWaitMs: number;
  /** How long to wait for a lost source, from the first failure since its last progress. No try begins later. */
  lostMs: number;
  /** The same for a source that answers only 503 and 429. */
  busyMs: number;
  /** Idle connections that turn out to be closed are retried without a wait, up to as many as a pool can hold. */
  freeTries: number;
  busyWaitMs: { min: number; default: number };
}

/** The help of `--retry-for` states the defaults too: 30 s, and 5 minutes for a busy source. */
export const RETRY_POLICY: RetryPolicy = {
  tries: 5,
  firstWaitMs: 500,
  maxWaitMs: 5_000,
  lostMs: 30_000,
  busyMs: 300_000,
  freeTries: 20,
  busyWaitMs: { min: 100, default: 1_000 },
};

/** `retryForMs` is the value of `--retry-for`; 0 never waits. */
export const retryPolicy = (retryForMs: number | undefined): RetryPolicy =>
  retryForMs === undefined ? RETRY_POLICY : { ...RETRY_POLICY, lostMs: retryForMs, busyMs: retryForMs };

/** The failures of one request so far. It is NO_FAILURES at the start, and after each progress. */
export interface RetryState {
  /** Failures without the free ones. */
  readonly failures: number;
  /** Those of them that were answers, and the sum of the waits after these. */
  readonly answers: number;
  readonly answersMs: number;
  readonly free: number;
  readonly lostSinceMs?: number | undefined;
  readonly busySinceMs?: number | undefined;
}

export const NO_FAILURES: RetryState = { failures: 0, answers: 0, answersMs: 0, free: 0 };

/** `leftMs`: how long there will be further tries if nothing changes; undefined where their number is the limit. */
type Decision = { waitMs: number; leftMs?: number; state: RetryState } | { error: Error };

/**
 * Pure. `nowMs` is of a clock that only goes forward. A busy answer is not counted as a try and resets earlier failures, since the network
 * works; the busy time adds up until there is progress.
 */
export function nextDelay(failure: Failure, state: RetryState, nowMs: number, policy = RETRY_POLICY): Decision {
  switch (failure.kind) {
    case 'fatal':
      return { error: failure.error };
    case 'busy':
      return afterBusy(failure, state, nowMs, policy);
    case 'idle-reset':
      if (state.free < policy.freeTries) return { waitMs: 0, state: { ...state, free: state.free + 1 } };
      return afterLoss(failure, state, nowMs, policy);
    case 'transient':
      return failure.answered ? afterAnswer(failure, state, policy) : afterLoss(failure, state, nowMs, policy);
  }
}

type Busy = Failure & { kind: 'busy' };
type Fault = Failure & { kind: 'idle-reset' | 'transient' };

function afterBusy(failure: Busy, state: RetryState, nowMs: number, { busyMs, busyWaitMs }: RetryPolicy): Decision {
  const { retryAfterMs } = failure;
  const busySinceMs = state.busySinceMs ?? nowMs;
  const leftMs = busySinceMs + busyMs - nowMs;
  if (leftMs <= 0 || (retryAfterMs ?? 0) > leftMs) return { error: tooBusy(failure, nowMs - busySinceMs, busyMs) };
  const waitMs = Math.min(leftMs, Math.max(busyWaitMs.min, retryAfterMs ?? busyWaitMs.default));
  return { waitMs, leftMs, state: { ...NO_FAILURES, free: state.free, busySinceMs } };
}

function afterLoss(fault: Fault, state: RetryState, nowMs: number, policy: RetryPolicy): Decision {
  const lostSinceMs = state.lostSinceMs ?? nowMs;
  const failures = state.failures + 1;
  const leftMs = lostSinceMs + policy.lostMs - nowMs;
  if (leftMs <= 0) return { error: givenUp(fault, failures, nowMs - lostSinceMs) };
  const waitMs = Math.min(leftMs, backOff(state, policy));
  return { waitMs, leftMs, state: { ...state, failures, lostSinceMs } };
}

/** The source has answered: it fails at the request, or the network damages the answer each time, and no wait will help for long. */
function afterAnswer(fault: Fault, state: RetryState, policy: RetryPolicy): Decision {
  const failures = state.failures + 1;
  const answers = state.answers + 1;
  const leftMs = policy.lostMs - state.answersMs;
  if (answers >= policy.tries || leftMs <= 0) return { error: givenUp(fault, failures, state.answersMs) };
  const waitMs = Math.min(leftMs, backOff(state, policy));
  const answersMs = state.answersMs + waitMs;
  return { waitMs, state: { ...state, failures, answers, answersMs, lostSinceMs: undefined } };
}

const backOff = ({ failures }: RetryState, { firstWaitMs, maxWaitMs }: RetryPolicy): number =>
  Math.min(maxWaitMs, firstWaitMs * 2 ** failures);

const LONGER = `${RUN_AGAIN}; --retry-for waits longer`;

function tooBusy({ reason, retryAfterMs }: Busy, forMs: number, busyMs: number): LmError {
  const asks = retryAfterMs === undefined ? '' : `, and asks to come back in ${formatSpan(retryAfterMs)}`;
  const message = `the source is too busy: ${reason}${asks} (waited for ${formatSpan(forMs)} of ${formatSpan(busyMs)})`;
  return new LmError('source-busy', message, { hint: `${LONGER}, a lower --concurrency asks for less` });
}

/** `forMs` is how long the request has waited since the source was lost. */
function givenUp(fault: Fault, failures: number, forMs: number): LmError {
  const tried = failures === 1 ? '(after 1 try)' : `(after ${failures} tries, waited for ${formatSpan(forMs)})`;
  if (fault.kind === 'transient' && fault.finalError) {
    if (failures === 1) return fault.finalError;
    const { kind, message, hint, details, cause } = fault.finalError;
    return new LmError(kind, `${message} ${tried}`, { ...(hint !== undefined && { hint }), details, cause });
  }
  const answered = fault.kind === 'transient' && fault.status !== undefined;
  const what = answered ? 'the source keeps answering with errors' : 'the source cannot be reached';
  return new LmError('source-unreachable', `${what}: ${fault.reason} ${tried}`, {
    cause: fault.kind === 'transient' ? fault.cause : undefined,
    hint: (fault.kind === 'transient' && fault.hint) || LONGER,
  });
}

export interface RetryOptions {
  /** What the request is for, in words for people and the `retried` event: `the listing`. */
  what: string;
  /** The source's origin, for messages about thrown errors. */
  where: string;
  signal: AbortSignal;
  emit: Emit;
  policy?: RetryPolicy;
  /** The contact that requests to this source share; a new one by default. */
  contact?: Contact;
  /** For tests: how to wait, and the time. */
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  now?: () => number;
}

/** Retries one request, whose answer may come piece by piece. */
export interface Retrier {
  /** Waits until the next try is due. Throws the signal's reason, or the LmError that says why there is no further try. */
  failed(failure: Failure): Promise<void>;
  /** Useful data has arrived: earlier failures no longer count. */
  progressed(): void;
}

export function createRetrier(options: RetryOptions): Retrier {
  const {
    what,
    signal,
    emit,
    policy,
    contact = new Contact(emit),
    sleep = wait,
    now = () => performance.now(),
  } = options;
  let state = NO_FAILURES;
  let attempt = 0;
  return {
    async failed(failure) {
      signal.throwIfAborted(); // an aborted request fails with some error; the signal has the reason
      const nowMs = now();
      const decision = nextDelay(failure, restartClocks(state, contact), nowMs, policy);
      if ('error' in decision) throw decision.error;
      const { waitMs, leftMs } = decision;
      ({ state } = decision);
      attempt++;
      if ((failure.kind === 'busy' || failure.kind === 'transient') && shouldReport(failure, contact, nowMs, waitMs))
        emit({
          type: 'retried',
          what,
          attempt,
          waitMs,
          ...(leftMs !== undefined && { leftMs }),
          reason: failure.reason,
        });
      if (waitMs > 0) await sleep(waitMs, signal);
    },
    progressed() {
      state = NO_FAILURES;
      attempt = 0;
      contact.progressed(now());
    },
  };
}

/** Restarts the clocks when another request has made progress meanwhile: the source is neither lost nor too busy. */
function restartClocks(state: RetryState, contact: Contact): RetryState {
  const stillSince = (ms: number | undefined) => (ms === undefined || contact.hasProgressedSince(ms) ? undefined : ms);
  return { ...state, lostSinceMs: stillSince(state.lostSinceMs), busySinceMs: stillSince(state.busySinceMs) };
}

function shouldReport(failure: Failure, contact: Contact, nowMs: number, waitMs: number): boolean {
  const isAnswer = failure.kind === 'transient' && failure.answered;
  return isAnswer || contact.shouldReportWait(failure.kind === 'busy' ? 'busy' : 'lost', nowMs, waitMs);
}

/** The result of one try of a request. */
export type Attempt<T> = { value: T } | { failure: Failure };

/** Tries until there is a value. Throws what `Retrier.failed` throws. */
export async function withRetry<T>(attempt: () => Promise<Attempt<T>>, options: RetryOptions): Promise<T> {
  const retrier = createRetrier(options);
  for (;;) {
    options.signal.throwIfAborted();
    const outcome = await outcomeOf(attempt, options.where);
    if ('value' in outcome) {
      retrier.progressed();
      return outcome.value;
    }
    await retrier.failed(outcome.failure);
  }
}

async function outcomeOf<T>(attempt: () => Promise<Attempt<T>>, where: string): Promise<Attempt<T>> {
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
