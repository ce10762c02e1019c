// Checks that the destination's service is stopped, by its ports and its open files.

import { LmError, printable } from '../errors.js';
import { hostAndPort } from '../linux/addresses.js';
import { findOpenFiles, type Hiding, type OpenFiles } from '../linux/open-files.js';
import {
  findServiceListeners,
  type GuardedPort,
  type JudgedListeners,
  listenerText,
  matchReasonText,
} from '../linux/service-ports.js';

export interface ServiceGuard {
  roots: readonly { path: string }[];
  /** Ports the service would listen on: from cassandra.yaml, --guard-port and --jmx-port. */
  ports: readonly GuardedPort[];
  /** The tree is Cassandra's, so that a service is there to be stopped. */
  cassandra: boolean;
  /** A --pre-check command is set; the caller runs it (`own-checks.ts`). */
  hasPreCheck: boolean;
  allowRunning: boolean;
}

/**
 * Returns warnings about what could not be inspected, or was not. Throws `refused` when a process listens on a port or has a file open, or
 * when neither could be found out. Takes milliseconds, so it can run every few seconds during a transfer.
 */
export async function inspectService(guard: ServiceGuard): Promise<string[]> {
  if (guard.allowRunning) return ['not checked whether the destination service is stopped (--allow-running)'];
  const open = await findOpenFiles(guard.roots.map((root) => root.path));
  const others = judgePorts(await findServiceListeners(guard.ports, open.isComplete));
  return [...others, ...judgeOpenFiles(open, guard)];
}

/** Returns warnings about open files, or throws the refusal. */
export function judgeOpenFiles(open: OpenFiles, guard: Omit<ServiceGuard, 'roots'>): string[] {
  refuseHolders(open);
  const gaps = gapsOf(open);
  if (!open.isComplete && guard.cassandra && guard.ports.length === 0 && !guard.hasPreCheck)
    throw new LmError('service-runs', `cannot tell whether the destination service is stopped: ${gaps.join('; ')}`, {
      hint: 'run as root of the host itself, or name a port of the service with --guard-port or a command with --pre-check, or say --allow-running',
    });
  return gaps;
}

/** Throws `refused` for a listener that may be the service; returns a line for each of another service. */
function judgePorts({ possible, others }: JudgedListeners): string[] {
  const [first] = possible;
  if (!first) return others.map((one) => `${listenerText(one)}: taken for another service than this one (${one.name})`);
  const where = hostAndPort(first.address, first.port);
  throw new LmError('service-runs', `the destination service seems to run: something listens on ${where}`, {
    details: possible.slice(0, SHOWN).map((one) => `${listenerText(one)}: ${matchReasonText(one.why, one.name)}`),
    hint: STOP_HINT,
  });
}

const STOP_HINT = 'stop the service and run the same command again; --allow-running skips this check';
const SHOWN = 10;

function refuseHolders({ holders }: OpenFiles): void {
  const [first] = holders;
  if (!first) return;
  const lines = holders.map((h) => `${printable(h.command)} (pid ${h.pid}) has ${printable(h.path)} open`);
  throw new LmError('service-runs', `the destination is in use: ${lines[0]}`, {
    details: lines.slice(1, SHOWN),
    hint: STOP_HINT,
  });
}

/** What could not be inspected, a line each: `could not look into 2 processes: sh (pid 7), java (pid 8)`. */
export const gapsOf = ({
  hidden,
  uninspected,
}: {
  hidden: readonly string[];
  uninspected: OpenFiles['uninspected'];
}): string[] => [
  ...hidden.map((why) => `could not look into ${HIDDEN[why] ?? `what is hidden by ${printable(why)}`}`),
  ...(uninspected.length > 0 ? [`could not look into ${namesOf(uninspected)}`] : []),
];

const HIDDEN: Record<string, string | undefined> = {
  'pid-namespace': 'processes outside the PID namespace of lm, as from within a container',
  hidepid: 'processes that the hidepid option of /proc hides',
} satisfies Record<Hiding, string>;

/** `2 processes: sh (pid 7), java (pid 8)` */
function namesOf(uninspected: OpenFiles['uninspected']): string {
  const names = uninspected.slice(0, SHOWN).map(({ pid, command }) => `${printable(command)} (pid ${pid})`);
  const more = uninspected.length - names.length;
  const count = `${uninspected.length} ${uninspected.length === 1 ? 'process' : 'processes'}`;
  return `${count}: ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
