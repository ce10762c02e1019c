// Turns layers into the settings of one command, and checks options that depend on each other. Opens no file but cassandra.yaml.

import { LmError, printable } from '../errors.js';
import type { Exclusions } from '../files/listing.js';
import { conflictIn, type OwnerRule, ownerRuleText } from '../owners/owner-rules.js';
import { checkPatterns } from '../patterns/filter.js';
import { goalOf } from './checks/goal.js';
import { agentMetricsIn, runMetricsIn } from './checks/metrics.js';
import { checkServe, clientTls, unusedTls } from './checks/reach.js';
import { readingPace } from './checks/reading-pace.js';
import { liveRootsIn } from './checks/snapshots.js';
import { refuseBoth } from './checks/together.js';
import { howToVerify } from './checks/verification.js';
import { find, type Layers, label, type Origin, pick } from './layers.js';
import { checkRole, servedRole } from './migration-map.js';
import { type CommandName, OPTION_NAMES, type OptionName, optionOf, type ValueOf } from './options.js';
import { type Remembered, rememberedLayer } from './remembered.js';
import { statedRoots } from './roots.js';
import type { CommonSettings, FromSource, OnRoots, ReachingSource, SettingsOf, StatedSetting } from './settings.js';
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
    const settings = needRoots(onRoots(stated), 'lm serve /srv/data');
    return {
      serves,
      ...settings,
      liveRoots: liveRootsIn(layers, serves, settings),
      hostName: pick(layers, 'host'),
      otherHosts: stated.migration?.others ?? [],
      listen: pick(layers, 'listen'),
      maxConcurrentFileRequests: pick(layers, 'max-concurrent-file-requests'),
      ...readingPace(layers),
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
      metricsListen: agentMetricsIn(layers),
      guardPorts: pick(layers, 'guard-port'),
      jmxPort: pick(layers, 'jmx-port'),
      atRestCheck: pick(layers, 'at-rest-check'),
    };
  },
  copy: (stated) => {
    const { layers } = stated;
    return {
      ...fromSource(stated),
      ...goalOf(layers),
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
    ...readingPace(stated.layers),
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
  status: (stated) => ({
    ...reachingSource(stated),
    watchMs: pick(stated.layers, 'watch') ?? 0,
    history: pick(stated.layers, 'history'),
  }),
  wait: (stated) => ({
    ...onRoots(stated),
    url: pick(stated.layers, 'url'),
    until: needGoal(pick(stated.layers, 'until')),
    timeoutMs: pick(stated.layers, 'timeout'),
    intervalMs: pick(stated.layers, 'interval'),
  }),
  limit: commonSettings,
  doctor: (stated) => {
    const { layers } = stated;
    const settings = reachingSource(stated);
    return {
      ...settings,
      notes: [...settings.notes, ...(settings.url ? unusedTls(settings.url, layers) : [])],
      concurrency: pick(layers, 'concurrency'),
      limitRate: pick(layers, 'limit-rate'),
      probeDisk: pick(layers, 'probe-disk'),
    };
  },
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
        ? new LmError(error.kind, `${error.message} (${printable(where ?? '')})`, error)
        : error;
    }
  }
  return exclusions;
}

function ownerRulesIn(layers: Layers): OwnerRule[] {
  const rules = pick(layers, 'owner');
  const [one, other] = conflictIn(rules) ?? [];
  if (!one || !other) return rules;
  const [first, second] = [one, other].map((rule) => printable(ownerRuleText(rule)));
  throw new LmError(
    'settings-conflict',
    `${label('owner', find(layers, 'owner')!.origin)}: ${first === second ? `${first} twice` : `${first} and ${second} exclude each other`}`,
  );
}

function fromSource(stated: Stated): FromSource {
  const { command, layers } = stated;
  const url = pick(layers, 'url');
  const example = `lm ${command} http://SOURCE:9043 /srv/data`;
  if (!url)
    throw new LmError('no-source', 'no source URL is given', {
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
    metrics: runMetricsIn(layers),
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

function needGoal(until: ValueOf<'until'>): NonNullable<typeof until> {
  if (until !== undefined) return until;
  throw new LmError('settings-conflict', 'nothing to wait for is given', {
    hint: `--until takes ${optionOf('until').type.takes}`,
  });
}

function needRoots<S extends OnRoots>(settings: S, example: string): S {
  if (settings.roots.length > 0) return settings;
  const hint = `${example}, or --root TYPE=DIR, --cassandra-yaml FILE, roots: in lm.yaml`;
  throw new LmError('no-directory', 'no directory is given', { hint });
}
