// Finds the role of this host in the Sidecar's migration_map, and its partner. Compares names as text, and asks no name server.

import { isIPv6 } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { LmError, printable } from '../errors.js';
import type { CommandName } from './options.js';

type Role = 'source' | 'destination';

/** What the map has for this host. */
export interface Migration {
  /** Where the map is: `lm.yaml:4`. */
  where: string;
  /** Names and addresses this host was looked up by. */
  names: string[];
  role: Role | undefined;
  /** The other hosts of the map, as written there. */
  others: string[];
  /** As written in the map. */
  pair: { source: string; destination: string } | undefined;
}

/** Every name and address of this host but loopback, which every host has. */
export function namesOfThisHost(): string[] {
  const full = hostname();
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outward = addresses.filter((one) => !one.internal).map((one) => one.address);
  return [...new Set([full, full.split('.')[0]!, ...outward])];
}

/** Throws `usage` for a map that the Sidecar would reject, or one that names this host twice. */
export function locate(map: { entries: Record<string, string>; where: string }, names: string[]): Migration {
  const pairs = Object.entries(map.entries).map(([source, destination]) => ({ source, destination }));
  checkMap(pairs, map.where);
  const own = new Set(names.map(canonical));
  const found = pairs.flatMap((pair) => [
    ...(own.has(canonical(pair.source)) ? [{ role: 'source' as const, pair }] : []),
    ...(own.has(canonical(pair.destination)) ? [{ role: 'destination' as const, pair }] : []),
  ]);
  if (found.length > 1) {
    const members = found.map(({ role, pair }) => pair[role]);
    throw new LmError('which-host', `${location(map.where)}: this host is ${members.map(printable).join(' and ')}`, {
      hint: 'say which one is meant with --host',
    });
  }
  const others = pairs
    .flatMap(({ source, destination }) => [source, destination])
    .filter((one) => !own.has(canonical(one)));
  return { where: map.where, names, others, role: found[0]?.role, pair: found[0]?.pair };
}

/** The role that a command needs when there is a map; null is either role. Commands that are not listed need none. */
const ROLE_OF: Partial<Record<CommandName, Role | null>> = {
  serve: null,
  copy: 'destination',
  verify: 'destination',
  complete: null,
  doctor: null,
};

/** Throws `refused` when the map gives this host no role, or not the one that `command` needs. */
export function checkRole(command: CommandName, migration: Migration | undefined): void {
  const needed = ROLE_OF[command];
  if (!migration || needed === undefined) return;
  const { role, pair, names } = migration;
  if (!role || !pair) {
    throw new LmError('migration-map', `this host is not in ${location(migration.where)}`, {
      details: [`it was looked up as ${names.map(printable).join(', ')}`],
      hint: 'name it as the map does with --host',
    });
  }
  if (needed !== null && needed !== role) throw otherRole(`${command} is for the ${needed}`, { role, pair }, migration);
}

/** What an agent is for: by its map, else as `stated`, else a source. Throws `refused` where the two differ. */
export function servedRole(stated: Role | undefined, migration: Migration | undefined): Role {
  const { role, pair } = migration ?? {};
  if (stated !== undefined && migration && role && pair && stated !== role)
    throw otherRole(`--role says ${stated}`, { role, pair }, migration);
  return role ?? stated ?? 'source';
}

function otherRole(
  what: string,
  { role, pair }: { role: Role; pair: NonNullable<Migration['pair']> },
  { where }: Migration,
): LmError {
  const partner = role === 'source' ? `source of ${pair.destination}` : `destination of ${pair.source}`;
  return new LmError('migration-map', `${what}; this host is the ${printable(partner)}`, {
    hint: `by ${location(where)}; if that is not this host, name it with --host`,
  });
}

/** `http://<source>:9043`, the Sidecar's port. */
export const defaultUrl = (source: string): string => `http://${isIPv6(source) ? `[${source}]` : source}:9043`;

function checkMap(pairs: readonly { source: string; destination: string }[], where: string): void {
  const destinations = new Set<string>();
  const sources = new Set(pairs.map((pair) => canonical(pair.source)));
  for (const { destination } of pairs) {
    const name = canonical(destination);
    if (sources.has(name)) throw invalidMap(where, `${printable(destination)} is both a source and a destination`);
    if (destinations.has(name)) throw invalidMap(where, `${printable(destination)} is the destination of two sources`);
    destinations.add(name);
  }
}

const invalidMap = (where: string, what: string): LmError =>
  new LmError('usage', `${location(where)}: ${what}, takes one destination for each source`);

const location = (where: string): string => `live_migration.migration_map (${printable(where)})`;

/** Names in lower case, IPv6 addresses in their shortest form. */
const canonical = (name: string): string =>
  isIPv6(name) ? new URL(`http://[${name.split('%')[0]}]`).hostname : name.toLowerCase();
