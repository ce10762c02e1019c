// Runs an agent from opening its roots to its last request: until it is stopped, or no client has asked for anything for long enough.

import { type AccessLog, openAccessLog } from '../agent/access-log.js';
import { idleWatch } from '../agent/idle-watch.js';
import { createAtRestCheck } from '../agent/replies/at-rest-check.js';
import { type Agent, createAgent } from '../agent/replies/router.js';
import { type RunningServer, type ServedRequest, startServer, tryToListen } from '../agent/server.js';
import { formatCount } from '../amounts.js';
import { LmError } from '../errors.js';
import type { Roots } from '../files/roots.js';
import { AgentMetrics } from '../metrics/agent-metrics.js';
import type { MetricsServer } from '../metrics/metrics-server.js';
import type { LocalPace } from '../pace/local-pace.js';
import { createPacer } from '../pace/rate.js';
import type { Renderer } from '../render/renderer.js';
import { servicePorts } from '../settings/cassandra/service-ports.js';
import { plaintextServeWarnings } from '../settings/plaintext.js';
import { toRememberAtSource } from '../settings/remembered.js';
import type { ServeSettings } from '../settings/settings.js';
import { readCompletion } from '../state/completion.js';
import { agentId, machineId } from '../state/identity/host.js';
import { openInstance } from '../state/instance.js';
import { announceAgent } from '../state/lock/presence.js';
import { readRemembered, remember } from '../state/remembered.js';
import { forgetReset } from '../state/reset-note.js';
import type { TaskContext } from '../tasks/run-task.js';
import type { TaskManager } from '../tasks/task-manager.js';
import { ROUTES } from '../wire/routes.js';
import { expositionOf, listenForMetrics, tryMetricsAddress } from './agent-exposure.js';
import { type AgentLimit, startAgentLimit, startPace } from './agent-limit.js';
import { type AgentMessages, createAgentMessages } from './agent-messages.js';
import { completionIn } from './completion.js';
import type { Reloaded } from './credentials.js';
import { CredentialsInUse } from './credentials-in-use.js';
import { openDestinationRoots, presentRoots, refuseSecondAgent } from './destination.js';
import { openServed, type Served, snapshotsOf, watchServed } from './served-roots.js';

/** Clients that `lm status` on this host can show. */
const MAX_REPORTED = 100;

/** How long running requests may go on after the signal. */
const GRACE_MS = 30_000;

interface ServeListener extends Pick<Renderer, 'emit' | 'print'> {
  /** The environment of the operator's own command. */
  env: Readonly<Record<string, string | undefined>>;
  /** What the tasks of a destination run with. */
  tasks: TaskContext;
  /** Ends the agent. */
  signal: AbortSignal;
  /** Called once the agent takes requests. */
  listening(agent: ListeningAgent): void;
}

type Warn = (text: string) => void;

export interface ListeningAgent {
  url: URL;
  roots: Roots;
  /** Where their files are read, in the same order. */
  read: Roots;
  /** The file of the token that was made for this agent; undefined where the operator gave one, or none is needed. */
  ownTokenFile: string | undefined;
  /** SHA-256 of its certificate; undefined without TLS. */
  fingerprint: string | undefined;
  /** Where --metrics-listen has them; undefined without it. */
  metricsUrl: string | undefined;
  /** For people; undefined for none. */
  limit: string | undefined;
  /** What the agent reads again on SIGHUP. */
  reload: readonly ReloadStep[];
}

/** Reads again what `name` says; when it throws, nothing has changed. */
export type ReloadStep = readonly [name: string, read: () => Reloaded[]];

/** Resolves when the last request is over; warns of requests that had to be cut off. */
export async function runServe(settings: ServeSettings, listener: ServeListener): Promise<void> {
  const { emit, signal } = listener;
  const warn: Warn = (text) => emit({ type: 'warning', text });
  const { serves: role } = settings;
  const isSource = role === 'source';
  const served = isSource
    ? await openServed(settings, warn)
    : whole(await openDestinationRoots(settings, listener.tasks));
  const { roots } = served;
  if (isSource) await Promise.all([tryToListen(settings.listen), tryMetricsAddress(settings)]); // else its records would be known as a source
  const directory = (): string =>
    openInstance({ stateDir: settings.stateDir, role, name: settings.instance, roots }).dir;
  const credentials = new CredentialsInUse(settings, directory);
  const dir = directory();
  if (isSource) {
    refuseIfComplete(dir);
    beginRecords(dir, settings);
  } else await refuseSecondAgent(dir);
  const taskManager = isSource ? undefined : await taskManagerIn(dir, listener.tasks, warn);
  const messages = createAgentMessages(listener, settings.quiet);
  const limit = startAgentLimit(settings.limitRate, listener.tasks.invocation.stated, emit);
  const pace = startPace(limit, settings, warn);
  let server: RunningServer | undefined;
  const metrics = metricsOf(settings, limit, messages, pace, () => server);
  const exposition = expositionOf(metrics);
  const agent = agentOf(served, dir, { settings, listener, messages, warn, taskManager, pace, exposition });
  const log = settings.accessLog === undefined ? undefined : openAccessLog(settings.accessLog, warn);
  let metricsServer: MetricsServer | undefined;
  let presence: Awaited<ReturnType<typeof announceAgent>> | undefined;
  try {
    credentials.presentToken();
    const idle = idleWatch(settings.expireAfterMs);
    metricsServer = await listenForMetrics(settings, exposition);
    server = await serve(agent, { settings, credentials, messages, log, served: idle.served, warn, pace, metrics });
    const { origin: url } = server.url;
    const clients = () => messages.clients.list().slice(0, MAX_REPORTED);
    const snapshots = snapshotsOf(served);
    presence = await announceAgent(dir, () => ({ url, limit: limit.text(), snapshots, clients: clients() }));
    listener.listening(listeningAgent(server, served, { credentials, log, limit, metricsUrl: metricsServer?.url }));
    for (const text of plaintextServeWarnings(settings)) warn(text); // after the first line, by which programs know that the agent listens
    const { active } = server;
    await firstOf(signal, idle.expired({ active: () => active() + (taskManager?.isBusy() ? 1 : 0) }));
    const [cutOff] = await Promise.all([server.drain(GRACE_MS), taskManager?.close()]);
    if (cutOff > 0)
      warn(`${formatCount(cutOff, 'request was', 'requests were')} cut off after ${GRACE_MS / 1000} seconds`);
  } finally {
    await taskManager?.close();
    await presence?.end();
    metricsServer?.close();
    messages.close();
    limit.close();
    pace.close();
    await agent.close();
    await server?.ended(); // requests that were cut off get their line in the log
    log?.close();
    credentials.hideToken();
  }
}

const whole = (roots: Roots): Served => ({ roots, read: roots });

/** A completed source refuses every request for data until `lm reset`. Throws `refused`. */
function refuseIfComplete(dir: string): void {
  const { state, endTime } = readCompletion(dir);
  if (state !== 'COMPLETED') return;
  throw new LmError(
    'already-complete',
    `this source is complete, since ${new Date(endTime).toISOString()}: it serves its files no more`,
    {
      hint: 'lm reset here opens it for another copy',
    },
  );
}

/** Removes the note that the last migration was reset, and remembers the settings that `lm complete` on this host needs. */
function beginRecords(dir: string, settings: ServeSettings): void {
  forgetReset(dir);
  const words = toRememberAtSource(settings);
  if (Object.keys(words).length > 0 || readRemembered(dir)) remember(dir, words);
}

/** Loaded by destinations alone: an agent of a source would start with all of copy and verify, 4 MB, for nothing. */
async function taskManagerIn(dir: string, tasks: TaskContext, warn: Warn): Promise<TaskManager> {
  const { createTaskManager } = await import('../tasks/task-manager.js');
  return createTaskManager({ ...tasks, dir, warn });
}

interface AgentOptions {
  settings: ServeSettings;
  listener: ServeListener;
  messages: AgentMessages;
  warn: Warn;
  taskManager: TaskManager | undefined;
  pace: LocalPace;
  exposition: ReturnType<typeof expositionOf>;
}

/** `server` is undefined before it has started. */
function metricsOf(
  { serves: role }: ServeSettings,
  limit: AgentLimit,
  { clients }: AgentMessages,
  { yielding }: LocalPace,
  server: () => RunningServer | undefined,
): AgentMetrics {
  return new AgentMetrics({
    role,
    limitRate: limit.live.now,
    state() {
      const pace = yielding?.state();
      return {
        connections: server()?.connections() ?? { newcomers: 0, known: 0, active: 0 },
        clients: clients.list().length,
        yielding: pace && 'bytesPerSecond' in pace ? pace : undefined,
      };
    },
  });
}

function agentOf(
  served: Served,
  dir: string,
  { settings, listener, messages, warn, taskManager, pace, exposition }: AgentOptions,
): Agent {
  const { exclusions, maxConcurrentFileRequests, atRestCheck } = settings;
  const { roots, read } = served;
  const env = { ...listener.env, LM_ROOTS: roots.map(({ path }) => path).join(':') };
  return createAgent({
    roots: read,
    live: roots,
    exclusions,
    maxConcurrentFileRequests,
    warn,
    notice: messages.notice,
    pace,
    metrics: exposition,
    role: settings.serves,
    taskManager,
    identity: taskManager ? NO_SOURCE : { agentId: agentId(dir), machine: machineId(dir) },
    listRoots: taskManager ? () => presentRoots(roots) : messages.reportLostRoots(watchServed(served, settings)),
    spoolDir: dir,
    completion: completionIn(dir, settings),
    isMapped: settings.role !== undefined,
    ports: servicePorts(settings),
    atRestCheck: atRestCheck === undefined ? undefined : createAtRestCheck(atRestCheck, env),
  });
}

/** A destination has no identity of a source: no copy reads from it. */
const NO_SOURCE = { agentId: '', machine: '' };

interface ServerOptions extends Omit<AgentOptions, 'listener' | 'taskManager' | 'exposition'> {
  metrics: AgentMetrics;
  credentials: CredentialsInUse;
  log: AccessLog | undefined;
  /** Called after each request. */
  served(request: ServedRequest): void;
}

/** Starts the server that answers with the agent. */
function serve(
  agent: Agent,
  { settings, credentials, messages, log, served, warn, pace, metrics }: ServerOptions,
): Promise<RunningServer> {
  return startServer({
    listen: settings.listen,
    tls: credentials.tls,
    pacer: createPacer(pace.paces),
    authorize: messages.reportRefusals(credentials.authorize),
    begun: ({ remote, target }) => (isScrape(target) ? () => {} : messages.clients.begin(remote)),
    sent(remote, bytes) {
      messages.clients.sent(remote, bytes);
      metrics.sent(bytes);
    },
    tlsFailed(remote, reason) {
      messages.reportTlsFailure(remote, reason);
      metrics.tlsFailed();
    },
    answer: (request) => agent.answer(request),
    served(request, holds) {
      if (!isScrape(request.target)) served(request);
      metrics.served(request, holds);
      log?.write(request);
    },
    warn,
  });
}

/** Whoever watches an agent is no client of it: to be watched neither keeps it open (--expire-after) nor is worth a line. */
const isScrape = (target: string): boolean => target.split('?', 1)[0] === ROUTES.metrics.path;

function listeningAgent(
  server: RunningServer,
  { roots, read }: Served,
  {
    credentials,
    log,
    limit,
    metricsUrl,
  }: Pick<ServerOptions, 'credentials' | 'log'> & Pick<ListeningAgent, 'metricsUrl'> & { limit: AgentLimit },
): ListeningAgent {
  const { ownTokenFile, fingerprint } = credentials;
  const reload: ReloadStep[] = [
    ['credentials', () => credentials.reload(server)],
    ['limit', () => limit.reload()],
    ['access log', () => (log ? [{ part: 'access log', isNew: log.reopen() }] : [])],
  ];
  return { url: server.url, roots, read, ownTokenFile, fingerprint, limit: limit.text(), metricsUrl, reload };
}

/** Resolves at the signal, or when `expired` does. */
async function firstOf(signal: AbortSignal, expired: Promise<void>): Promise<void> {
  if (signal.aborted) return;
  await Promise.race([expired, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))]);
}
