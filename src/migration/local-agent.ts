// Finds the token of an agent on this host for a command that was given none. Asks the kernel, and sends nothing.

import { printable } from '../errors.js';
import { plainAddress } from '../linux/addresses.js';
import { isLoopback } from '../settings/checks/reach.js';
import { type FoundToken, findAgentToken } from '../state/agent-token.js';

interface LocalAgent extends FoundToken {
  /**
   * The URL to use. `localhost` becomes the address of the agent that was found, because another user may listen at its other address; not
   * with https, where the agent proves its identity.
   */
  url: URL;
}

/** Undefined for a URL of another host, and when there is no such agent or its process cannot be inspected. */
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

/** The hint for a token that was refused, or not `given`; undefined when the general hint is as good. */
export async function tokenHint(url: URL, given: boolean): Promise<string | undefined> {
  const found = await findLocalAgent(url);
  if (found)
    return `the agent on this host keeps its token in ${printable(found.path)}: --token-file ${printable(found.path)}`;
  if (given || !isLoopback(plainAddress(url.hostname))) return undefined;
  return 'the agent on this host said when it started where its token is: run as its user or as root, or give --token-file FILE';
}
