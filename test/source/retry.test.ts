import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { LmError } from '../../src/errors.js';
import type { Event } from '../../src/events.js';
import { Contact } from '../../src/source/contact.js';
import type { WorkerFault } from '../../src/source/failure.js';
import {
  atFirstContact,
  type Failure,
  failureOfError,
  failureOfFault,
  failureOfStatus,
} from '../../src/source/failure.js';
import {
  type Attempt,
  createRetrier,
  NO_FAILURES,
  nextDelay,
  RETRY_POLICY,
  type RetryState,
  retryPolicy,
  withRetry,
} from '../../src/source/retry.js';

const WHERE = 'http://source:9043';
const errno = (code: string, more: object = {}): Error => Object.assign(new Error(`it is ${code}`), { code, ...more });
const fatalOf = (failure: Failure): LmError => {
  expect(failure).toMatchObject({ kind: 'fatal' });
  return (failure as { error: Error }).error as LmError;
};

describe('a thrown error is classified', () => {
  test.each([
    ...['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN'],
    ...['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_SOCKET'],
    ...['ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC'],
  ])('%s is transient', (code) => {
    expect(failureOfError(errno(code), WHERE)).toMatchObject({ kind: 'transient' });
  });

  test.each(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])('%s on an idle connection costs nothing', (code) => {
    expect(failureOfError(errno(code), WHERE, true)).toMatchObject({ kind: 'idle-reset' });
  });

  test('a refused connection is never an idle one', () => {
    expect(failureOfError(errno('ECONNREFUSED'), WHERE, true)).toMatchObject({ kind: 'transient' });
  });

  test.each<[string, Error, string, RegExp]>([
    ['a foreign authority', errno('SELF_SIGNED_CERT_IN_CHAIN'), 'protocol', /--ca-cert/],
    ['an expired certificate', errno('CERT_HAS_EXPIRED'), 'protocol', /renew/],
    ['a certificate for another name', errno('ERR_TLS_CERT_ALTNAME_INVALID'), 'protocol', /host name/],
    ['a missing client certificate', errno('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), 'protocol', /--client-cert/],
    ['TLS spoken to plain HTTP', errno('ERR_SSL_WRONG_VERSION_NUMBER'), 'protocol', /http:\/\//],
    ['something that is not HTTP', errno('HPE_INVALID_CONSTANT'), 'protocol', /https:\/\//],
  ])('%s is final, with what to do about it', (_, error, code, hint) => {
    const fatal = fatalOf(failureOfError(error, WHERE));
    expect(fatal.code).toBe(code);
    expect(fatal.hint).toMatch(hint);
    expect(fatal.message).toContain(WHERE);
  });

  test('a name that nobody knows is a slip at first contact, and the network’s once it was known', () => {
    const nobody = [errno('ENOTFOUND'), errno('EINVAL', { syscall: 'getaddrinfo' })];
    for (const error of nobody) {
      const failure = failureOfError(error, WHERE);
      expect(failure).toMatchObject({ kind: 'transient', reason: `no such host: ${WHERE}` });
      expect(fatalOf(atFirstContact(failure, WHERE, false))).toMatchObject({
        ...{ code: 'usage', kind: 'source-url' },
        message: `no such host: ${WHERE}`,
        hint: expect.stringMatching(/check the name/),
      });
    }
    const later = failureOfError(errno('EAI_AGAIN', { syscall: 'getaddrinfo' }), WHERE);
    expect(atFirstContact(later, WHERE, false)).toMatchObject({ kind: 'transient' });
  });

  test('whatever a socket meets is the network’s, but for what this host lacks', () => {
    const failed = (code: string) => failureOfError(errno(code, { syscall: 'connect' }), WHERE);
    for (const code of ['EINVAL', 'EPERM', 'EACCES', 'EAFNOSUPPORT', 'ENOBUFS'])
      expect(failed(code)).toMatchObject({ kind: 'transient', reason: `${WHERE}: connect ${code}` });
    expect(failed('EMFILE')).toMatchObject({ kind: 'fatal' });
    const fault = (code: string): WorkerFault => ({ kind: 'network', code, message: 'x', reused: false });
    for (const code of ['EPERM', 'EAI_FAIL'])
      expect(failureOfFault(fault(code), WHERE)).toMatchObject({ kind: 'transient', reason: `${WHERE}: ${code}` });
    expect(failureOfFault(fault('ERR_INVALID_ARG_TYPE'), WHERE)).toMatchObject({ kind: 'fatal' });
  });

  test('the cause that matters is found behind wrappers', () => {
    const wrapped = new TypeError('fetch failed', { cause: new AggregateError([errno('ECONNREFUSED')]) });
    expect(failureOfError(wrapped, WHERE)).toMatchObject({
      kind: 'transient',
      reason: `${WHERE}: connection refused (ECONNREFUSED)`,
    });
  });

  test('of OpenSSL’s line, the reason is reported', () => {
    const text = '809C:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../deps/ssl3_record.c:355:\n';
    const error = Object.assign(new Error(text), { code: 'ERR_SSL_WRONG_VERSION_NUMBER' });
    expect(fatalOf(failureOfError(error, WHERE)).message).toBe(`no TLS session with ${WHERE}: wrong version number`);
  });

  test('what is the source’s fault for now is tried again, and is itself in the end', () => {
    const fault = new LmError('source', 'bytes of the listing were damaged on the way');
    expect(failureOfError(fault, WHERE)).toMatchObject({ kind: 'transient', reason: fault.message, finalError: fault });
  });

  test('our own errors and bugs pass through unchanged', () => {
    const ours = new LmError('local', 'cannot write');
    const bug = new TypeError('undefined is not a function');
    expect(fatalOf(failureOfError(ours, WHERE))).toBe(ours);
    expect(fatalOf(failureOfError(bug, WHERE))).toBe(bug);
  });
});

describe('an answer without success is classified', () => {
  const NOW = Date.UTC(2026, 0, 1);
  const of = (status: number, more: object = {}): Failure => failureOfStatus({ status, ...more }, 'a file', WHERE, NOW);

  test.each([408, 500, 502, 504, 507])('%i is transient', (status) => {
    expect(of(status)).toMatchObject({ kind: 'transient', reason: `a file: HTTP ${status}` });
  });

  test.each<[number, RegExp]>([
    [301, /redirects/],
    [400, /refused a request/],
    [401, /wants a token/],
    [403, /forbids/],
    [404, /not enabled/],
    [416, /refused a request/],
    [421, /by this name/],
    [501, /refused a request/],
  ])('%i is final', (status, message) => {
    const fatal = fatalOf(of(status));
    expect(fatal.code).toBe('protocol');
    expect(fatal.message).toMatch(message);
    expect(fatal.hint).toBeDefined();
  });

  test('409 is final as well, and the source’s: somebody has to see to it there', () => {
    const fatal = fatalOf(of(409, { message: 'root data/0 is another directory' }));
    expect(fatal).toMatchObject({
      ...{ code: 'source', kind: 'source-state' },
      hint: expect.stringContaining('on the source'),
    });
    expect(fatal.message).toMatch(/HTTP 409: root data\/0 is another directory/);
  });

  test.each<[string | undefined, number | undefined]>([
    [undefined, undefined],
    ['7', 7_000],
    ['0', 0],
    ['Thu, 01 Jan 2026 00:00:09 GMT', 9_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', undefined],
    ['-1 second', undefined],
  ])('503 and 429 with Retry-After %s wait %s ms', (retryAfter, retryAfterMs) => {
    for (const status of [503, 429])
      expect(of(status, { retryAfter })).toEqual({
        kind: 'busy',
        reason: `a file: HTTP ${status}`,
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      });
  });

  test('the source’s own message is repeated, and cannot forge a line', () => {
    expect(fatalOf(of(400, { message: 'no\nerror: all is well' })).message).toContain('no\\nerror: all is well');
  });
});

const FAULT = { kind: 'transient', reason: 'connection reset' } satisfies Failure;
const ANSWER: Failure = { kind: 'transient', reason: 'files: HTTP 500', answered: true, status: 500 };
const BUSY: Failure = { kind: 'busy', reason: 'HTTP 503' };
const IDLE: Failure = { kind: 'idle-reset', reason: 'idle connection closed' };

/** Follows the decisions, the clock moving by each wait and by what each try takes. */
function follow(failures: Iterable<Failure>, tryMs = 0, policy = RETRY_POLICY): { waits: number[]; error?: LmError } {
  let state: RetryState = NO_FAILURES;
  let now = 1_000;
  const waits: number[] = [];
  for (const failure of failures) {
    now += tryMs;
    const decision = nextDelay(failure, state, now, policy);
    if ('error' in decision) return { waits, error: decision.error as LmError };
    waits.push(decision.waitMs);
    now += decision.waitMs;
    state = decision.state;
  }
  return { waits };
}

const times = (n: number, failure: Failure): Failure[] => Array<Failure>(n).fill(failure);
const sum = (waits: number[]): number => waits.reduce((total, ms) => total + ms, 0);

describe('the policy', () => {
  test('a lost source is waited for 30 seconds from the first failure on, and tried at their end once more', () => {
    const { waits, error } = follow(times(99, FAULT));
    expect(waits).toEqual([500, 1000, 2000, 4000, 5000, 5000, 5000, 5000, 2500]);
    expect(error).toMatchObject({
      ...{ code: 'source', kind: 'source-unreachable' },
      message: 'the source cannot be reached: connection reset (after 10 tries, waited for 30s)',
      hint: expect.stringContaining('--retry-for'),
    });
    expect(follow(times(99, FAULT), 10_000).waits).toEqual([500, 1000, 2000]);
    expect(follow(times(99, FAULT), 100_000).waits).toEqual([500]);
  });

  test.each([1, 700, 2_000, 3_600_000])('with --retry-for of %i ms, it waits for exactly that', (ms) => {
    for (const failure of [FAULT, BUSY]) expect(sum(follow(times(9999, failure), 0, retryPolicy(ms)).waits)).toBe(ms);
    expect(sum(follow(times(99, ANSWER), 0, retryPolicy(ms)).waits)).toBe(Math.min(ms, 7_500));
  });

  test('with --retry-for of 0, it ends with the first failure, except an idle connection’s', () => {
    for (const failure of [FAULT, ANSWER, BUSY]) {
      const { waits, error } = follow([IDLE, failure], 0, retryPolicy(0));
      expect([waits, error?.code]).toEqual([[0], 'source']);
    }
  });

  test('a source that answers with errors is there: five tries of one request, however long it may be waited for', () => {
    const { waits, error } = follow(times(9, ANSWER), 100_000, retryPolicy(3_600_000));
    expect(waits).toEqual([500, 1000, 2000, 4000]);
    expect(error!.message).toBe(
      'the source keeps answering with errors: files: HTTP 500 (after 5 tries, waited for 7.5 s)',
    );
  });

  test('an answer starts the time of a lost source anew', () => {
    const { waits, error } = follow([...times(9, FAULT), ANSWER, ...times(99, FAULT)]);
    expect([sum(waits), error?.code]).toEqual([30_000 + 5_000 + 30_000, 'source']);
  });

  test('a failure with a final error ends as that, with the time waited', () => {
    const finalError = new LmError('protocol', 'it demands a certificate', { hint: 'give it' });
    const closed: Failure = { kind: 'transient', reason: 'connection closed', finalError };
    expect(follow([closed], 0, retryPolicy(0)).error).toBe(finalError);
    const { error } = follow(times(99, closed));
    expect(error).toMatchObject({
      code: 'protocol',
      message: 'it demands a certificate (after 10 tries, waited for 30s)',
      hint: 'give it',
    });
  });

  test('idle connections cost no try, no wait, and come to an end', () => {
    expect(follow([...times(3, IDLE), FAULT, FAULT]).waits).toEqual([0, 0, 0, 500, 1000]);
    expect(follow(times(99, IDLE)).waits.slice(0, 22)).toEqual([...Array(20).fill(0), 500, 1000]);
  });

  test('a busy source is waited for as long as its Retry-After, and no shorter', () => {
    const busyFor = (retryAfterMs: number): Failure => ({ kind: 'busy', reason: '', retryAfterMs });
    expect(follow([BUSY, busyFor(7_000), busyFor(0), busyFor(90_000)]).waits).toEqual([1000, 7000, 100, 90_000]);
  });

  test('a Retry-After beyond the limit ends it at once', () => {
    const later: Failure = { kind: 'busy', reason: 'HTTP 429', retryAfterMs: 3_600_000 };
    const { waits, error } = follow([BUSY, later], 0, retryPolicy(60_000));
    expect([waits, error]).toMatchObject([
      [1000],
      {
        code: 'source',
        kind: 'source-busy',
        message: 'the source is too busy: HTTP 429, and asks to come back in 1h00m (waited for 1.0 s of 1m00s)',
      },
    ]);
  });

  test('a busy answer takes no try and forgives what went before', () => {
    const mixed = [...times(4, ANSWER), BUSY, ...times(4, ANSWER), BUSY, FAULT];
    expect(follow(mixed).waits).toEqual([500, 1000, 2000, 4000, 1000, 500, 1000, 2000, 4000, 1000, 500]);
  });

  test('patience with a busy source ends after five minutes', () => {
    const { waits, error } = follow(times(999, BUSY));
    expect(waits).toHaveLength(300);
    expect(error).toMatchObject({
      code: 'source',
      message: 'the source is too busy: HTTP 503 (waited for 5m00s of 5m00s)',
    });
  });

  test('a fatal failure is not tried again', () => {
    const error = new LmError('protocol', 'no');
    expect(follow([{ kind: 'fatal', error }])).toEqual({ waits: [], error });
  });

  test('law: whatever goes wrong, trying ends', () => {
    const failure = fc.constantFrom(FAULT, ANSWER, BUSY, IDLE);
    fc.assert(
      fc.property(fc.infiniteStream(failure), fc.integer({ min: 0, max: 5_000 }), (failures, tryMs) => {
        const { waits, error } = follow(take(failures, 5_000), tryMs);
        expect(error?.code).toBe('source');
        const { lostMs, busyMs, tries } = RETRY_POLICY;
        expect(sum(waits)).toBeLessThanOrEqual(busyMs + (tries + 1) * lostMs);
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});

function* take<T>(source: Iterable<T>, count: number): Generator<T> {
  for (const value of source) {
    if (count-- === 0) return;
    yield value;
  }
}

describe('requests to one source', () => {
  /** Each with its retrier, at one clock; `pass` lets time pass. */
  function requests(...names: string[]) {
    let nowMs = 0;
    const events: Event[] = [];
    const emit = (event: Event) => void events.push(event);
    const contact = new Contact(emit);
    const { signal } = new AbortController();
    const common = { where: WHERE, signal, emit, contact, sleep: async () => {}, now: () => nowMs };
    const pass = (ms: number) => {
      nowMs += ms;
    };
    return { events, retriers: names.map((what) => createRetrier({ what, ...common })), pass };
  }

  test.each([FAULT, BUSY])('are neither lost nor too busy while another one makes progress: %o', async (failure) => {
    const { retriers, pass } = requests('one', 'other');
    const [one, other] = retriers;
    for (let i = 0; i < 100; i++) {
      await one!.failed(failure);
      pass(20_000);
      other!.progressed();
    }
    await one!.failed(failure);
    pass(400_000);
    await expect(one!.failed(failure)).rejects.toMatchObject({ code: 'source' });
  });

  test('report one wait at a time, and how long it was when the source answers again', async () => {
    const { events, retriers, pass } = requests('one', 'other');
    const [one, other] = retriers;
    await one!.failed(FAULT);
    await other!.failed(FAULT);
    pass(500);
    await other!.failed(FAULT);
    await one!.failed(FAULT);
    pass(1_000);
    one!.progressed();
    other!.progressed();
    await one!.failed(FAULT);
    pass(999);
    one!.progressed(); // no loss to speak of
    const retried = { type: 'retried', reason: FAULT.reason, leftMs: 30_000 };
    expect(events).toEqual([
      { ...retried, what: 'one', attempt: 1, waitMs: 500 },
      { ...retried, what: 'other', attempt: 2, waitMs: 1000, leftMs: 29_500 },
      { type: 'recovered', forMs: 1_500 },
      { ...retried, what: 'one', attempt: 1, waitMs: 500 },
    ]);
  });
});

describe('withRetry', () => {
  const run = async (attempts: (() => Attempt<string>)[], signal = new AbortController().signal) => {
    const events: Event[] = [];
    const slept: number[] = [];
    const value = withRetry(async () => attempts.shift()!(), {
      what: 'the listing',
      where: WHERE,
      signal,
      emit: (event) => events.push(event),
      sleep: async (ms) => void slept.push(ms),
      now: () => 0,
    });
    return { value: await value.catch((error: unknown) => error), events, slept };
  };

  test('reports each wait and ends with the value', async () => {
    const failures = [() => raise(errno('ECONNRESET')), () => ({ failure: BUSY }), () => ({ value: 'here' })];
    const { value, events, slept } = await run(failures);
    expect(value).toBe('here');
    expect(slept).toEqual([500, 1000]);
    expect(events).toEqual([
      {
        type: 'retried',
        what: 'the listing',
        attempt: 1,
        waitMs: 500,
        leftMs: 30_000,
        reason: `${WHERE}: connection reset (ECONNRESET)`,
      },
      { type: 'retried', what: 'the listing', attempt: 2, waitMs: 1000, leftMs: 300_000, reason: 'HTTP 503' },
    ]);
  });

  test('an abort ends it with the reason given, whatever the request threw', async () => {
    const controller = new AbortController();
    const reason = new LmError('interrupted', 'interrupted');
    const abort = () => {
      controller.abort(reason);
      return raise(errno('UND_ERR_ABORTED'));
    };
    expect((await run([abort], controller.signal)).value).toBe(reason);
  });

  test('an abort ends a wait', async () => {
    const controller = new AbortController();
    const reason = new LmError('interrupted', 'interrupted');
    const options = { what: '', where: WHERE, signal: controller.signal, emit: () => controller.abort(reason) };
    await expect(withRetry(async () => ({ failure: FAULT }), options)).rejects.toBe(reason);
  });
});

function raise(error: Error): never {
  throw error;
}
