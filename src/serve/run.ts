// An agent, from its roots to its last request, until it is stopped or nobody asks it any more. Reads secrets; serves nothing itself.

import { openAccessLog } from '../agent/access-log.js';
import { createAtRestCheck } from '../agent/at-rest-check.js';
import { type Authorize, createAuthorize } from '../agent/auth.js';
import { idleWatch } from '../agent/idle-watch.js';
import { namesInHosts, type OwnNames } from '../agent/own-names.js';
import { createAgent } from '../agent/replies.js';
import { watchRoots } from '../agent/root-watch.js';
import { type RunningServer, startServer } from '../agent/server.js';
import type { Completion } from '../agent/status-reply.js';
import { formatCount } from '../amounts.js';
import { LmError } from '../errors.js';
import type { Roots } from '../files/roots.js';
import type { Renderer } from '../render/renderer.js';
import { servedInClear } from '../settings/in-clear.js';
import { namesOfThisHost } from '../settings/migration-map.js';
import { toRememberAtSource } from '../settings/remembered.js';
import { isLoopback } from '../settings/resolve.js';
import { servicePorts } from '../settings/service-ports.js';
import type { ServeSettings } from '../settings.js';
import { presentToken } from '../state/agent-token.js';
import { completionWatcher, markComplete, readCompletion } from '../state/completion.js';
import { agentId, machineId } from '../state/host.js';
import { openInstance } from '../state/instance.js';
import { announceAgent } from '../state/presence.js';
import { readRemembered, remember } from '../state/remembered.js';
import { readReopening, reopen } from '../state/reopening.js';
import { forgetReset } from '../state/reset-note.js';
import { createPacer } from '../wire/rate.js';
import { agentNews } from './agent-news.js';
import { type Credentials, compareCredentials, fingerprintOf, type Reloaded, readCredentials } from './credentials.js';
import { halfANode, openRoot, refuseOutsideFiles, refuseOverlaps } from './served-roots.js';

/** Clients that `lm status` on this host is told of. */
const MOST_TOLD = 100;

/** How long running requests may go on after the signal. */
const GRACE_MS = 30_000;

export interface ServeListener extends Pick<Renderer, 'emit' | 'say'> {
  /** What the operator's own command is run in. */
  env: Readonly<Record<string, string | undefined>>;
  /** Ends the agent. */
  signal: AbortSignal;
  /** Once it can be asked. */
  listening(agent: ListeningAgent): void;
}

export interface ListeningAgent {
  url: URL;
  roots: Roots;
  /** Where the token is that was made for this agent. */
  made: string | undefined;
  /** Of its certificate, when it speaks TLS. */
  fingerprint: string | undefined;
  /** What it can be told to read again. */
  reload: readonly ReloadStep[];
}

/** Reads what its name says, or throws and has changed nothing. */
export type ReloadStep = readonly [name: string, read: () => Reloaded[]];

/** Resolves when its last request is over; requests that had to be cut off are told of. */
export async function runServe(settings: ServeSettings, listener: ServeListener): Promise<void> {
  const { env, emit, signal } = listener;
  const warn = (text: string): void => emit({ type: 'warning', text });
  const roots = settings.roots.map((root, i) => openRoot(root, settings.whence[i]!, settings.cassandra?.file));
  refuseOverlaps(roots, settings.stateDir);
  await refuseOutsideFiles(roots, settings.cassandra?.file);
  for (const text of halfANode(roots, settings.without)) warn(text);
  const directory = (): string =>
    openInstance({ stateDir: settings.stateDir, role: 'source', name: settings.instance, roots }).dir;
  let credentials = readCredentials(settings, directory);
  const { made } = credentials;
  let authorize = authorizeBy(settings, credentials);
  const dir = directory();
  refuseIfServed(dir);
  forgetReset(dir);
  const words = toRememberAtSource(settings);
  if (Object.keys(words).length > 0 || readRemembered(dir)) remember(dir, words);
  const { exclusions, maxConcurrentFileRequests, atRestCheck } = settings;
  const LM_ROOTS = roots.map(({ path }) => path).join(':');
  const news = agentNews(listener, settings.quiet);
  const agent = createAgent({
    roots,
    exclusions,
    maxConcurrentFileRequests,
    warn,
    notice: news.notice,
    identity: { agentId: agentId(dir), machine: machineId(dir) },
    listRoots: news.onLostRoot(
      watchRoots(
        roots,
        settings.roots.map(({ path }) => path),
      ),
    ),
    spoolDir: dir,
    completion: completionIn(dir),
    isMapped: settings.role !== undefined,
    ports: servicePorts(settings),
    atRestCheck: atRestCheck === undefined ? undefined : createAtRestCheck(atRestCheck, { ...env, LM_ROOTS }),
  });
  const log = settings.accessLog === undefined ? undefined : openAccessLog(settings.accessLog, warn);
  let server: RunningServer | undefined;
  let hideToken: (() => void) | undefined;
  let presence: Awaited<ReturnType<typeof announceAgent>> | undefined;
  const reload = (): Reloaded[] => {
    const fresh = readCredentials(settings, directory);
    const reloaded = compareCredentials(credentials, fresh);
    const hideBefore = hideToken;
    hideToken = present(fresh);
    hideBefore?.();
    if (fresh.tls && reloaded.some(({ part, isNew }) => isNew && part !== 'token')) server?.secure(fresh.tls);
    authorize = authorizeBy(settings, fresh);
    credentials = fresh;
    return reloaded;
  };
  try {
    hideToken = present(credentials);
    const idle = idleWatch(settings.expireAfterMs);
    server = await startServer({
      listen: settings.listen,
      tls: credentials.tls,
      pacer: createPacer(settings.limitRate),
      authorize: news.onRefusal((request) => authorize(request)),
      begun: ({ remote }) => news.clients.begin(remote),
      sent: news.clients.sent,
      unencrypted: news.unencrypted,
      answer: (request) => agent.answer(request),
      served(request) {
        idle.served(request);
        log?.write(request);
      },
      warn,
    });
    const { origin: url } = server.url;
    presence = await announceAgent(dir, () => ({ url, clients: news.clients.list().slice(0, MOST_TOLD) }));
    listener.listening({
      url: server.url,
      roots,
      made,
      fingerprint: fingerprintOf(credentials),
      reload: [
        ['credentials', reload],
        ['access log', () => (log ? [{ part: 'access log', isNew: log.reopen() }] : [])],
      ],
    });
    for (const text of servedInClear(settings)) warn(text); // after the first line, which says that it listens
    await firstOf(signal, idle.expired(server));
    const cut = await server.drain(GRACE_MS);
    if (cut > 0) warn(`${formatCount(cut, 'request was', 'requests were')} cut off after ${GRACE_MS / 1000} seconds`);
  } finally {
    await presence?.end();
    news.close();
    await agent.close();
    await server?.ended(); // the log gets a line of what was cut off as well
    log?.close();
    hideToken?.();
  }
}

/** What is complete has nothing to serve until somebody resets it; whoever asks would be refused, request by request. Throws `refused`. */
function refuseIfServed(dir: string): void {
  const { state, endTime } = readCompletion(dir);
  if (state !== 'COMPLETED') return;
  throw new LmError(
    'refused',
    `this source is complete, since ${new Date(endTime).toISOString()}: it serves its files no more`,
    {
      hint: 'lm reset here opens it for another copy',
    },
  );
}

const authorizeBy = (settings: ServeSettings, { token }: Credentials): Authorize =>
  createAuthorize({
    token,
    names: ownNames(settings),
    clientNames: settings.clientNames.length > 0 ? settings.clientNames : undefined,
  });

const present = ({ made, token }: Credentials): (() => void) | undefined =>
  made === undefined ? undefined : presentToken(made, token!);

/** Undefined where it does not matter: beyond loopback, what is asked for by a name of the client's own still takes a token or a certificate. */
function ownNames({ listen, hostName, tokenFile, clientCa }: ServeSettings): OwnNames | undefined {
  const stated = [listen.host, ...(hostName === undefined ? [] : [hostName])];
  if (isLoopback(listen.host)) return { stated, more: () => [] };
  if (tokenFile !== undefined || clientCa !== undefined) return undefined;
  return {
    stated,
    more: () => {
      const names = namesOfThisHost();
      return [...names, ...namesInHosts(names)];
    },
  };
}

function completionIn(dir: string): Completion {
  return {
    read: completionWatcher(dir),
    mark: () => markComplete(dir),
    reopen: (by) => reopen(dir, by),
    reopened: () => readReopening(dir),
  };
}

/** Resolves at the signal, or when `expired` does. */
async function firstOf(signal: AbortSignal, expired: Promise<void>): Promise<void> {
  if (signal.aborted) return;
  await Promise.race([expired, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))]);
}
