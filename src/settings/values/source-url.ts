// Parses the URL of a source, or the path of a directory of this host that is one. Refuses a URL that no request could be sent to. Resolves no
// name.

import { isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { plainAddress } from '../../linux/addresses.js';
import type { OptionType } from '../types.js';

/** The longest name, and the longest part between two dots (RFC 1035, 2.3.4). */
const MAX_HOST = 253;
const MAX_LABEL = 63;

/**
 * The URL of an agent or a Sidecar: scheme, host and port only. A secret in a URL would show in every process list. A directory becomes a URL
 * with the scheme `file:`, which cannot be stated as such.
 */
export const sourceUrl: OptionType<URL> = {
  metavar: 'URL',
  takes: 'http://HOST:PORT or https://HOST:PORT, nothing more, or the whole path of a directory',
  parse(given) {
    if (given.startsWith('/')) return given.includes('\0') ? undefined : pathToFileURL(resolve(given));
    if (/[\s\p{Cc}]/u.test(given)) return undefined; // URL would ignore line breaks and tabs
    const url = /^https?:\/\//i.test(given) && URL.canParse(given) ? new URL(given) : undefined;
    if (!url || url.href !== `${url.origin}/` || url.port === '0' || !isHost(url.hostname)) return undefined;
    const plain = plainAddress(url.hostname);
    if (!plain.includes(':')) url.hostname = plain; // an IPv4 address in IPv6 form is written as IPv4
    return url;
  },
  suggest(given) {
    if (IS_RELATIVE.test(given)) return undefined;
    const [, scheme = '', rest = ''] = /^(?:(\w+):?\/+)?(.*)$/.exec(given.replaceAll(/\s/g, '')) ?? [];
    const host = rest.replace(/[/?#].*$/, '');
    if (host.includes('@')) return undefined; // it may hold a secret, which must not be printed
    const name = isIPv6(host) ? `[${host}]` : host;
    const guess = `${/s$/i.test(scheme) ? 'https' : 'http'}://${name}${/:\d+$/.test(name) ? '' : ':9043'}`;
    return sourceUrl.parse(guess, '') && guess;
  },
  advise(given) {
    if (IS_RELATIVE.test(given)) return 'a directory is named by its whole path, such as /mnt/old';
    if (given.includes('@')) return 'a token stands in a file of its own: --token-file FILE';
    if (!/^(https?:\/\/)?\[?fe[89ab][0-9a-f]:/i.test(given)) return undefined;
    return 'an address of one link alone takes a zone (%eth0), which no URL can hold: give another address of that host, or its name';
  },
  mask: (given) => given.replace(/^(\w+:\/+)?.*@/s, '$1…@'),
};

const IS_RELATIVE = /^\.{1,2}\//;

/** The directory of this host that a URL names; undefined for one of another host. */
export const directoryIn = (url: URL): string | undefined =>
  url.protocol === 'file:' ? fileURLToPath(url) : undefined;

/** A source as its operator calls it: an origin, or a path. */
export const sourceName = (url: URL): string => directoryIn(url) ?? url.origin;

/** A link-local address is reached only with a zone (RFC 4007, 11). */
const isLinkLocal = (hostname: string): boolean => /^\[fe[89ab][0-9a-f]:/.test(hostname);

const isHost = (hostname: string): boolean =>
  hostname.length <= MAX_HOST &&
  !isLinkLocal(hostname) &&
  hostname.split('.').every((label) => label.length <= MAX_LABEL);
