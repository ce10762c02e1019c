// A Cassandra Sidecar as a source, by the few routes it has. Asks for one digest at a time: the caller bounds how many at once.

import type { DigestAlgorithm } from '../../digest/digest.js';
import type { ListedFile } from '../../digest/digest-files.js';
import { LmError, printable } from '../../errors.js';
import { isServedRaw } from '../../wire/file-urls.js';
import { DigestResponse, parseAs } from '../../wire/messages.js';
import { AGENT_HEADER, digestTarget, requestFor } from '../../wire/routes.js';
import { type Failure, failureOfError } from '../failure.js';
import { type Ask, isOfType, notOurs, textOf } from '../http-client.js';
import { entryCounter } from '../listing-count.js';
import { PATIENCE } from '../patience.js';
import { type Attempt, createRetrier, withRetry } from '../retry.js';
import { askStatus, findsEmpty, retrying, type Source, type SourceDigest, type SourceParts } from '../source.js';
import { transportTo } from '../transport.js';
import { readSidecarListing } from './sidecar-listing.js';

/** DigestAlgorithmFactory knows these, whatever their case. */
const ALGORITHMS: readonly DigestAlgorithm[] = ['xxhash32', 'md5'];

/** By its one route for a digest. */
const ONE_FILE = { files: 1, bytes: 0 };

const JSON_TYPE = 'application/json';

export function sidecarSource(parts: SourceParts): Source {
  const { client, contact, firstStatus, maxConcurrentFileRequests } = parts;
  const { sidecarSilenceMs: silenceMs } = parts.patience ?? PATIENCE;
  return {
    url: client.origin,
    kind: 'sidecar',
    tells: { timeUnit: 'ms', mounts: false, owners: false },
    digestBatch: ONE_FILE,
    transport: transportTo(parts, { by: 'files', servesEmpty: false }), // it answers for an empty one with 416
    contact,
    retrying: (what, signal) => retrying(parts, what, signal),
    algorithms: ALGORITHMS,
    firstStatus,
    ...(maxConcurrentFileRequests !== undefined && { maxConcurrentFileRequests }),
    status: async (signal) => (await askStatus(parts, signal)).status,
    findsEmpty: (key, signal) => findsEmpty(parts, key, signal),
    async list({ only }, signal) {
      const headers = { accept: JSON_TYPE };
      const ask: Ask = { ...requestFor('list'), headers, silenceMs, signal };
      return withRetry(
        async () => {
          const reply = await client.ask(ask);
          if ('failure' in reply) return reply;
          if (!isOfType(reply.value, JSON_TYPE)) throw notOurs(reply.value, ask.asked, client.origin);
          if (reply.value.header(AGENT_HEADER) !== undefined) return { failure: { kind: 'fatal', error: mistaken() } };
          const { body } = reply.value;
          const add = entryCounter(parts.emit);
          const progressed = (files: number): void => {
            reply.value.progressed();
            add('source', files); // it is read to its end before anything is compared
          };
          return {
            value: await readSidecarListing(body, { roots: parts.roots, spool: parts.spool, only, progressed }),
          };
        },
        retrying(parts, ask.asked, signal),
      );
    },
    async *digests(algorithm, files, signal) {
      if (!ALGORITHMS.includes(algorithm)) throw unknownAlgorithm(algorithm);
      for (const [index, file] of files.entries()) yield { index, ...(await digestOf(parts, algorithm, file, signal)) };
    },
    close: () => client.close(),
  };
}

type OneDigest = SourceDigest extends infer D ? (D extends { index: number } ? Omit<D, 'index'> : never) : never;

const failed = (message: string): OneDigest => ({ result: 'failed', message });

/** What concerns this file alone is its answer; what concerns the source as a whole is thrown. */
async function digestOf(
  parts: SourceParts,
  algorithm: DigestAlgorithm,
  { key }: ListedFile,
  signal: AbortSignal,
): Promise<OneDigest> {
  if (!isServedRaw(key)) return failed('a Sidecar cannot serve a name that needs percent-encoding');
  const asked = `the digest of ${printable(key)}`;
  const { sidecarSilenceMs: silenceMs } = parts.patience ?? PATIENCE;
  const ask: Ask = { ...requestFor('file', digestTarget(key, algorithm)), asked, silenceMs, signal };
  const { client } = parts;
  const retrier = createRetrier(retrying(parts, asked, signal));
  for (;;) {
    signal.throwIfAborted();
    const outcome = await askForDigest();
    if ('value' in outcome) return outcome.value;
    try {
      await retrier.failed(outcome.failure);
    } catch (error) {
      if (outcome.failure.kind === 'transient' && outcome.failure.status === 500) return failed(outcome.failure.reason);
      throw error;
    }
  }

  async function askForDigest(): Promise<Attempt<OneDigest>> {
    const reply = await client.ask(ask);
    if ('failure' in reply) return aboutTheFile(reply.failure);
    if (!isOfType(reply.value, JSON_TYPE)) throw notOurs(reply.value, asked, client.origin);
    try {
      const answer = parseAs(DigestResponse, await textOf(reply.value.body, 65_536), asked);
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

/** An agent's status was damaged on the way: as a Sidecar it tells no modes, owners or links. */
const mistaken = (): LmError =>
  new LmError('source', 'the source is an lm agent, which its status did not say', {
    hint: 'run the same command again',
  });

const unknownAlgorithm = (algorithm: string): LmError =>
  new LmError('usage', `a Sidecar cannot compute ${algorithm}`, { hint: `use --algo ${ALGORITHMS.join(' or ')}` });
