// Judges which of the listeners on the ports of a service may be that service. listeners.ts finds the listeners; guards refuse.

import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { printable } from '../errors.js';
import { hostAndPort, isWildcard, plainAddress } from './addresses.js';
import { findListeners, type Listener } from './listeners.js';

/** A port the service listens on while it runs. */
export interface ServicePort {
  /** The setting that names the port: `native_transport_port`, `--guard-port`. */
  name: string;
  port: number;
  /** The addresses or host names that the service listens on; undefined when they are not known. */
  hosts?: readonly string[] | undefined;
  /** A network interface instead of `hosts`. */
  interface?: string | undefined;
}

/** A `ServicePort` with host names resolved. */
export interface GuardedPort {
  name: string;
  port: number;
  /** Undefined: the service may listen on any address. */
  addresses: readonly string[] | undefined;
}

/** Why a listener may be the service: it has an address of the service, or it cannot be shown to be another service. */
export type MatchReason = 'named' | 'wildcard' | 'any-address' | 'not-inspected';

interface PossibleService extends Listener {
  /** The port's `ServicePort.name`. */
  name: string;
  why: MatchReason;
}

export interface JudgedListeners {
  possible: PossibleService[];
  /** Other services: they listen on other addresses, and every process was inspected. */
  others: (Listener & { name: string })[];
}

/** `isComplete`: every process was inspected (`OpenFiles`), so that the service itself would have been seen. */
export async function findServiceListeners(
  ports: readonly GuardedPort[],
  isComplete: boolean,
): Promise<JudgedListeners> {
  const addresses = ports.flatMap((port) => port.addresses ?? []);
  const listeners = await findListeners([...new Set(ports.map(({ port }) => port))], [...new Set(addresses)]);
  return judgeListeners(listeners, ports, isComplete);
}

export function judgeListeners(
  listeners: readonly Listener[],
  ports: readonly GuardedPort[],
  isComplete: boolean,
): JudgedListeners {
  const judged: JudgedListeners = { possible: [], others: [] };
  for (const listener of listeners) {
    const matches = ports
      .filter(({ port }) => port === listener.port)
      .map((port) => ({ name: port.name, why: matchReason(listener, port, isComplete) }));
    const match = matches.find(({ why }) => why !== undefined);
    if (match?.why) judged.possible.push({ ...listener, name: match.name, why: match.why });
    else if (matches[0]) judged.others.push({ ...listener, name: matches[0].name });
  }
  return judged;
}

function matchReason(listener: Listener, { addresses }: GuardedPort, isComplete: boolean): MatchReason | undefined {
  if (isWildcard(listener.address)) return 'wildcard';
  if (addresses === undefined) return 'any-address';
  if (addresses.some((address) => isWildcard(address) || plainAddress(address) === plainAddress(listener.address)))
    return 'named';
  // A port that answers without a socket of this host is forwarded to a process that was not inspected.
  return isComplete && listener.process ? undefined : 'not-inspected';
}

/** `java (pid 7) listens on 127.0.0.2:9042` */
export function listenerText({ address, port, process }: Listener): string {
  const who = process ? `${printable(process.command)} (pid ${process.pid})` : 'something';
  return `${who} listens on ${hostAndPort(address, port)}`;
}

/** Why it may be the service, for people. */
export const matchReasonText = (why: string, name: string): string =>
  Object.hasOwn(MATCH_REASONS, why)
    ? MATCH_REASONS[why as MatchReason].replace('NAME', () => name)
    : `that may be ${name}`;

const MATCH_REASONS: Record<MatchReason, string> = {
  named: 'that is the address of NAME',
  wildcard: 'that is every address, the one of NAME as well',
  'any-address': 'where NAME listens is not known, so it may be there',
  'not-inspected':
    'that is not the address of NAME, but as not every process could be looked into, it may be the service all the same',
};

/** A name that cannot be resolved leaves the addresses undefined. Names need a name server, so they are resolved only once. */
export const lookUpPorts = (ports: readonly ServicePort[]): Promise<GuardedPort[]> => Promise.all(ports.map(toGuarded));

async function toGuarded({ name, port, hosts, interface: device }: ServicePort): Promise<GuardedPort> {
  if (device !== undefined) {
    const found = networkInterfaces()[device]?.map(({ address }) => plainAddress(address));
    return { name, port, addresses: found };
  }
  if (hosts === undefined) return { name, port, addresses: undefined };
  const found = await Promise.all(hosts.map(addressesOf));
  return { name, port, addresses: found.some((one) => one === undefined) ? undefined : found.flatMap((one) => one!) };
}

const addressesOf = (host: string): Promise<string[] | undefined> =>
  lookup(host.replace(/^\[(.*)\]$/, '$1'), { all: true }).then(
    (found) => found.map(({ address }) => plainAddress(address)),
    () => undefined,
  );
