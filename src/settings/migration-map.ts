// Which role this host has in the Sidecar's migration_map, and who its partner is. Asks no name server.

import { isIPv6 } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { LmError, printable } from '../errors.js';
import type { CommandName } from './options.js';

export type Role = 'source' | 'destination';

/** What the map says about this host. */
export interface Migration {
  /** Where the map stands: `lm.yaml:4`. */
  where: string;
  /** Names and addresses this host was looked up by. */
  names: string[];
  role: Role | undefined;
  /** As the map has them. */
  pair: { source: string; destination: string } | undefined;
}

/** Every name and address of this host, loopback left out: that one every host has. */
export function namesOfThisHost(): string[] {
  const full = hostname();
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outward = addresses.filter((one) => !one.internal).map((one) => one.address);
  return [...new Set([full, full.split('.')[0]!, ...outward])];
}

/** Throws `usage` for a map the Sidecar would reject, or one in which this host stands twice. */
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
    throw new LmError('usage', `${place(map.where)}: this host is ${members.map(printable).join(' and ')}`, {
      hint: 'say which one is meant with --host',
    });
  }
  return { where: map.where, names, role: found[0]?.role, pair: found[0]?.pair };
}

/** The role a command needs when there is a map; null: any role, but one. Reset and status run without. */
const ROLE_OF: Partial<Record<CommandName, Role | null>> = {
  serve: 'source',
  copy: 'destination',
  verify: 'destination',
  complete: null,
};

/** Throws `refused` when the map gives this host no role, or another one than `command` has. */
export function checkRole(command: CommandName, migration: Migration | undefined): void {
  const needed = ROLE_OF[command];
  if (!migration || needed === undefined) return;
  const { role, pair, names } = migration;
  if (!role || !pair) {
    throw new LmError('refused', `this host is not in ${place(migration.where)}`, {
      details: [`it was looked up as ${names.map(printable).join(', ')}`],
      hint: 'name it as the map does with --host',
    });
  }
  if (needed === null || needed === role) return;
  const partner = role === 'source' ? `source of ${pair.destination}` : `destination of ${pair.source}`;
  throw new LmError('refused', `${command} is for the ${needed}; this host is the ${printable(partner)}`, {
    hint: `by ${place(migration.where)}; if that is not this host, name it with --host`,
  });
}

/** `http://<source>:9043`, the Sidecar's port. */
export const defaultUrl = (source: string): string => `http://${isIPv6(source) ? `[${source}]` : source}:9043`;

function checkMap(pairs: readonly { source: string; destination: string }[], where: string): void {
  const destinations = new Set<string>();
  const sources = new Set(pairs.map((pair) => canonical(pair.source)));
  for (const { destination } of pairs) {
    const name = canonical(destination);
    if (sources.has(name)) throw bad(where, `${printable(destination)} is both a source and a destination`);
    if (destinations.has(name)) throw bad(where, `${printable(destination)} is the destination of two sources`);
    destinations.add(name);
  }
}

const bad = (where: string, what: string): LmError =>
  new LmError('usage', `${place(where)}: ${what}, takes one destination for each source`);

const place = (where: string): string => `live_migration.migration_map (${printable(where)})`;

/** Names without case, IPv6 in its short form. */
const canonical = (name: string): string =>
  isIPv6(name) ? new URL(`http://[${name.split('%')[0]}]`).hostname : name.toLowerCase();
