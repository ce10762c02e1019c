// The ports a service would listen on, and which of the listeners found there may be that service. Asks the kernel through
// listeners.ts and refuses nothing.

import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { printable } from '../errors.js';
import { hostAndPort, isWildcard, plainAddress } from './addresses.js';
import { findListeners, type Listener } from './listeners.js';

/** A port the service listens on while it runs. */
export interface ServicePort {
  /** Who says so: `native_transport_port`, `--guard-port`. */
  name: string;
  port: number;
  /** Addresses or host names; undefined when it is not known where it listens. */
  hosts?: readonly string[] | undefined;
  /** A network interface in their stead. */
  interface?: string | undefined;
}

/** A `ServicePort` whose names are looked up. */
export interface GuardedPort {
  name: string;
  port: number;
  /** Undefined: any address may be the service's. */
  addresses: readonly string[] | undefined;
}

/** Why a listener may be the service: it is where the service would be, or nothing shows that it is another one. */
export type Suspicion = 'named' | 'wildcard' | 'any-address' | 'not-inspected';

export interface Suspect extends Listener {
  /** The port's `ServicePort.name`. */
  name: string;
  why: Suspicion;
}

export interface Judged {
  suspects: Suspect[];
  /** On another address than the service's, with every process looked into: another service. */
  others: (Listener & { name: string })[];
}

/** `isComplete`: every process was looked into (`OpenFiles`), so that the service itself would have been seen. */
export async function findServiceListeners(ports: readonly GuardedPort[], isComplete: boolean): Promise<Judged> {
  const addresses = ports.flatMap((port) => port.addresses ?? []);
  const listeners = await findListeners([...new Set(ports.map(({ port }) => port))], [...new Set(addresses)]);
  return judgeListeners(listeners, ports, isComplete);
}

export function judgeListeners(
  listeners: readonly Listener[],
  ports: readonly GuardedPort[],
  isComplete: boolean,
): Judged {
  const judged: Judged = { suspects: [], others: [] };
  for (const listener of listeners) {
    const claims = ports
      .filter(({ port }) => port === listener.port)
      .map((port) => ({ name: port.name, why: suspicionOf(listener, port, isComplete) }));
    const claim = claims.find(({ why }) => why !== undefined);
    if (claim?.why) judged.suspects.push({ ...listener, name: claim.name, why: claim.why });
    else if (claims[0]) judged.others.push({ ...listener, name: claims[0].name });
  }
  return judged;
}

function suspicionOf(listener: Listener, { addresses }: GuardedPort, isComplete: boolean): Suspicion | undefined {
  if (isWildcard(listener.address)) return 'wildcard';
  if (addresses === undefined) return 'any-address';
  if (addresses.some((address) => isWildcard(address) || plainAddress(address) === plainAddress(listener.address)))
    return 'named';
  // What answers without a socket of this host is forwarded to somebody who was not seen.
  return isComplete && listener.process ? undefined : 'not-inspected';
}

/** `java (pid 7) listens on 127.0.0.2:9042` */
export function listenerText({ address, port, process }: Listener): string {
  const who = process ? `${printable(process.command)} (pid ${process.pid})` : 'something';
  return `${who} listens on ${hostAndPort(address, port)}`;
}

/** Why it may be the service, for people. */
export const suspicionText = (why: string, name: string): string =>
  Object.hasOwn(SUSPICIONS, why) ? SUSPICIONS[why as Suspicion].replace('NAME', () => name) : `that may be ${name}`;

const SUSPICIONS: Record<Suspicion, string> = {
  named: 'that is the address of NAME',
  wildcard: 'that is every address, the one of NAME as well',
  'any-address': 'where NAME listens is not known, so it may be there',
  'not-inspected':
    'that is not the address of NAME, but as not every process could be looked into, it may be the service all the same',
};

/** What cannot be looked up may be anywhere. Asks a name server for what is no address, so it is done once. */
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
