// Parses addresses with ports: where an agent listens, and which port of the service is guarded. Resolves no name.

import { plainAddress } from '../../linux/addresses.js';
import { parseInteger } from '../units.js';

/** `host` is an address or a name, without brackets; `::` stands for every address. */
export interface ListenAddress {
  host: string;
  port: number;
}

/** `HOST:PORT`, `[::1]:9043`, `:9043` (every address), `9043` (loopback: a short form must not open the data to a network). */
export function parseListen(text: string): ListenAddress | undefined {
  const [, bracketed, plain, digits] = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s/]*)):)?(\d{1,5})$/.exec(text) ?? [];
  const port = parseInteger(digits ?? '', 0, 65_535);
  if (port === undefined) return undefined;
  if (!text.includes(':')) return { host: '127.0.0.1', port };
  return { host: plainAddress(bracketed ?? (plain || '::')), port };
}

/** `9042` on any address; `127.0.0.2:9042` or `[::1]:9042` on that one. A host name may stand for the address. */
export function parseGuardPort(text: string): number | ListenAddress | undefined {
  if (!text.includes(':')) return parseInteger(text, 1, 65_535);
  const address = text.startsWith(':') ? undefined : parseListen(text);
  return address && address.port > 0 ? address : undefined;
}
