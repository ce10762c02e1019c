// The token of an agent on this host, for whoever gave none. Asks the kernel, and no agent.

import { printable } from '../errors.js';
import { plainAddress } from '../linux/addresses.js';
import { isLoopback } from '../settings/resolve.js';
import { type FoundToken, findAgentToken } from '../state/agent-token.js';

export interface LocalAgent extends FoundToken {
  /**
   * The URL to take. `localhost` becomes the address that was looked at, because somebody else may listen at its other one; not where
   * the agent proves who it is.
   */
  url: URL;
}

/** Undefined for a URL that leads away from this host, and where there is no such agent or it cannot be looked into. */
export async function findLocalAgent(url: URL): Promise<LocalAgent | undefined> {
  const name = plainAddress(url.hostname);
  const addresses = name === 'localhost' ? ['127.0.0.1', '::1'] : isLoopback(name) ? [name] : [];
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  for (const address of addresses) {
    const found = await findAgentToken(address, port);
    if (found) return { ...found, url: url.protocol === 'https:' ? url : at(address, url) };
  }
  return undefined;
}

function at(address: string, url: URL): URL {
  const there = new URL(url);
  there.hostname = address.includes(':') ? `[${address}]` : address;
  return there;
}

/** What to do about a token that was refused, or not `given`; undefined when nothing better is known than elsewhere. */
export async function tokenHint(url: URL, given: boolean): Promise<string | undefined> {
  const found = await findLocalAgent(url);
  if (found)
    return `the agent on this host keeps its token in ${printable(found.path)}: --token-file ${printable(found.path)}`;
  if (given || !isLoopback(plainAddress(url.hostname))) return undefined;
  return 'the agent on this host said when it started where its token is: run as its user or as root, or give --token-file FILE';
}
