// Looks at what `lm serve` would need on this host: its directories, credentials and address, and what a walk of them finds. Serves nothing.

import { X509Certificate } from 'node:crypto';
import { formatCount } from '../amounts.js';
import { LmError, printable } from '../errors.js';
import { joinKey } from '../files/entry.js';
import type { ListingTotals } from '../files/listing.js';
import type { Roots } from '../files/roots.js';
import { hostAndPort, isWildcard } from '../linux/addresses.js';
import { findListeners } from '../linux/listeners.js';
import { createWalker, walkHere } from '../listing/walk-lines.js';
import { addNamed, noneNamed } from '../plan/left-out.js';
import { leftOutRows } from '../render/rows/left-out.js';
import type { Named } from '../report/parts.js';
import { statedCredentials } from '../serve/credentials.js';
import { openServed, type Served } from '../serve/served-roots.js';
import { plaintextServeWarnings } from '../settings/plaintext.js';
import type { ServeSettings } from '../settings/settings.js';
import { findInstance } from '../state/instance.js';
import { agentsOf } from '../state/lock/presence.js';
import { certificateFinding } from './certificates.js';
import { type Finding, failed, note, ok, warning } from './finding.js';
import { completionFindings } from './records.js';
import { listingFindings } from './source-listing.js';

export async function* servingFindings(settings: ServeSettings, signal: AbortSignal): AsyncGenerator<Finding> {
  const { stateDir, instance: name } = settings;
  const served = await directoriesOf(settings);
  yield* served.findings;
  const { roots } = served;
  const instance = roots && findInstance({ stateDir, role: 'source', name, roots });
  if (instance) yield* completionFindings(instance);
  yield* credentialFindings(settings);
  yield* encryptionFindings(settings);
  yield await portFinding(settings, instance?.dir);
  if (served.read) yield* await walkFindings(served.read, settings, signal);
}

/** The directories by which a source is known, and those that it reads; neither where they cannot be served. */
async function directoriesOf(settings: ServeSettings): Promise<Partial<Served> & { findings: Finding[] }> {
  const lacking: Finding[] = [];
  try {
    const served = await openServed(settings, (text) => lacking.push(warning('node', text)));
    const named = served.read.map(({ key, path }) => ok('directories', `${key} is ${printable(path)}`));
    return { ...served, findings: [...named, ...lacking] };
  } catch (error) {
    return { findings: [asFailed('directories', error)] };
  }
}

function asFailed(code: Finding['code'], error: unknown): Finding {
  if (error instanceof LmError) return failed(code, error);
  throw error;
}

function* credentialFindings(settings: ServeSettings): Generator<Finding> {
  let found: ReturnType<typeof statedCredentials>;
  try {
    found = statedCredentials(settings);
  } catch (error) {
    yield asFailed('credentials', error);
    return;
  }
  const { token, tokensFor, tls } = found;
  const tokens = (token === undefined ? 0 : 1) + tokensFor.length;
  const clients = settings.clientCa === undefined ? [] : ['client certificates'];
  const asked = [...(tokens > 0 ? [formatCount(tokens, 'token')] : []), ...clients];
  const own = settings.insecure ? 'nothing is asked of clients (--insecure)' : 'a token of its own making is asked for';
  yield ok('credentials', asked.length > 0 ? `${asked.join(' and ')} asked for` : own);
  if (tls) yield certificateFinding("the agent's certificate", new X509Certificate(tls.cert as string), Date.now());
}

function encryptionFindings(settings: ServeSettings): Finding[] {
  const open = plaintextServeWarnings(settings);
  if (open.length > 0) return open.map((text) => warning('encryption', text));
  return [
    ok('encryption', settings.tlsAuto || settings.tlsCert !== undefined ? 'TLS' : 'none, and no network between'),
  ];
}

/** `dir`: of the records of this source, if there are any. */
async function portFinding({ listen }: ServeSettings, dir: string | undefined): Promise<Finding> {
  const { host, port } = listen;
  const where = hostAndPort(host, port);
  if (port === 0) return ok('port', 'any free one');
  const listeners = (await findListeners([port], [host])).filter(
    ({ address }) => isWildcard(host) || isWildcard(address) || address === host || host === 'localhost',
  );
  const [first] = listeners;
  if (!first) return ok('port', `${where} is free`);
  const own = dir === undefined ? [] : await agentsOf(dir);
  const isOwn = own.some(
    ({ holder }) => typeof holder === 'object' && 'pid' in holder && holder.pid === first.process?.pid,
  );
  if (isOwn) return note('port', `an agent of this source listens on ${where} already`);
  const who = first.process ? `${printable(first.process.command)} (pid ${first.process.pid})` : 'something';
  const hint = 'stop it, or give another --listen: another lm serve, or a Sidecar, may be running there';
  return failed('port', new LmError('cannot-listen', `${who} listens on ${where}`, { hint }));
}

/** As an agent walks them for a listing. */
async function walkFindings(roots: Roots, { exclusions }: ServeSettings, signal: AbortSignal): Promise<Finding[]> {
  const walker = createWalker();
  const began = performance.now();
  try {
    const walk = walkHere(walker, { roots, filters: [{ exclusions, roots: [...roots] }] });
    const special = noneNamed();
    for await (const { sum, block } of walk.blocks) {
      signal.throwIfAborted();
      if (sum.isOrdinary) continue;
      for (const { kind, name } of block().entries) if (kind === 'other') addNamed(special, joinKey(sum.dir, name));
    }
    const totals = walk.totals();
    return [...listingFindings(totals, performance.now() - began), ...leftOut(totals, special)];
  } catch (error) {
    return [asFailed('listing', error)];
  } finally {
    await walker.close();
  }
}

function leftOut({ hardLinks, holes }: ListingTotals, special: Named): Finding[] {
  const none = { excludedAtSource: noneNamed(), excludedHere: noneNamed(), shielded: noneNamed(), stale: noneNamed() };
  const rows = leftOutRows({
    ...none,
    special,
    setuid: noneNamed(),
    ...(hardLinks && { hardLinks }),
    ...(holes && { holes }),
  });
  return rows.map(([what, text]) => note('left-out', `${what}: ${text}`));
}
