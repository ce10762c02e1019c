// Layers → the settings of one command. The place where options are judged together; no file but cassandra.yaml is opened.

import { LmError, printable } from '../errors.js';
import type { Exclusions } from '../files/entry.js';
import { clashIn, type OwnerRule, ownerRuleText } from '../owners/owner-rules.js';
import { checkPatterns } from '../patterns/filter.js';
import { find, type Layers, label, type Origin, pick } from './layers.js';
import { checkRole } from './migration-map.js';
import { type CommandName, OPTION_NAMES, type OptionName, optionOf } from './options.js';
import { type Remembered, rememberedLayer } from './remembered.js';
import { statedRoots } from './roots.js';
import type { CommonSettings, FromSource, OnRoots, ReachingSource, SettingsOf } from './settings.js';
import type { Stated } from './stated.js';

/**
 * Throws `usage` when something is missing or does not go together, `refused` when the migration map gives this host
 * another role than `command` has. `remembered` is what `toRemember` made of the first copy.
 */
export function resolve<C extends CommandName>(command: C, stated: Stated, remembered: Remembered = {}): SettingsOf[C] {
  checkRole(command, stated.migration);
  return BUILD[command]({ ...stated, layers: withMemory(stated.layers, remembered) });
}

/** Where the records are and how to speak, known before memory is: memory is kept there. */
export function commonSettings({ command, layers, migration, file }: Stated): CommonSettings {
  refuseBoth(layers, 'quiet', 'verbose');
  const own = OPTION_NAMES.filter((name) => optionOf(name).commands.includes(command));
  const found = own.map((name) => [name, find(layers, name)?.origin] as const).filter(([, origin]) => origin);
  return {
    stateDir: pick(layers, 'state-dir')!,
    instance: pick(layers, 'instance'),
    json: pick(layers, 'json'),
    quiet: pick(layers, 'quiet'),
    verbose: pick(layers, 'verbose'),
    color: pick(layers, 'color'),
    file,
    role: migration?.role,
    pair: migration?.pair,
    origins: Object.fromEntries(found) as Partial<Record<OptionName, Origin>>,
    notes: [],
  };
}

export function withMemory(layers: Layers, remembered: Remembered): Layers {
  const [flags, environment, file, , derived] = layers;
  return [flags, environment, file, rememberedLayer(remembered), derived];
}

function withoutFlags([_, environment, file, remembered, derived]: Layers): Layers {
  return [new Map(), environment, file, remembered, derived];
}

const BUILD: { [C in CommandName]: (stated: Stated) => SettingsOf[C] } = {
  serve: (stated) => {
    const { layers } = stated;
    checkServe(layers);
    return {
      ...needRoots(onRoots(stated), 'lm serve /srv/data'),
      hostName: pick(layers, 'host'),
      listen: pick(layers, 'listen'),
      maxConcurrentFileRequests: pick(layers, 'max-concurrent-file-requests'),
      limitRate: pick(layers, 'limit-rate'),
      tokenFile: pick(layers, 'token-file'),
      tlsAuto: pick(layers, 'tls-auto'),
      tlsCert: pick(layers, 'tls-cert'),
      tlsKey: pick(layers, 'tls-key'),
      clientCa: pick(layers, 'client-ca'),
      clientNames: pick(layers, 'client-name'),
      insecure: pick(layers, 'insecure'),
      expireAfterMs: pick(layers, 'expire-after'),
      accessLog: pick(layers, 'access-log'),
      guardPorts: pick(layers, 'guard-port'),
      jmxPort: pick(layers, 'jmx-port'),
      atRestCheck: pick(layers, 'at-rest-check'),
    };
  },
  copy: (stated) => {
    const { layers } = stated;
    return {
      ...fromSource(stated),
      threshold: pick(layers, 'threshold'),
      maxIterations: pick(layers, 'max-iterations'),
      dryRun: pick(layers, 'dry-run'),
      diff: pick(layers, 'diff'),
      maxDelete: pick(layers, 'max-delete'),
      usualMaxDelete: pick(withoutFlags(layers), 'max-delete'),
      backupDir: pick(layers, 'backup-dir'),
      only: pick(layers, 'only'),
      limitRate: pick(layers, 'limit-rate'),
      preCheck: pick(layers, 'pre-check'),
      guardPorts: pick(layers, 'guard-port'),
      jmxPort: pick(layers, 'jmx-port'),
      adopt: pick(layers, 'adopt'),
      newSource: pick(layers, 'new-source'),
      allowRunning: pick(layers, 'allow-running'),
      allowLiveSource: pick(layers, 'allow-live-source'),
      waitForWriterMs: pick(layers, 'wait-for-writer'),
      allowTxnLogs: pick(layers, 'allow-txn-logs'),
      keepSetuid: pick(layers, 'keep-setuid'),
      ownerRules: ownerRulesIn(layers),
    };
  },
  verify: (stated) => ({
    ...fromSource(stated),
    algo: pick(stated.layers, 'algo'),
    report: pick(stated.layers, 'report'),
    keepSetuid: pick(stated.layers, 'keep-setuid'),
    ownerRules: ownerRulesIn(stated.layers),
  }),
  complete: (stated) => ({
    ...reachingSource(stated),
    retryForMs: pick(stated.layers, 'retry-for'),
    preCheck: pick(stated.layers, 'pre-check'),
    guardPorts: pick(stated.layers, 'guard-port'),
    jmxPort: pick(stated.layers, 'jmx-port'),
    allowRunning: pick(stated.layers, 'allow-running'),
    unverified: pick(stated.layers, 'unverified'),
    keepSetuid: pick(stated.layers, 'keep-setuid'),
    ownerRules: ownerRulesIn(stated.layers),
  }),
  reset: (stated) => onRoots(stated),
  status: (stated) => reachingSource(stated),
  instances: (stated) => ({ ...commonSettings(stated), forget: pick(stated.layers, 'forget') }),
  'config show': commonSettings,
  demo: commonSettings,
};

function onRoots(stated: Stated): OnRoots {
  const { roots, whence, cassandra, without } = statedRoots(stated.layers);
  return { ...commonSettings(stated), roots, whence, cassandra, without, exclusions: exclusionsIn(stated.layers) };
}

/** Patterns are tried here, while it is known where they stand; a walk would find out too late. */
function exclusionsIn(layers: Layers): Exclusions {
  const exclude = pick(layers, 'exclude');
  const exclusions = {
    filesToExclude: pick(layers, 'files-to-exclude'),
    dirsToExclude: pick(layers, 'dirs-to-exclude'),
    ...(exclude.length > 0 && { exclude }),
  };
  for (const [field, name] of [
    ['filesToExclude', 'files-to-exclude'],
    ['dirsToExclude', 'dirs-to-exclude'],
    ['exclude', 'exclude'],
  ] as const) {
    try {
      checkPatterns({ filesToExclude: [], dirsToExclude: [], [field]: exclusions[field] });
    } catch (error) {
      const where = find(layers, name)?.origin.where;
      throw error instanceof LmError
        ? new LmError(error.code, `${error.message} (${printable(where ?? '')})`, error)
        : error;
    }
  }
  return exclusions;
}

function ownerRulesIn(layers: Layers): OwnerRule[] {
  const rules = pick(layers, 'owner');
  const [one, other] = clashIn(rules) ?? [];
  if (!one || !other) return rules;
  const [first, second] = [one, other].map((rule) => printable(ownerRuleText(rule)));
  throw new LmError(
    'usage',
    `${label('owner', find(layers, 'owner')!.origin)}: ${first === second ? `${first} twice` : `${first} and ${second} exclude each other`}`,
  );
}

function fromSource(stated: Stated): FromSource {
  const { command, layers } = stated;
  const url = pick(layers, 'url');
  const example = `lm ${command} http://SOURCE:9043 /srv/data`;
  if (!url)
    throw new LmError('usage', 'no source URL is given', {
      hint: `${example}; what the first copy is told is remembered`,
    });
  const settings = needRoots(onRoots(stated), example);
  return {
    ...settings,
    notes: [...settings.notes, ...unusedTls(url, layers)],
    url,
    tokenFile: pick(layers, 'token-file'),
    tls: clientTls(layers),
    concurrency: pick(layers, 'concurrency'),
    retryForMs: pick(layers, 'retry-for'),
  };
}

function reachingSource(stated: Stated): ReachingSource {
  return {
    ...onRoots(stated),
    url: pick(stated.layers, 'url'),
    tokenFile: pick(stated.layers, 'token-file'),
    tls: clientTls(stated.layers),
  };
}

function needRoots<S extends OnRoots>(settings: S, example: string): S {
  if (settings.roots.length > 0) return settings;
  const hint = `${example}, or --root TYPE=DIR, --cassandra-yaml FILE, roots: in lm.yaml`;
  throw new LmError('usage', 'no directory is given', { hint });
}

function clientTls(layers: Layers): FromSource['tls'] {
  refuseUnusedPin(layers);
  needTogether(layers, 'client-cert', 'client-key');
  needTogether(layers, 'client-key', 'client-cert');
  return {
    caCert: pick(layers, 'ca-cert'),
    clientCert: pick(layers, 'client-cert'),
    clientKey: pick(layers, 'client-key'),
    pin: pick(layers, 'pin'),
  };
}

/** Whoever names certificates believes the line to be encrypted. */
function unusedTls(url: URL, layers: Layers): string[] {
  const found = find(layers, 'ca-cert') ?? find(layers, 'client-cert');
  if (url.protocol === 'https:' || !found) return [];
  return [`${url.origin} is not encrypted, so the certificates go unused; say https:// if the source speaks TLS`];
}

/** A pin says who the source is, which nobody can tell of a line that is not encrypted. */
function refuseUnusedPin(layers: Layers): void {
  const [pin, url] = [find(layers, 'pin'), pick(layers, 'url')];
  if (!pin || url?.protocol !== 'http:') return;
  throw new LmError('usage', `${label('pin', pin.origin)}: ${url.origin} shows no certificate`, {
    hint: `write https://${url.host}, and start lm serve there with --tls-auto`,
  });
}

/** Nobody offers a node's data to a network by accident: beyond loopback takes a token, client certificates or a word. */
function checkServe(layers: Layers): void {
  needTogether(layers, 'tls-cert', 'tls-key');
  needTogether(layers, 'tls-key', 'tls-cert');
  const [auto, cert] = [pick(layers, 'tls-auto'), find(layers, 'tls-cert')];
  if (auto && cert) throw new LmError('usage', `--tls-auto and ${label('tls-cert', cert.origin)} exclude each other`);
  if (!auto) needTogether(layers, 'client-ca', 'tls-cert');
  if (pick(layers, 'client-name').length > 0) needTogether(layers, 'client-name', 'client-ca');
  const { host } = pick(layers, 'listen');
  const guarded = pick(layers, 'token-file') ?? pick(layers, 'client-ca');
  if (isLoopback(host) || guarded || pick(layers, 'insecure')) return;
  const { text, origin } = find(layers, 'listen')!;
  throw new LmError(
    'usage',
    `${label('listen', origin)}: got '${printable(`${text}`)}', takes a loopback address while anybody could read everything`,
    {
      hint: 'give --token-file or --client-ca; or --insecure, if the network itself keeps others out',
    },
  );
}

/** Whether only this host itself can reach what listens there. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

function needTogether(layers: Layers, given: OptionName, needed: OptionName): void {
  const found = find(layers, given);
  if (found && !find(layers, needed))
    throw new LmError('usage', `${label(given, found.origin)}: needs --${needed} beside it`);
}

function refuseBoth(layers: Layers, one: OptionName, other: OptionName): void {
  if (pick(layers, one) && pick(layers, other))
    throw new LmError('usage', `--${one} and --${other} exclude each other`);
}
