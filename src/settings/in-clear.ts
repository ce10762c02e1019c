// What is said, on either side, about a line that anybody on the way can read. Warns; refuses nothing.

import { geteuid } from 'node:process';
import { plainAddress } from '../linux/addresses.js';
import { usersAt } from '../linux/listeners.js';
import { readAccounts, userText } from '../owners/accounts.js';
import { isLoopback } from './resolve.js';
import type { ReachingSource, ServeSettings } from './settings.js';

const IN_CLEAR = 'whoever is on the way can read the token and the data, and change them';

/**
 * For the side that connects. On loopback another user may have taken the port of an agent that has ended; a tunnel to the source may be
 * somebody else's as well. Nothing where certificates are named that go unused, because the settings' own
 * notes say so.
 */
export async function askedInClear(to: Pick<ReachingSource, 'url' | 'tls' | 'tokenFile'>): Promise<string[]> {
  const { url, tls, tokenFile } = to;
  if (!url || url.protocol === 'https:') return [];
  if (isLoopback(plainAddress(url.hostname))) return tokenFile === undefined ? [] : toldToStrangers(url);
  if (tls.caCert !== undefined || tls.clientCert !== undefined) return [];
  return [
    `${url.origin} is not encrypted: ${IN_CLEAR}; start lm serve there with --tls-auto, and say https:// and --pin here`,
  ];
}

async function toldToStrangers(url: URL): Promise<string[]> {
  const name = plainAddress(url.hostname);
  const port = Number(url.port || 80);
  const users = await Promise.all(
    (name === 'localhost' ? ['127.0.0.1', '::1'] : [name]).map((address) => usersAt(address, port).catch(() => [])), // what cannot be known is not warned of
  );
  const strangers = [...new Set(users.flat())].filter((uid) => uid !== 0 && uid !== geteuid!());
  return strangers.map(
    (uid) =>
      `${url.origin} is a process of ${userText(readAccounts(), uid)}: that user can read the token and the data, and change them; with --tls-auto there, and https:// and --pin here, only the source can`,
  );
}

export function servedInClear({
  listen,
  tlsAuto,
  tlsCert,
}: Pick<ServeSettings, 'listen' | 'tlsAuto' | 'tlsCert'>): string[] {
  if (isLoopback(listen.host) || tlsAuto || tlsCert !== undefined) return [];
  return [`what is served is not encrypted: ${IN_CLEAR}; --tls-auto encrypts it`];
}
