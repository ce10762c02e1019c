// The settings that the first copy remembers for later commands, as text that an operator could have typed. Guards are among them, or a
// later `lm copy` without flags would run without them; consents (--adopt) are not, and of secrets only the paths are.

import { ownerRuleText } from '../owners/owner-rules.js';
import { type Found, type Layer, read } from './layers.js';
import { OPTION_NAMES, type OptionName, optionOf } from './options.js';
import type { CopySettings, ServeSettings } from './settings.js';
import { guardPort, waitingTime } from './types.js';
import { sourceName } from './values/source-url.js';

/** By option name. Values are text, so that they are parsed like a flag when they are read back. */
export type Remembered = Record<string, unknown>;

/** Only options that are marked as remembered, with paths made absolute. */
export function toRemember(settings: CopySettings): Remembered {
  const { url, roots, without, cassandra, exclusions, tokenFile, tls } = settings;
  const { concurrency, retryForMs, preCheck, postCheck, guardPorts, jmxPort } = settings;
  const owners = settings.ownerRules.map(ownerRuleText);
  const words = {
    url: sourceName(url),
    root: rootWords(roots),
    'cassandra-yaml': cassandra?.file,
    without: without.length > 0 ? without : undefined,
    concurrency: String(concurrency),
    'retry-for': retryForMs === undefined ? undefined : waitingTime.show!(retryForMs),
    'pre-check': preCheck,
    'post-check': postCheck,
    ...portWords({ guardPorts, jmxPort }),
    owner: owners.length > 0 ? owners : undefined,
    'token-file': tokenFile,
    'ca-cert': tls.caCert,
    'client-cert': tls.clientCert,
    'client-key': tls.clientKey,
    pin: tls.pin,
    exclude: exclusions.exclude,
    'files-to-exclude': exclusions.filesToExclude,
    'dirs-to-exclude': exclusions.dirsToExclude,
  } satisfies Words;
  return stated(words);
}

/** What lm serve remembers for lm complete on its host: settings by which lm complete finds out whether the service has stopped. */
export function toRememberAtSource(settings: ServeSettings): Remembered {
  const { roots, without, cassandra, guardPorts, jmxPort, atRestCheck } = settings;
  return stated({
    root: cassandra && rootWords(roots),
    'cassandra-yaml': cassandra?.file,
    without: without.length > 0 ? without : undefined,
    'pre-check': atRestCheck,
    ...portWords({ guardPorts: guardPorts.length > 0 ? guardPorts : undefined, jmxPort }),
  });
}

type Words = Partial<Record<OptionName, string | string[] | undefined>>;

const stated = (words: Words): Remembered =>
  Object.fromEntries(Object.entries(words).filter(([, stated]) => stated !== undefined));

const rootWords = (roots: ServeSettings['roots']): string[] => roots.map(({ type, path }) => `${type}=${path}`);

const portWords = ({
  guardPorts,
  jmxPort,
}: {
  guardPorts: ServeSettings['guardPorts'] | undefined;
  jmxPort: ServeSettings['jmxPort'];
}): Words => ({
  'guard-port': guardPorts?.map((port) => guardPort.show!(port)),
  'jmx-port': jmxPort === undefined ? undefined : guardPort.show!(jmxPort),
});

/** Names that are not remembered options are ignored: a later release may have remembered more. */
export function rememberedLayer(remembered: Remembered): Layer {
  const layer = new Map<OptionName, Found>();
  for (const name of OPTION_NAMES) {
    const stated = remembered[name];
    if (!optionOf(name).remembered || !isWords(stated)) continue;
    layer.set(name, read(name, stated, { source: 'remembered', where: 'the first copy' }, '/'));
  }
  return layer;
}

const isWords = (stated: unknown): stated is string | string[] =>
  typeof stated === 'string' || (Array.isArray(stated) && stated.every((word) => typeof word === 'string'));
