// Whether the destination's service is stopped: its ports and its open files. Starts no command and stops no service.

import { LmError, printable } from '../errors.js';
import { hostAndPort } from '../linux/addresses.js';
import { findOpenFiles, type Hiding, type OpenFiles } from '../linux/open-files.js';
import {
  findServiceListeners,
  type GuardedPort,
  type Judged,
  listenerText,
  suspicionText,
} from '../linux/service-ports.js';

export interface ServiceGuard {
  roots: readonly { path: string }[];
  /** Ports the service would listen on: from cassandra.yaml, --guard-port and --jmx-port. */
  ports: readonly GuardedPort[];
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
  const open = await findOpenFiles(guard.roots.map((root) => root.path));
  const others = judgePorts(await findServiceListeners(guard.ports, open.isComplete));
  return [...others, ...judgeOpenFiles(open, guard)];
}

/** What /proc told, as warnings or as the refusal it amounts to. */
export function judgeOpenFiles(open: OpenFiles, guard: Omit<ServiceGuard, 'roots'>): string[] {
  refuseHolders(open);
  const gaps = gapsOf(open);
  if (!open.isComplete && guard.cassandra && guard.ports.length === 0 && !guard.hasPreCheck)
    throw new LmError('refused', `cannot tell whether the destination service is stopped: ${gaps.join('; ')}`, {
      hint: 'run as root of the host itself, or name a port of the service with --guard-port or a command with --pre-check, or say --allow-running',
    });
  return gaps;
}

/** Throws `refused` for what may be the service; returns a line for each that is another one. */
function judgePorts({ suspects, others }: Judged): string[] {
  const [first] = suspects;
  if (!first) return others.map((one) => `${listenerText(one)}: taken for another service than this one (${one.name})`);
  const where = hostAndPort(first.address, first.port);
  throw new LmError('refused', `the destination service seems to run: something listens on ${where}`, {
    details: suspects.slice(0, SHOWN).map((one) => `${listenerText(one)}: ${suspicionText(one.why, one.name)}`),
    hint: STOP,
  });
}

const STOP = 'stop the service and run the same command again; --allow-running skips this check';
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

/** What was not seen, a line each: `could not look into 2 processes: sh (pid 7), java (pid 8)`. */
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
export function namesOf(uninspected: OpenFiles['uninspected']): string {
  const names = uninspected.slice(0, SHOWN).map(({ pid, command }) => `${printable(command)} (pid ${pid})`);
  const more = uninspected.length - names.length;
  const count = `${uninspected.length} ${uninspected.length === 1 ? 'process' : 'processes'}`;
  return `${count}: ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
