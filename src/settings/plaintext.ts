// Warns, on either side, of a connection that is not encrypted. Refuses nothing.

import { geteuid } from 'node:process';
import { plainAddress } from '../linux/addresses.js';
import { usersListeningAt } from '../linux/listeners.js';
import { readAccounts, userText } from '../owners/accounts.js';
import { isLoopback } from './checks/reach.js';
import type { ReachingSource, ServeSettings } from './settings.js';

const RISK = 'anybody on the network path can read and change the token and the data';

/**
 * For the side that connects. On loopback another user may have taken the port of an agent that has ended, or may own the tunnel to the
 * source. Empty where certificates are given that go unused: the notes of the settings warn of that.
 */
export async function plaintextSourceWarnings(
  to: Pick<ReachingSource, 'url' | 'tls' | 'tokenFile'>,
): Promise<string[]> {
  const { url, tls, tokenFile } = to;
  if (url?.protocol !== 'http:') return [];
  if (isLoopback(plainAddress(url.hostname))) return tokenFile === undefined ? [] : otherUserWarnings(url);
  if (tls.caCert !== undefined || tls.clientCert !== undefined) return [];
  return [
    `${url.origin} is not encrypted: ${RISK}; start lm serve there with --tls-auto, and use https:// and --pin here`,
  ];
}

async function otherUserWarnings(url: URL): Promise<string[]> {
  const name = plainAddress(url.hostname);
  const port = Number(url.port || 80);
  const users = await Promise.all(
    (name === 'localhost' ? ['127.0.0.1', '::1'] : [name]).map((address) =>
      usersListeningAt(address, port).catch(() => []),
    ), // no warning where the users cannot be found out
  );
  const otherUsers = [...new Set(users.flat())].filter((uid) => uid !== 0 && uid !== geteuid!());
  return otherUsers.map(
    (uid) =>
      `${url.origin} is a process of ${userText(readAccounts(), uid)}: that user can read the token and the data, and change them; with --tls-auto there, and https:// and --pin here, only the source can`,
  );
}

export function plaintextServeWarnings({
  listen,
  tlsAuto,
  tlsCert,
}: Pick<ServeSettings, 'listen' | 'tlsAuto' | 'tlsCert'>): string[] {
  if (isLoopback(listen.host) || tlsAuto || tlsCert !== undefined) return [];
  return [`what is served is not encrypted: ${RISK}; --tls-auto encrypts it`];
}
