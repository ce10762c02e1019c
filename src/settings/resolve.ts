// Turns layers into the settings of one command, and checks options that depend on each other. Opens no file but cassandra.yaml.

import { LmError, printable } from '../errors.js';
import type { Exclusions } from '../files/listing.js';
import { conflictIn, type OwnerRule, ownerRuleText } from '../owners/owner-rules.js';
import { checkPatterns } from '../patterns/filter.js';
import { needTogether, refuseBoth } from './checks/together.js';
import { howToVerify } from './checks/verification.js';
import { find, type Layers, label, type Origin, pick } from './layers.js';
import { checkRole, servedRole } from './migration-map.js';
import { type CommandName, OPTION_NAMES, type OptionName, optionOf } from './options.js';
import { type Remembered, rememberedLayer } from './remembered.js';
import { statedRoots } from './roots.js';
import type {
  CommonSettings,
  FromSource,
  OnRoots,
  ReachingSource,
  ServeSettings,
  SettingsOf,
  StatedSetting,
} from './settings.js';
import type { Stated } from './stated.js';

/**
 * Throws `usage` when an option is missing or two conflict, `refused` when the migration map gives this host another role than `command`
 * needs. `remembered` is what `toRemember` made of the settings of the first copy.
 */
export function resolve<C extends CommandName>(command: C, stated: Stated, remembered: Remembered = {}): SettingsOf[C] {
  checkRole(command, stated.migration);
  return BUILD[command]({ ...stated, layers: withRemembered(stated.layers, remembered) });
}

/** Where the records are and how to print. These are known before the remembered settings, which are among the records. */
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
    stated: own.flatMap((name) => statedIn(layers, name)),
    notes: [],
  };
}

function statedIn(layers: Layers, name: OptionName): StatedSetting[] {
  const found = find(layers, name);
  if (!found || found.origin.source === 'default' || found.text.length === 0) return [];
  return [{ name, value: found.text, ...found.origin }];
}

export function withRemembered(layers: Layers, remembered: Remembered): Layers {
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
    const serves = servedRole(pick(layers, 'role'), stated.migration);
    return {
      serves,
      ...needRoots(onRoots(stated), 'lm serve /srv/data'),
      hostName: pick(layers, 'host'),
      otherHosts: stated.migration?.others ?? [],
      listen: pick(layers, 'listen'),
      maxConcurrentFileRequests: pick(layers, 'max-concurrent-file-requests'),
      limitRate: pick(layers, 'limit-rate'),
      ...yieldIn(layers),
      tokenFile: pick(layers, 'token-file'),
      tlsAuto: pick(layers, 'tls-auto'),
      tlsCert: pick(layers, 'tls-cert'),
      tlsKey: pick(layers, 'tls-key'),
      clientCa: pick(layers, 'client-ca'),
      clientNames: pick(layers, 'client-name'),
      tokensFor: pick(layers, 'token-for'),
      clientsFor: pick(layers, 'client-for'),
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
      delta: pick(layers, 'delta'),
      maxDelete: pick(layers, 'max-delete'),
      usualMaxDelete: pick(withoutFlags(layers), 'max-delete'),
      backupDir: pick(layers, 'backup-dir'),
      only: pick(layers, 'only'),
      limitRate: pick(layers, 'limit-rate'),
      preCheck: pick(layers, 'pre-check'),
      postCheck: pick(layers, 'post-check'),
      guardPorts: pick(layers, 'guard-port'),
      jmxPort: pick(layers, 'jmx-port'),
      adopt: pick(layers, 'adopt'),
      newSource: pick(layers, 'new-source'),
      allowRunning: pick(layers, 'allow-running'),
      allowLiveSource: pick(layers, 'allow-live-source'),
      waitForWriterMs: pick(layers, 'wait-for-writer'),
      allowTxnLogs: pick(layers, 'allow-txn-logs'),
      sstables: pick(layers, 'sstables'),
      allowDamagedAtSource: pick(layers, 'allow-damaged-at-source'),
      keepSetuid: pick(layers, 'keep-setuid'),
      ownerRules: ownerRulesIn(layers),
    };
  },
  verify: (stated) => ({
    ...fromSource(stated),
    ...howToVerify(stated.layers),
    limitRate: pick(stated.layers, 'limit-rate'),
    ...yieldIn(stated.layers),
    sstables: pick(stated.layers, 'sstables'),
    preCheck: pick(stated.layers, 'pre-check'),
    guardPorts: pick(stated.layers, 'guard-port'),
    jmxPort: pick(stated.layers, 'jmx-port'),
    allowRunning: pick(stated.layers, 'allow-running'),
    postCheck: pick(stated.layers, 'post-check'),
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
    allowDamagedAtSource: pick(stated.layers, 'allow-damaged-at-source'),
    keepSetuid: pick(stated.layers, 'keep-setuid'),
    ownerRules: ownerRulesIn(stated.layers),
  }),
  reset: (stated) => onRoots(stated),
  status: (stated) => reachingSource(stated),
  instances: (stated) => ({ ...commonSettings(stated), forget: pick(stated.layers, 'forget') }),
  report: (stated) => ({
    ...commonSettings(stated),
    html: pick(stated.layers, 'html'),
    manifest: pick(stated.layers, 'manifest'),
  }),
  'config show': commonSettings,
  demo: commonSettings,
};

function onRoots(stated: Stated): OnRoots {
  const { roots, rootOrigins, cassandra, without } = statedRoots(stated.layers);
  return { ...commonSettings(stated), roots, rootOrigins, cassandra, without, exclusions: exclusionsIn(stated.layers) };
}

/** Checks the patterns here, where their location is known; a walk would find a bad one too late. */
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

function yieldIn(layers: Layers): Pick<ServeSettings, 'yieldToIo' | 'yieldFloor'> {
  const [yieldToIo, floor] = [pick(layers, 'yield-to-io'), find(layers, 'yield-floor')!];
  if (!yieldToIo && floor.origin.source !== 'default')
    throw new LmError('usage', `${label('yield-floor', floor.origin)}: needs --yield-to-io beside it`);
  return { yieldToIo, yieldFloor: pick(layers, 'yield-floor') };
}

function ownerRulesIn(layers: Layers): OwnerRule[] {
  const rules = pick(layers, 'owner');
  const [one, other] = conflictIn(rules) ?? [];
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
      hint: `${example}; the first copy remembers both`,
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

/** Who gives certificates expects the connection to be encrypted. */
function unusedTls(url: URL, layers: Layers): string[] {
  const found = find(layers, 'ca-cert') ?? find(layers, 'client-cert');
  if (url.protocol === 'https:' || !found) return [];
  return [`${url.origin} is not encrypted, so the certificates go unused; use https:// if the source speaks TLS`];
}

/** A pin identifies the source by its certificate, which a connection without TLS does not have. */
function refuseUnusedPin(layers: Layers): void {
  const [pin, url] = [find(layers, 'pin'), pick(layers, 'url')];
  if (!pin || url?.protocol !== 'http:') return;
  throw new LmError('usage', `${label('pin', pin.origin)}: ${url.origin} shows no certificate`, {
    hint: `write https://${url.host}, and start lm serve there with --tls-auto`,
  });
}

/** A node's data must not be open to a network by accident: beyond loopback, a token, client certificates or --insecure is needed. */
function checkServe(layers: Layers): void {
  needTogether(layers, 'tls-cert', 'tls-key');
  needTogether(layers, 'tls-key', 'tls-cert');
  const [auto, cert] = [pick(layers, 'tls-auto'), find(layers, 'tls-cert')];
  if (auto && cert) throw new LmError('usage', `--tls-auto and ${label('tls-cert', cert.origin)} exclude each other`);
  if (!auto) needTogether(layers, 'client-ca', 'tls-cert');
  for (const name of ['client-name', 'client-for'] as const)
    if (pick(layers, name).length > 0) needTogether(layers, name, 'client-ca');
  const { host } = pick(layers, 'listen');
  const guarded = pick(layers, 'token-file') ?? pick(layers, 'client-ca') ?? pick(layers, 'token-for')[0];
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

/** Whether only this host can reach what listens there. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
