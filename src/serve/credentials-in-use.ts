// The credentials that a running agent goes by: whom it lets in by them, where its own token can be found, and how they are replaced.

import { type Authorize, createAuthorize } from '../agent/access/auth.js';
import { namesInHosts, type OwnNames } from '../agent/access/own-names.js';
import type { RunningServer } from '../agent/server.js';
import { namesOfThisHost } from '../settings/migration-map.js';
import { isLoopback } from '../settings/resolve.js';
import type { ServeSettings } from '../settings/settings.js';
import { presentToken } from '../state/agent-token.js';
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

  /** Where the token is that was made for this agent. */
  get made(): string | undefined {
    return this.#credentials.made;
  }

  get tls(): Credentials['tls'] {
    return this.#credentials.tls;
  }

  get fingerprint(): string | undefined {
    return fingerprintOf(this.#credentials);
  }

  readonly authorize: Authorize = (request) => this.#authorize(request);

  /** Until `hideToken`, other commands of this host find the token that was made. */
  presentToken(): void {
    this.#hideToken = present(this.#credentials);
  }

  hideToken(): void {
    this.#hideToken?.();
  }

  /** Reads all of them again, or throws and has changed nothing. `server` gets a certificate that is new. */
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

const authorizeBy = (settings: ServeSettings, { token }: Credentials): Authorize =>
  createAuthorize({
    token,
    names: ownNames(settings),
    clientNames: settings.clientNames.length > 0 ? settings.clientNames : undefined,
  });

const present = ({ made, token }: Credentials): (() => void) | undefined =>
  made === undefined ? undefined : presentToken(made, token!);

/** Undefined where it does not matter: beyond loopback, what is asked for by a name of the client's own still takes a token or a certificate. */
function ownNames({ listen, hostName, tokenFile, clientCa }: ServeSettings): OwnNames | undefined {
  const stated = [listen.host, ...(hostName === undefined ? [] : [hostName])];
  if (isLoopback(listen.host)) return { stated, more: () => [] };
  if (tokenFile !== undefined || clientCa !== undefined) return undefined;
  return {
    stated,
    more: () => {
      const names = namesOfThisHost();
      return [...names, ...namesInHosts(names)];
    },
  };
}
