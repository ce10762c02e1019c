// `lm serve`: settings → a running agent, until a signal or until nobody asks any more. Reads secrets; serves nothing itself.

import { realpathSync, statSync } from 'node:fs';
import { openAccessLog } from '../agent/access-log.js';
import { createAuthorize, tlsOptions } from '../agent/auth.js';
import { createAgent } from '../agent/replies.js';
import { watchRoots } from '../agent/root-watch.js';
import { type RunningServer, type ServedRequest, startServer } from '../agent/server.js';
import type { Completion } from '../agent/status-reply.js';
import { errnoOf, LmError, printable } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { Root, Roots } from '../files/roots.js';
import type { Io } from '../io.js';
import { createRenderer, type Renderer } from '../render/renderer.js';
import { isLoopback, resolve } from '../settings/resolve.js';
import type { StatedRoot } from '../settings/roots.js';
import { readCertificates, readSecret, readToken } from '../settings/secret.js';
import type { Stated } from '../settings/stated.js';
import type { ServeSettings } from '../settings.js';
import { clearCompletion, completionWatcher, markComplete } from '../state/completion.js';
import { agentId, machineId } from '../state/host.js';
import { openInstance } from '../state/instance.js';
import { createPacer } from '../wire/rate.js';

/** How long running requests may go on after the signal. */
const GRACE_MS = 30_000;

/** 0 when it drained; the signal's code when requests had to be cut off. */
export async function run(stated: Stated, io: Io): Promise<number> {
  const settings = resolve('serve', stated);
  const renderer = createRenderer({ ...settings, stdout: io.stdout, stderr: io.stderr, env: io.env });
  const exitCode = await serve(settings, renderer, io.signal);
  renderer.say('summary', { exitCode }, []);
  renderer.close();
  return exitCode;
}

async function serve(settings: ServeSettings, renderer: Renderer, signal: AbortSignal): Promise<number> {
  const warn = (text: string): void => renderer.emit({ type: 'warning', text });
  for (const note of settings.notes) warn(note);
  const roots = settings.roots.map(openRoot);
  refuseOverlaps(roots, settings.stateDir);
  const authorize = createAuthorize(settings.tokenFile === undefined ? undefined : readToken(settings.tokenFile));
  const tls = readTls(settings);
  const { dir } = openInstance({ stateDir: settings.stateDir, role: 'source', name: settings.instance, roots });
  const { exclusions, maxConcurrentFileRequests } = settings;
  const agent = createAgent({
    roots,
    exclusions,
    maxConcurrentFileRequests,
    authorize,
    warn,
    identity: { agentId: agentId(dir), machine: machineId(dir) },
    listRoots: watchRoots(roots),
    spoolDir: dir,
    completion: completionIn(dir),
    isMapped: settings.role !== undefined,
  });
  const log = settings.accessLog === undefined ? undefined : openAccessLog(settings.accessLog, warn);
  let server: RunningServer | undefined;
  try {
    const idle = idleWatch(settings.expireAfterMs);
    server = await startServer({
      listen: settings.listen,
      tls,
      pacer: createPacer(settings.limitRate),
      answer: (request) => agent.answer(request),
      served(request) {
        idle.served(request);
        log?.write(request);
      },
      warn,
    });
    announce(renderer, server, roots, isLoopback(settings.listen.host));
    await firstOf(signal, idle.expired(server));
    const cut = await server.drain(GRACE_MS);
    if (cut === 0) return EXIT.ok;
    warn(`${cut} ${cut === 1 ? 'request was' : 'requests were'} cut off after ${GRACE_MS / 1000} seconds`);
    return signal.reason instanceof LmError ? EXIT[signal.reason.code] : EXIT.ok;
  } finally {
    await agent.close();
    await server?.ended(); // the log gets a line of what was cut off as well
    log?.close();
  }
}

function readTls({ tlsCert, tlsKey, clientCa }: ServeSettings) {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  return tlsOptions({
    cert: readCertificates(tlsCert),
    key: readSecret(tlsKey),
    clientCa: clientCa === undefined ? undefined : readCertificates(clientCa),
  });
}

/** A source root exists already: one that does not is a mistake or a disk that is not mounted. */
function openRoot({ type, index, path }: StatedRoot): Root {
  const key = `${type}/${index}`;
  try {
    const real = realpathSync.native(path);
    if (statSync(real).isDirectory()) return { key, type, index, path: real };
  } catch (cause) {
    throw new LmError('usage', `root ${key}: cannot open ${printable(path)}: ${errnoOf(cause)}`, {
      cause,
      hint: 'name a directory that is there, and mount what belongs there',
    });
  }
  throw new LmError('usage', `root ${key}: ${printable(path)} is not a directory`);
}

/** What lies in two roots would be listed twice, and the agent's own records would be listed as data. */
function refuseOverlaps(roots: Roots, stateDir: string): void {
  for (const root of roots) {
    const outer = roots.find((other) => other !== root && isInside(root.path, other.path));
    if (outer) throw new LmError('usage', `root ${root.key} lies within root ${outer.key}: ${printable(root.path)}`);
    if (isInside(realIfThere(stateDir), root.path))
      throw new LmError('usage', `the state directory lies within root ${root.key}: ${printable(stateDir)}`, {
        hint: 'give another --state-dir',
      });
  }
}

const isInside = (path: string, dir: string): boolean => path === dir || path.startsWith(dir === '/' ? '/' : `${dir}/`);

function realIfThere(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path; // made later, where it says
  }
}

function completionIn(dir: string): Completion {
  return { read: completionWatcher(dir), mark: () => markComplete(dir), clear: () => clearCompletion(dir) };
}

function announce(renderer: Renderer, { url }: RunningServer, roots: Roots, onLoopback: boolean): void {
  const text = roots.map((root) => `${root.key} (${printable(root.path)})`).join(', ');
  const listed = roots.map(({ key, path }) => ({ key, path }));
  renderer.say('listening', { url: url.origin, host: url.hostname, port: Number(url.port), roots: listed }, [
    `serving ${text} on ${url.origin}`,
    ...(onLoopback ? ['only this host can reach it; for others, give --listen HOST:PORT and --token-file FILE'] : []),
  ]);
}

/** Resolves at the signal, or when `expired` does. */
async function firstOf(signal: AbortSignal, expired: Promise<void>): Promise<void> {
  if (signal.aborted) return;
  await Promise.race([expired, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))]);
}

/** Node fires a timer of more than 24.8 days at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A source that nobody asks any more closes itself; requests that were turned away do not keep it open. */
function idleWatch(expireAfterMs: number | undefined) {
  let lastMs = performance.now();
  return {
    served({ status }: ServedRequest): void {
      if (status !== 401 && status !== 403) lastMs = performance.now();
    },
    async expired(server: RunningServer): Promise<void> {
      if (expireAfterMs === undefined) return new Promise(() => {});
      for (;;) {
        const leftMs = lastMs + expireAfterMs - performance.now();
        if (leftMs <= 0 && server.active() === 0) return;
        const waitMs = Math.min(LONGEST_TIMER_MS, Math.max(leftMs, 100));
        await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
      }
    },
  };
}
