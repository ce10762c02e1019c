// Which failures deserve another try, when, and for how long. Knows no sockets and no files; the clock is handed in.

import { setTimeout as delay } from 'node:timers/promises';
import { formatSpan } from '../amounts.js';
import { LmError } from '../errors.js';
import type { Emit } from '../events.js';
import { Contact } from './contact.js';
import { type Failure, failureOfError } from './failure.js';

export interface RetryPolicy {
  /** Of one request that is answered each time, and fails: the first included. Its waits, added up, are within `lostMs` too. */
  tries: number;
  firstWaitMs: number;
  /** Waits double up to this one. */
  maxWaitMs: number;
  /** How long a lost source is waited for: from the first failure since it gave anything of use. No try begins later. */
  lostMs: number;
  /** The same of one that answers nothing but 503 and 429. */
  busyMs: number;
  /** Idle connections found closed cost nothing, but no more of them than a pool can hold. */
  freeTries: number;
  busyWaitMs: { least: number; usual: number };
}

/** What a copy is told by `--retry-for` is told once, in the help of that option: 30 s, and 5 minutes for a busy source. */
export const RETRY_POLICY: RetryPolicy = {
  tries: 5,
  firstWaitMs: 500,
  maxWaitMs: 5_000,
  lostMs: 30_000,
  busyMs: 300_000,
  freeTries: 20,
  busyWaitMs: { least: 100, usual: 1_000 },
};

/** `retryForMs` as it was stated; 0 waits for nothing. */
export const retryPolicy = (retryForMs: number | undefined): RetryPolicy =>
  retryForMs === undefined ? RETRY_POLICY : { ...RETRY_POLICY, lostMs: retryForMs, busyMs: retryForMs };

/** What one request has met so far. Begin with NO_FAILURES, and again after anything useful has arrived. */
export interface RetryState {
  /** Failures but for the free ones. */
  readonly failures: number;
  /** Of those, answers; and the waits after them, added up. */
  readonly answers: number;
  readonly answersMs: number;
  readonly free: number;
  readonly lostSinceMs?: number | undefined;
  readonly busySinceMs?: number | undefined;
}

export const NO_FAILURES: RetryState = { failures: 0, answers: 0, answersMs: 0, free: 0 };

/** `leftMs`: how long there will still be tries, if nothing changes; undefined where it is their number that ends them. */
export type Decision = { waitMs: number; leftMs?: number; state: RetryState } | { error: Error };

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
  const waitMs = Math.min(leftMs, Math.max(busyWaitMs.least, retryAfterMs ?? busyWaitMs.usual));
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

/** The source is there: more tries of what it cannot do, or of what a line damages each time, are no waiting for it. */
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

const LONGER = 'run the same command again; what was copied is kept; --retry-for waits longer';

function tooBusy({ reason, retryAfterMs }: Busy, forMs: number, busyMs: number): LmError {
  const told = retryAfterMs === undefined ? '' : `, and asks to come back in ${formatSpan(retryAfterMs)}`;
  const message = `the source is too busy: ${reason}${told} (waited for ${formatSpan(forMs)} of ${formatSpan(busyMs)})`;
  return new LmError('source', message, { hint: `${LONGER}, a lower --concurrency asks for less` });
}

/** `forMs` is what was waited for the source since it was lost. */
function givenUp(fault: Fault, failures: number, forMs: number): LmError {
  const tried = failures === 1 ? '(after 1 try)' : `(after ${failures} tries, waited for ${formatSpan(forMs)})`;
  if (fault.kind === 'transient' && fault.atLast) {
    if (failures === 1) return fault.atLast;
    const { code, message, hint, details, cause } = fault.atLast;
    return new LmError(code, `${message} ${tried}`, { ...(hint !== undefined && { hint }), details, cause });
  }
  const answered = fault.kind === 'transient' && fault.status !== undefined;
  const what = answered ? 'the source keeps answering with errors' : 'the source cannot be reached';
  return new LmError('source', `${what}: ${fault.reason} ${tried}`, {
    cause: fault.kind === 'transient' ? fault.cause : undefined,
    hint: (fault.kind === 'transient' && fault.hint) || LONGER,
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
  /** Of the source; one of its own, where requests are not to know of each other. */
  contact?: Contact;
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
      signal.throwIfAborted(); // an aborted request fails in many ways; the reason is the signal's
      const nowMs = now();
      const decision = nextDelay(failure, afresh(state, contact), nowMs, policy);
      if ('error' in decision) throw decision.error;
      const { waitMs, leftMs } = decision;
      ({ state } = decision);
      attempt++;
      if ((failure.kind === 'busy' || failure.kind === 'transient') && isTold(failure, contact, nowMs, waitMs))
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
      contact.useful(now());
    },
  };
}

/** What another request has got meanwhile starts the clocks anew: the source is neither lost nor too busy. */
function afresh(state: RetryState, contact: Contact): RetryState {
  const stillSince = (ms: number | undefined) => (ms === undefined || contact.wasUsefulAfter(ms) ? undefined : ms);
  return { ...state, lostSinceMs: stillSince(state.lostSinceMs), busySinceMs: stillSince(state.busySinceMs) };
}

function isTold(failure: Failure, contact: Contact, nowMs: number, waitMs: number): boolean {
  const isAnswer = failure.kind === 'transient' && failure.answered;
  return isAnswer || contact.waits(failure.kind === 'busy' ? 'busy' : 'lost', nowMs, waitMs);
}

/** A request that was answered, or what stood in its way. */
export type Attempt<T> = { value: T } | { failure: Failure };

/** Tries until there is a value. Throws what `Retrier.failed` throws. */
export async function withRetry<T>(attempt: () => Promise<Attempt<T>>, options: RetryOptions): Promise<T> {
  const retrier = createRetrier(options);
  for (;;) {
    options.signal.throwIfAborted();
    const outcome = await settled(attempt, options.where);
    if ('value' in outcome) {
      retrier.progressed();
      return outcome.value;
    }
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
