// An agent, from its roots to its last request, until it is stopped or nobody asks it any more. Reads secrets; serves nothing itself.

import { type AccessLog, openAccessLog } from '../agent/access-log.js';
import { idleWatch } from '../agent/idle-watch.js';
import { createAtRestCheck } from '../agent/replies/at-rest-check.js';
import { type Agent, createAgent } from '../agent/replies/replies.js';
import type { Completion } from '../agent/replies/status-reply.js';
import { watchRoots } from '../agent/root-watch.js';
import { type RunningServer, type ServedRequest, startServer } from '../agent/server.js';
import { formatCount } from '../amounts.js';
import { LmError } from '../errors.js';
import type { Roots } from '../files/roots.js';
import type { Renderer } from '../render/renderer.js';
import { servicePorts } from '../settings/cassandra/service-ports.js';
import { servedInClear } from '../settings/in-clear.js';
import { toRememberAtSource } from '../settings/remembered.js';
import type { ServeSettings } from '../settings/settings.js';
import { completionWatcher, markComplete, readCompletion } from '../state/completion.js';
import { agentId, machineId } from '../state/identity/host.js';
import { openInstance } from '../state/instance.js';
import { announceAgent } from '../state/lock/presence.js';
import { readRemembered, remember } from '../state/remembered.js';
import { readReopening, reopen } from '../state/reopening.js';
import { forgetReset } from '../state/reset-note.js';
import { refuseAmongRoots } from '../trust/output-file.js';
import { createPacer } from '../wire/rate.js';
import { type AgentNews, agentNews } from './agent-news.js';
import type { Reloaded } from './credentials.js';
import { CredentialsInUse } from './credentials-in-use.js';
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

type Warn = (text: string) => void;

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
  const { emit, signal } = listener;
  const warn: Warn = (text) => emit({ type: 'warning', text });
  const roots = await openRoots(settings, warn);
  const directory = (): string =>
    openInstance({ stateDir: settings.stateDir, role: 'source', name: settings.instance, roots }).dir;
  const credentials = new CredentialsInUse(settings, directory);
  const dir = directory();
  refuseIfServed(dir);
  beginRecords(dir, settings);
  const news = agentNews(listener, settings.quiet);
  const agent = agentOf(roots, dir, { settings, listener, news, warn });
  const log = settings.accessLog === undefined ? undefined : openAccessLog(settings.accessLog, warn);
  let server: RunningServer | undefined;
  let presence: Awaited<ReturnType<typeof announceAgent>> | undefined;
  try {
    credentials.presentToken();
    const idle = idleWatch(settings.expireAfterMs);
    server = await serve(agent, { settings, credentials, news, log, served: idle.served, warn });
    const { origin: url } = server.url;
    presence = await announceAgent(dir, () => ({ url, clients: news.clients.list().slice(0, MOST_TOLD) }));
    listener.listening(listeningAgent(server, roots, credentials, log));
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
    credentials.hideToken();
  }
}

/** Throws `usage` and `refused` for roots that cannot be served, and warns of those that are missing. */
async function openRoots(
  { roots: stated, whence, cassandra, stateDir, without, accessLog }: ServeSettings,
  warn: Warn,
) {
  const roots = stated.map((root, i) => openRoot(root, whence[i]!, cassandra?.file));
  refuseOverlaps(roots, stateDir);
  if (accessLog !== undefined) refuseAmongRoots('--access-log', accessLog, roots);
  await refuseOutsideFiles(roots, cassandra?.file);
  for (const text of halfANode(roots, without)) warn(text);
  return roots;
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

/** What says that the last migration was reset is out of date; what lm complete here is to go by is up to date from now on. */
function beginRecords(dir: string, settings: ServeSettings): void {
  forgetReset(dir);
  const words = toRememberAtSource(settings);
  if (Object.keys(words).length > 0 || readRemembered(dir)) remember(dir, words);
}

interface AgentParts {
  settings: ServeSettings;
  listener: ServeListener;
  news: AgentNews;
  warn: Warn;
}

function agentOf(roots: Roots, dir: string, { settings, listener, news, warn }: AgentParts): Agent {
  const { exclusions, maxConcurrentFileRequests, atRestCheck } = settings;
  const given = settings.roots.map(({ path }) => path);
  const env = { ...listener.env, LM_ROOTS: roots.map(({ path }) => path).join(':') };
  return createAgent({
    roots,
    exclusions,
    maxConcurrentFileRequests,
    warn,
    notice: news.notice,
    identity: { agentId: agentId(dir), machine: machineId(dir) },
    listRoots: news.onLostRoot(watchRoots(roots, given)),
    spoolDir: dir,
    completion: completionIn(dir),
    isMapped: settings.role !== undefined,
    ports: servicePorts(settings),
    atRestCheck: atRestCheck === undefined ? undefined : createAtRestCheck(atRestCheck, env),
  });
}

interface ServerParts extends Omit<AgentParts, 'listener'> {
  credentials: CredentialsInUse;
  log: AccessLog | undefined;
  /** Hears of each request that is over. */
  served(request: ServedRequest): void;
}

/** Listens, and answers from then on. */
function serve(agent: Agent, { settings, credentials, news, log, served, warn }: ServerParts): Promise<RunningServer> {
  return startServer({
    listen: settings.listen,
    tls: credentials.tls,
    pacer: createPacer(settings.limitRate),
    authorize: news.onRefusal(credentials.authorize),
    begun: ({ remote }) => news.clients.begin(remote),
    sent: news.clients.sent,
    unencrypted: news.unencrypted,
    answer: (request) => agent.answer(request),
    served(request) {
      served(request);
      log?.write(request);
    },
    warn,
  });
}

function listeningAgent(
  server: RunningServer,
  roots: Roots,
  credentials: CredentialsInUse,
  log: AccessLog | undefined,
): ListeningAgent {
  const { made, fingerprint } = credentials;
  const reload: ReloadStep[] = [
    ['credentials', () => credentials.reload(server)],
    ['access log', () => (log ? [{ part: 'access log', isNew: log.reopen() }] : [])],
  ];
  return { url: server.url, roots, made, fingerprint, reload };
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
