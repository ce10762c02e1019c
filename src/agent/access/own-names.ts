// Whether a request was meant for this host, by its Host header: a web page whose name was made to lead here (DNS rebinding) was not.

import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { plainAddress } from '../../linux/addresses.js';

export interface OwnNames {
  /** Of `--listen`, `--host`, and whatever else is always right. */
  stated: readonly string[];
  /** Every other name and address; asked again for each name that is not known, because addresses come and go. */
  more: () => readonly string[];
}

/** `host`: with or without a port. Loopback's names are right on every host. */
export function isOwnName(host: string, { stated, more }: OwnNames): boolean {
  const name = nameIn(host);
  if (name === undefined) return false;
  if (name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'))) return true;
  const isThis = (own: string): boolean => canonical(own) === name;
  return stated.some(isThis) || more().some(isThis);
}

/** The names that /etc/hosts gives to this host, such as its full one; `known` are the names and addresses that it surely has. */
export function namesInHosts(known: readonly string[], file = '/etc/hosts'): string[] {
  const own = new Set(known.map(canonical));
  return linesOf(file)
    .map((line) => line.replace(/#.*/, '').trim().split(/\s+/))
    .filter((words) => words.some((word) => own.has(canonical(word))))
    .flat();
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return []; // not every host has one
  }
}

/** Undefined for what is no `name`, `name:port`, `[address]` or `[address]:port`. */
function nameIn(host: string): string | undefined {
  const [, name] = /^(\[[^\]]*\]|[^[\]:/@]+)(?::\d*)?$/.exec(host) ?? [];
  return name === undefined ? undefined : canonical(name);
}

/** Without case, brackets, a zone, or the full stop at the end of a complete name. */
const canonical = (name: string): string => plainAddress(name.toLowerCase().replace(/\.$/, ''));
