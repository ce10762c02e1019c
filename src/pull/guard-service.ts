// Whether the destination's service is stopped: its ports and its open files. Starts no command and stops no service.

import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { endianness } from 'node:os';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import { findOpenFiles, type OpenFiles } from '../files/open-files.js';

export interface ServiceGuard {
  roots: readonly { path: string }[];
  /** Ports the service would listen on: from cassandra.yaml and --guard-port. */
  ports: readonly number[];
  /** The tree is Cassandra's, so that a service is there to be stopped. */
  cassandra: boolean;
  /** A --pre-check command is set; the caller runs it (`guard-pre-check.ts`). */
  hasPreCheck: boolean;
  allowRunning: boolean;
}

/**
 * Returns warnings: what could not be looked at, or was not. Throws `refused` when something listens on a port or holds a file, or
 * when neither could be told. Takes milliseconds, so it can run every few seconds while bytes move.
 */
export async function inspectService(guard: ServiceGuard): Promise<string[]> {
  if (guard.allowRunning) return ['not checked whether the destination service is stopped (--allow-running)'];
  await refuseListeners(guard.ports);
  return judgeOpenFiles(await findOpenFiles(guard.roots.map((root) => root.path)), guard);
}

/** What /proc told, as warnings or as the refusal it amounts to. */
export function judgeOpenFiles(open: OpenFiles, guard: Omit<ServiceGuard, 'roots'>): string[] {
  refuseHolders(open);
  if (open.uninspected.length === 0) return [];
  const blind = `could not look into ${namesOf(open.uninspected)}`;
  if (guard.cassandra && guard.ports.length === 0 && !guard.hasPreCheck)
    throw new LmError('refused', `cannot tell whether the destination service is stopped: ${blind}`, {
      hint: 'run as root, or name a port of the service with --guard-port or a command with --pre-check, or say --allow-running',
    });
  return [blind];
}

/** What listens is asked of the kernel, which knows every address, and by connecting, which finds a port forwarded into a container. */
async function refuseListeners(ports: readonly number[]): Promise<void> {
  if (ports.length === 0) return;
  const inKernel = (await listeners()).find((listener) => ports.includes(listener.port));
  const answers = await Promise.all(
    ['127.0.0.1', '::1'].flatMap((host) =>
      ports.map(async (port) => ((await accepts(host, port)) ? { host, port } : undefined)),
    ),
  );
  const found = inKernel ?? answers.find((answer) => answer !== undefined);
  if (!found) return;
  const host = found.host.includes(':') ? `[${found.host}]` : found.host;
  throw new LmError('refused', `the destination service seems to run: something listens on ${host}:${found.port}`, {
    hint: STOP,
  });
}

const STOP = 'stop the service and run the same command again; --allow-running skips this check';
const CONNECT_TIMEOUT_MS = 1000;

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => done(false));
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}

const LISTEN = '0A';

/** Every listening TCP socket of this network namespace. */
async function listeners(): Promise<{ host: string; port: number }[]> {
  const found: { host: string; port: number }[] = [];
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'latin1').catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return ''; // no IPv6
      throw localError('read', table, error);
    });
    for (const line of text.split('\n').slice(1)) {
      const [, local, , state] = line.trim().split(/\s+/);
      if (state === LISTEN) found.push(parseEndpoint(local!));
    }
  }
  return found;
}

/** `0100007F:2352`: the address as words in the machine's own byte order, and the port. */
function parseEndpoint(text: string): { host: string; port: number } {
  const [address, port] = text.split(':') as [string, string];
  const words = address.match(/.{8}/g)!.map((word) => Buffer.from(word, 'hex'));
  if (endianness() === 'LE') for (const word of words) word.reverse();
  const bytes = Buffer.concat(words);
  const host =
    bytes.length === 4
      ? bytes.join('.')
      : new URL(`http://[${bytes.toString('hex').match(/.{4}/g)!.join(':')}]`).hostname.slice(1, -1);
  return { host, port: Number.parseInt(port, 16) };
}

const SHOWN = 10;

function refuseHolders({ holders }: OpenFiles): void {
  const [first] = holders;
  if (!first) return;
  const lines = holders.map((h) => `${printable(h.command)} (pid ${h.pid}) has ${printable(h.path)} open`);
  throw new LmError('refused', `the destination is in use: ${lines[0]}`, {
    details: lines.slice(1, SHOWN),
    hint: STOP,
  });
}

/** `2 processes: sh (pid 7), java (pid 8)` */
export function namesOf(uninspected: OpenFiles['uninspected']): string {
  const names = uninspected.slice(0, SHOWN).map(({ pid, command }) => `${printable(command)} (pid ${pid})`);
  const more = uninspected.length - names.length;
  const count = `${uninspected.length} ${uninspected.length === 1 ? 'process' : 'processes'}`;
  return `${count}: ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
