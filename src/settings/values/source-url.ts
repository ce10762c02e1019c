// The URL of a source: scheme, host and port, and nothing that a request could not be sent to. Resolves no name.

import { isIPv6 } from 'node:net';
import { plainAddress } from '../../linux/addresses.js';
import type { Kind } from '../kinds.js';

/** Of a name, and of each part between its dots (RFC 1035, 2.3.4). */
const MAX_HOST = 253;
const MAX_LABEL = 63;

/** An agent or a Sidecar: scheme, host and port only. A secret in a URL would show in every process list. */
export const sourceUrl: Kind<URL> = {
  metavar: 'URL',
  takes: 'http://HOST:PORT or https://HOST:PORT, nothing more',
  parse(given) {
    if (/[\s\p{Cc}]/u.test(given)) return undefined; // a URL is read as if there were no line breaks and tabs in it
    const url = /^https?:\/\//i.test(given) && URL.canParse(given) ? new URL(given) : undefined;
    if (!url || url.href !== `${url.origin}/` || url.port === '0' || !isHost(url.hostname)) return undefined;
    const plain = plainAddress(url.hostname);
    if (!plain.includes(':')) url.hostname = plain; // an IPv4 address in IPv6 form is shown as what it is
    return url;
  },
  suggest(given) {
    const [, scheme = '', rest = ''] = /^(?:(\w+):?\/+)?(.*)$/.exec(given.replaceAll(/\s/g, '')) ?? [];
    const host = rest.replace(/[/?#].*$/, '');
    if (host.includes('@')) return undefined; // a secret is not said again
    const name = isIPv6(host) ? `[${host}]` : host;
    const guess = `${/s$/i.test(scheme) ? 'https' : 'http'}://${name}${/:\d+$/.test(name) ? '' : ':9043'}`;
    return sourceUrl.parse(guess, '') && guess;
  },
  advise(given) {
    if (given.includes('@')) return 'a token stands in a file of its own: --token-file FILE';
    if (!/^(https?:\/\/)?\[?fe[89ab][0-9a-f]:/i.test(given)) return undefined;
    return 'an address of one link alone takes a zone (%eth0), which no URL can hold: give another address of that host, or its name';
  },
  mask: (given) => given.replace(/^(\w+:\/+)?.*@/s, '$1…@'),
};

/** Of one link alone needs a zone to be reached (RFC 4007, 11). */
const isLinkLocal = (hostname: string): boolean => /^\[fe[89ab][0-9a-f]:/.test(hostname);

const isHost = (hostname: string): boolean =>
  hostname.length <= MAX_HOST &&
  !isLinkLocal(hostname) &&
  hostname.split('.').every((label) => label.length <= MAX_LABEL);
