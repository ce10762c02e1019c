// Holds the credentials of a running agent: authorizes requests by them, shows other commands where its own token is, and replaces them
// on a reload.

import { type Authorize, createAuthorize } from '../agent/access/auth.js';
import { namesInHosts, type OwnNames } from '../agent/access/own-names.js';
import type { RunningServer } from '../agent/server.js';
import { PERMISSIONS } from '../permissions.js';
import { isLoopback } from '../settings/checks/reach.js';
import { namesOfThisHost } from '../settings/migration-map.js';
import type { ServeSettings } from '../settings/settings.js';
import { holdToken } from '../state/agent-token.js';
import { PREFIX } from '../wire/file-urls.js';
import { type Credentials, compareCredentials, fingerprintOf, type Reloaded, readCredentials } from './credentials.js';

export class CredentialsInUse {
  readonly #settings: ServeSettings;
  readonly #directory: () => string;
  #credentials: Credentials;
  #authorize: Authorize;
  #hideToken: (() => void) | undefined;

  /** Arguments and errors are those of `readCredentials`. */
  constructor(settings: ServeSettings, directory: () => string) {
    this.#settings = settings;
    this.#directory = directory;
    this.#credentials = readCredentials(settings, directory);
    this.#authorize = authorizeBy(settings, this.#credentials);
  }

  /** The file of the token that was made for this agent. */
  get ownTokenFile(): string | undefined {
    return this.#credentials.ownTokenFile;
  }

  get tls(): Credentials['tls'] {
    return this.#credentials.tls;
  }

  get fingerprint(): string | undefined {
    return fingerprintOf(this.#credentials);
  }

  readonly authorize: Authorize = (request) => this.#authorize(request);

  /** Lets other commands of this host find the token that was made, until `hideToken`. */
  presentToken(): void {
    this.#hideToken = present(this.#credentials);
  }

  hideToken(): void {
    this.#hideToken?.();
  }

  /** Reads all of them again; when it throws, nothing has changed. Gives a new certificate to `server`. */
  reload(server: RunningServer): Reloaded[] {
    const fresh = readCredentials(this.#settings, this.#directory);
    const reloaded = compareCredentials(this.#credentials, fresh);
    const hideBefore = this.#hideToken;
    this.#hideToken = present(fresh);
    hideBefore?.();
    if (fresh.tls && reloaded.some(({ part, isNew }) => isNew && part !== 'token')) server.secure(fresh.tls);
    this.#authorize = authorizeBy(this.#settings, fresh);
    this.#credentials = fresh;
    return reloaded;
  }
}

function authorizeBy(settings: ServeSettings, { token, tokensFor }: Credentials): Authorize {
  const tokens = [...(token === undefined ? [] : [{ token, permissions: PERMISSIONS }]), ...tokensFor];
  const clients = [
    ...settings.clientNames.map((name) => ({ name, permissions: PERMISSIONS })),
    ...settings.clientsFor.map(({ permissions, of: name }) => ({ permissions, name })),
  ];
  return createAuthorize({
    tokens: tokens.length > 0 ? tokens : undefined,
    names: ownNames(settings),
    clients: clients.length > 0 ? clients : undefined,
    ...(settings.serves === 'destination' && { misdirectedStatus }),
  });
}

/** The Sidecar's guarded routes answer 500 for a host that is not its own, the others 421. An agent of a source always answers 421. */
const misdirectedStatus = (target: string): number => (target.startsWith(`${PREFIX}/`) ? 500 : 421);

const present = ({ ownTokenFile, token }: Credentials): (() => void) | undefined =>
  ownTokenFile === undefined ? undefined : holdToken(ownTokenFile, token!);

/** The names a request may be for; undefined where any will do, since a client beyond loopback has to show a token or a certificate. */
function ownNames({ listen, hostName, otherHosts: others, serves, ...settings }: ServeSettings): OwnNames | undefined {
  const stated = [listen.host, ...(hostName === undefined ? [] : [hostName])];
  if (isLoopback(listen.host)) return { stated, others, more: () => [] };
  const { tokenFile, tokensFor, clientCa } = settings;
  const isAsked = tokenFile !== undefined || tokensFor.length > 0 || clientCa !== undefined;
  if (serves === 'source' && isAsked) return undefined;
  return {
    stated,
    others,
    more: () => {
      const names = namesOfThisHost();
      return [...names, ...namesInHosts(names)];
    },
  };
}
