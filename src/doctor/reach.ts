// Connects to the source as a copy would: credentials, TLS, what it is, which version, and what its clock says.

import { LmError, printable } from '../errors.js';
import type { Roots } from '../files/roots.js';
import { addressOf } from '../migration/address.js';
import { plaintextSourceWarnings } from '../settings/plaintext.js';
import type { ReachingSource } from '../settings/settings.js';
import { directoryIn } from '../settings/values/source-url.js';
import { connectSource } from '../source/connect-source.js';
import { Contact } from '../source/contact.js';
import { createHttpClient, type SourceAddress } from '../source/http-client.js';
import { retryPolicy } from '../source/retry.js';
import { requestStatus, type Source } from '../source/source.js';
import { version } from '../version.js';
import { VERSION_HEADER } from '../wire/routes.js';
import { clientCertificateFinding, sourceCertificateFinding } from './certificates.js';
import { type Finding, failed, note, ok, warning } from './finding.js';

/** For name, connection and answer together. A copy waits longer, and tries again. */
const TIMEOUT_MS = 10_000;

/** A doctor asks once. */
const ONCE = { ...retryPolicy(0), freeTries: 0 };

type Reaching = Pick<ReachingSource, 'tokenFile' | 'tls' | 'notes'> & { url: URL };

interface ReachOptions {
  roots: Roots;
  /** An existing directory for temporary files. */
  spool: string;
  signal: AbortSignal;
  tell(finding: Finding): void;
}

/** Resolves to the source, which the caller closes, unless it cannot be asked for anything. Throws the signal's reason. */
export async function reach(
  settings: Reaching,
  { roots, spool, signal, tell }: ReachOptions,
): Promise<Source | undefined> {
  const { url, tokenFile } = settings;
  const directory = directoryIn(url);
  if (directory !== undefined) {
    tell(
      note(
        'source',
        `${printable(directory)} is a directory of this host: lm copy serves it to itself, and looks at it then`,
      ),
    );
    return undefined;
  }
  const open = [...settings.notes, ...(await plaintextSourceWarnings(settings))];
  for (const text of open) tell(warning('encryption', text));
  if (open.length === 0) tell(ok('encryption', url.protocol === 'https:' ? 'TLS' : 'none, and no network between'));
  const address = await resolvedAddress(settings, tell);
  if (!address) return undefined;
  const { token, clientCert } = address;
  const which =
    token === undefined ? 'no token' : tokenFile === undefined ? "the token of this host's agent" : 'a token';
  tell(ok('credentials', `${which}${clientCert === undefined ? '' : ', a client certificate'}`));
  if (clientCert !== undefined) tell(clientCertificateFinding(clientCert, Date.now()));
  const late = new AbortController(); // AbortSignal.timeout() never comes where a collection of garbage does first
  const timer = setTimeout(() => late.abort(new LmError('source-unreachable', noAnswer(url))), TIMEOUT_MS);
  try {
    const either = AbortSignal.any([signal, late.signal]);
    const asked = { ...address, roots, spool, policy: ONCE, emit: () => {}, signal: either };
    const source = await connectSource(asked);
    try {
      for (const finding of await sourceFindings(source, address, either)) tell(finding);
    } catch (error) {
      await source.close();
      throw error;
    }
    return source;
  } catch (error) {
    signal.throwIfAborted();
    const why: unknown = late.signal.aborted ? late.signal.reason : error;
    if (!(why instanceof LmError)) throw error;
    tell(failed('source', why));
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

const noAnswer = ({ origin }: URL): string => `${origin} has not answered in ${TIMEOUT_MS / 1000} s`;

async function resolvedAddress(settings: Reaching, tell: ReachOptions['tell']): Promise<SourceAddress | undefined> {
  try {
    return await addressOf(settings);
  } catch (error) {
    if (!(error instanceof LmError)) throw error;
    tell(failed('credentials', error));
    return undefined;
  }
}

async function sourceFindings(source: Source, address: SourceAddress, signal: AbortSignal): Promise<Finding[]> {
  const { url, kind, firstStatus } = source;
  const { version: there, date, beforeMs, afterMs } = await askAgain(address, signal);
  return [
    ok('source', `${url} is ${kind === 'lm' ? 'an lm agent' : 'a Cassandra Sidecar'}`),
    ...(url.startsWith('https:') ? [await sourceCertificateFinding(address, Date.now())] : []),
    versionFinding(kind, there),
    ...(date === undefined ? [] : [clockFinding(date, beforeMs, afterMs)]),
    ...(firstStatus.state === 'COMPLETED' ? [completedThere(url)] : []),
  ];
}

const completedThere = (url: string): Finding =>
  failed(
    'completed',
    new LmError('already-complete', `the migration is complete at the source, ${url}`, {
      hint: 'lm reset there, if another is to begin',
    }),
  );

/** The status once more, over a connection that is there already for the second of two requests, so that the answer is quick. */
async function askAgain(address: SourceAddress, signal: AbortSignal) {
  const client = await createHttpClient(address);
  const emit = (): void => {};
  const setup = { client, contact: new Contact(emit), emit, policy: ONCE };
  try {
    await requestStatus(setup, signal);
    const beforeMs = Date.now();
    const { answer } = await requestStatus(setup, signal);
    return { version: answer.header(VERSION_HEADER), date: answer.header('date'), beforeMs, afterMs: Date.now() };
  } finally {
    await client.close();
  }
}

export function versionFinding(kind: Source['kind'], there: string | undefined): Finding {
  if (kind === 'sidecar')
    return note('source-version', 'a Sidecar: no delta, no proofs, owners and modes are not told');
  const here = version();
  if (there === here) return ok('source-version', `lm ${here}, as here`);
  return note(
    'source-version',
    `lm ${here} here, ${there === undefined ? 'an older one' : `lm ${there.slice(0, 100)}`} there`,
    {
      todo: 'either may have the newer one; what both have is used',
    },
  );
}

/** What is allowed for the difference of clocks where a source does not say which of its files are young. */
const APART_MS = 60_000;

/** `date` has whole seconds, rounded down, and was written between the two times of this host. */
export function clockFinding(date: string, beforeMs: number, afterMs: number): Finding {
  const there = Date.parse(date);
  if (Number.isNaN(there)) return ok('clock', 'the source does not tell its time');
  const [least, most] = [there - afterMs, there + 1000 - beforeMs]; // how far the source may be ahead
  const apartMs = least > 0 ? least : most < 0 ? -most : 0;
  const text = `the source's clock is ${Math.round(apartMs / 1000)} s ${least > 0 ? 'ahead' : 'behind'}`;
  if (apartMs <= APART_MS) return ok('clock', apartMs < 1000 ? 'the same, to the second' : text);
  return warning('clock', text, {
    todo: 'set both by NTP: certificates and timetables go by them, and so do times of a Sidecar',
  });
}
