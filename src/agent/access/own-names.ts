// Tells by the Host header whether a request is meant for this host: that of a web page whose name was made to lead here (DNS rebinding)
// is not.

import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { plainAddress } from '../../linux/addresses.js';

export interface OwnNames {
  /** The names of `--listen` and `--host`. */
  stated: readonly string[];
  /** Names of other hosts, whatever address of this one they may be: several agents run on it then. */
  others?: readonly string[];
  /** Every other name and address. Called for each name that is not stated, because addresses change. */
  more: () => readonly string[];
}

/** `host` may have a port. The names of loopback are this host's own everywhere. */
export function isOwnName(host: string, { stated, others = [], more }: OwnNames): boolean {
  const name = nameIn(host);
  if (name === undefined) return false;
  const matches = (own: string): boolean => canonical(own) === name;
  if (others.some(matches)) return false;
  if (name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'))) return true;
  return stated.some(matches) || more().some(matches);
}

/** The names that /etc/hosts has for this host, such as its full one. `known` are names and addresses that are certainly its own. */
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
    return []; // some hosts have none
  }
}

/** Undefined for a text that is not `name`, `name:port`, `[address]` or `[address]:port`. */
function nameIn(host: string): string | undefined {
  const [, name] = /^(\[[^\]]*\]|[^[\]:/@]+)(?::\d*)?$/.exec(host) ?? [];
  return name === undefined ? undefined : canonical(name);
}

/** In lower case, without brackets, zone, or the full stop at the end of an absolute name. */
const canonical = (name: string): string => plainAddress(name.toLowerCase().replace(/\.$/, ''));
