// Gives each IP address one spelling, so that addresses can be compared as text. Resolves no name.

import { isIPv6 } from 'node:net';

/** `127.0.0.2` for `::ffff:127.0.0.2`, `::ffff:7f00:2` and itself; IPv6 in its shortest form, without a zone. Names are not changed. */
export function plainAddress(text: string): string {
  const address = text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  if (!isIPv6(address)) return text;
  const shortest = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(shortest) ?? [];
  if (high === undefined || low === undefined) return shortest;
  return [high, low]
    .map((word) => Number.parseInt(word, 16))
    .flatMap((word) => [word >> 8, word & 255])
    .join('.');
}

/** `127.0.0.2:9042`, `[::1]:9042` */
export function hostAndPort(address: string, port: number): string {
  const plain = plainAddress(address);
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** Whether a socket bound to this address listens on every address of its family. */
export const isWildcard = (address: string): boolean => ['0.0.0.0', '::'].includes(plainAddress(address));

/** The network in which a client can have many addresses: the /64 of an IPv6 address, as its first four groups; an IPv4 address itself. */
export function networkOf(address: string): string {
  const plain = plainAddress(address);
  if (!plain.includes(':')) return plain;
  const [head = [], tail = []] = plain.split('::').map((groups) => groups.split(':').filter((group) => group !== ''));
  const zeros = Array(8 - head.length - tail.length).fill('0');
  return [...head, ...zeros, ...tail].slice(0, 4).join(':');
}
