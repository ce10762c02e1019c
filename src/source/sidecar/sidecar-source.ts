// A Cassandra Sidecar as a source, through the few routes it has. It requests one digest at a time; the caller limits how many at once.

import type { DigestAlgorithm } from '../../digest/digest.js';
import type { ListedFile } from '../../digest/listed-file.js';
import { LmError, printable } from '../../errors.js';
import { isServedRaw } from '../../wire/file-urls.js';
import { DigestResponse, parseAs } from '../../wire/messages.js';
import { AGENT_HEADER, digestTarget, requestFor } from '../../wire/routes.js';
import { type Failure, failureOfError } from '../failure.js';
import { isOfType, MAX_DOCUMENT_BYTES, type SourceRequest, textOf, unexpectedAnswer } from '../http-client.js';
import { entryCounter } from '../listing-count.js';
import { PATIENCE } from '../patience.js';
import { type Attempt, createRetrier, withRetry } from '../retry.js';
import { findsEmpty, requestStatus, retrying, type Source, type SourceDigest, type SourceSetup } from '../source.js';
import { transportTo } from '../transport.js';
import { readSidecarListing } from './sidecar-listing.js';

/** The algorithms of the Sidecar's DigestAlgorithmFactory. */
const ALGORITHMS: readonly DigestAlgorithm[] = ['xxhash32', 'md5'];

/** Its one route for digests takes one file. */
const ONE_FILE = { files: 1, bytes: 0 };

const JSON_TYPE = 'application/json';

export function sidecarSource(setup: SourceSetup): Source {
  const { client, contact, firstStatus, maxConcurrentFileRequests } = setup;
  const { sidecarSilenceMs: silenceMs } = setup.patience ?? PATIENCE;
  return {
    url: client.origin,
    kind: 'sidecar',
    capabilities: { timeUnit: 'ms', mounts: false, owners: false },
    digestBatch: ONE_FILE,
    transport: transportTo(setup, { by: 'files', servesEmpty: false, sendsPages: false }), // a Sidecar answers 416 for an empty file
    contact,
    retrying: (what, signal) => retrying(setup, what, signal),
    algorithms: ALGORITHMS,
    checksSSTables: false,
    keepsPace: false,
    firstStatus,
    ...(maxConcurrentFileRequests !== undefined && { maxConcurrentFileRequests }),
    status: async (signal) => (await requestStatus(setup, signal)).status,
    findsEmpty: (key, signal) => findsEmpty(setup, key, signal),
    async list({ only }, signal) {
      const headers = { accept: JSON_TYPE };
      const request: SourceRequest = { ...requestFor('list'), headers, silenceMs, signal };
      return withRetry(
        async () => {
          const reply = await client.request(request);
          if ('failure' in reply) return reply;
          if (!isOfType(reply.value, JSON_TYPE)) throw unexpectedAnswer(reply.value, request.what, client.origin);
          if (reply.value.header(AGENT_HEADER) !== undefined)
            return { failure: { kind: 'fatal', error: agentNotSidecar() } };
          const { body } = reply.value;
          const add = entryCounter(setup.emit);
          const progressed = (files: number): void => {
            reply.value.progressed();
            add('source', files); // read to its end before anything is compared, so it has to be counted here
          };
          return {
            value: await readSidecarListing(body, { roots: setup.roots, spool: setup.spool, only, progressed }),
          };
        },
        retrying(setup, request.what, signal),
      );
    },
    async *digests(wanted, files, signal) {
      const algorithm = ALGORITHMS.find((known) => known === wanted);
      if (!algorithm) throw unknownAlgorithm(wanted);
      for (const [index, file] of files.entries())
        yield [{ index, ...(await digestOf(setup, algorithm, file, signal)) }];
    },
    close: () => client.close(),
  };
}

type OneDigest = SourceDigest extends infer D ? (D extends { index: number } ? Omit<D, 'index'> : never) : never;

const failed = (message: string): OneDigest => ({ result: 'failed', message });

/** A failure of this file alone is its answer; a failure of the source is thrown. */
async function digestOf(
  setup: SourceSetup,
  algorithm: DigestAlgorithm,
  { key }: ListedFile,
  signal: AbortSignal,
): Promise<OneDigest> {
  if (!isServedRaw(key)) return failed('a Sidecar cannot serve a name that needs percent-encoding');
  const what = `the digest of ${printable(key)}`;
  const { sidecarSilenceMs: silenceMs } = setup.patience ?? PATIENCE;
  const request: SourceRequest = { ...requestFor('file', digestTarget(key, algorithm)), what, silenceMs, signal };
  const { client } = setup;
  const retrier = createRetrier(retrying(setup, what, signal));
  for (;;) {
    signal.throwIfAborted();
    const outcome = await requestDigest();
    if ('value' in outcome) return outcome.value;
    try {
      await retrier.failed(outcome.failure);
    } catch (error) {
      if (outcome.failure.kind === 'transient' && outcome.failure.status === 500) return failed(outcome.failure.reason);
      throw error;
    }
  }

  async function requestDigest(): Promise<Attempt<OneDigest>> {
    const reply = await client.request(request);
    if ('failure' in reply) return aboutTheFile(reply.failure);
    if (!isOfType(reply.value, JSON_TYPE)) throw unexpectedAnswer(reply.value, what, client.origin);
    try {
      const answer = parseAs(DigestResponse, await textOf(reply.value.body, MAX_DOCUMENT_BYTES), what);
      if (answer.digestAlgorithm.toLowerCase() === algorithm) return { value: { digest: answer.digest } };
      return { value: failed(`answered with ${printable(answer.digestAlgorithm)} instead of ${algorithm}`) };
    } catch (error) {
      return { failure: failureOfError(error, client.origin) };
    }
  }
}

function aboutTheFile(failure: Failure): Attempt<OneDigest> {
  if (failure.kind !== 'fatal') return { failure };
  if (failure.status === 404) return { value: { result: 'vanished', message: 'no longer there' } };
  if (failure.status === 400 || failure.status === 403) return { value: failed(failure.error.message) };
  return { failure };
}

/** An agent whose status was damaged on the way: as a Sidecar it would list no modes, owners or links. */
const agentNotSidecar = (): LmError =>
  new LmError('source', 'the source is an lm agent, which its status did not say', {
    hint: 'run the same command again',
  });

const unknownAlgorithm = (algorithm: string): LmError =>
  new LmError('algorithm', `a Sidecar cannot compute ${algorithm}`, { hint: `use --algo ${ALGORITHMS.join(' or ')}` });
