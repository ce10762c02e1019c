// Command line, environment and file → layers. Knows the order in which files are looked for; judges no combination.

import { homedir } from 'node:os';
import { LmError, printable } from '../errors.js';
import type { SettingsFile } from './file.js';
import { type Found, type Layer, type Layers, read } from './layers.js';
import { defaultUrl, locate, type Migration, namesOfThisHost } from './migration-map.js';
import { nearest } from './nearest.js';
import { type CommandName, OPTION_NAMES, type OptionName, optionOf, variableOf } from './options.js';

/** A command line taken apart; words are still words. */
export interface Invocation {
  command: CommandName;
  /** `true` for a switch. `url` stands among them though it is typed without a flag. */
  flags: Partial<Record<OptionName, string | readonly string[] | true>>;
  /** The bare DIR argument. */
  dir: string | undefined;
}

/** What a command line, the environment and the file say, before memory has its word. */
export interface Stated {
  command: CommandName;
  layers: Layers;
  migration: Migration | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const SYSTEM_FILE = '/etc/lm/lm.yaml';

/** `names` is what this host is called, unless `--host` says so. Throws `usage` for whatever cannot be read. */
export async function readStated(
  invocation: Invocation,
  env: Environment,
  cwd: string,
  names = namesOfThisHost,
): Promise<Stated> {
  const flags = flagLayer(invocation, cwd);
  const environment = environmentLayer(env, cwd);
  const file = await settingsFile(flags.get('config') ?? environment.get('config'), cwd);
  const layer = file?.layer ?? new Map();
  const host = [flags, environment, layer].map((one) => one.get('host')?.value as string | undefined).find(Boolean);
  const migration = file?.migrationMap && locate(file.migrationMap, host === undefined ? names() : [host]);
  return {
    command: invocation.command,
    layers: [flags, environment, layer, new Map(), derivedLayer(env, migration)],
    migration,
  };
}

function flagLayer({ flags, dir }: Invocation, cwd: string): Layer {
  const layer = new Map<OptionName, Found>();
  for (const name of OPTION_NAMES) {
    const stated = flags[name];
    if (stated === undefined) continue;
    const where = name === 'url' ? 'URL' : `--${name}`;
    layer.set(name, read(name, stated === true ? 'true' : stated, { source: 'flag', where }, cwd));
  }
  if (dir === undefined) return layer;
  if (layer.has('root'))
    throw new LmError('usage', 'DIR and --root were both given', { hint: 'DIR means --root data=DIR' });
  return layer.set('root', read('root', [`data=${dir}`], { source: 'flag', where: 'DIR' }, cwd));
}

/** An empty variable counts as unset. */
function environmentLayer(env: Environment, cwd: string): Layer {
  checkVariables(env);
  const layer = new Map<OptionName, Found>();
  for (const name of OPTION_NAMES) {
    const where = variableOf(name);
    const stated = where === undefined ? undefined : env[where];
    if (where && stated) layer.set(name, read(name, splitIfList(name, stated), { source: 'environment', where }, cwd));
  }
  return layer;
}

const splitIfList = (name: OptionName, stated: string): string | string[] =>
  optionOf(name).list ? stated.split(',').map((word) => word.trim()) : stated;

/** What a `--pre-check` command finds in its environment; it may well run `lm` itself. */
const HANDED_TO_PRE_CHECKS = ['LM_SOURCE', 'LM_PORT', 'LM_ROOTS', 'LM_ITERATION', 'LM_THRESHOLD'];

/**
 * Refuses a variable that looks like a slip in one of ours, because a threshold or limit that is silently not in force
 * costs data or hours. Others that begin with LM_ belong to other programs (FlexLM reads LM_LICENSE_FILE) and are let be.
 */
function checkVariables(env: Environment): void {
  const own = OPTION_NAMES.map(variableOf).filter((name) => name !== undefined);
  for (const name of Object.keys(env)) {
    if (!name.startsWith('LM_') || own.includes(name) || HANDED_TO_PRE_CHECKS.includes(name)) continue;
    const guess = nearest(
      name.slice(3),
      own.map((one) => one.slice(3)),
    );
    if (guess)
      throw new LmError('usage', `${printable(name)}: unknown variable`, { hint: `did you mean LM_${guess}?` });
  }
}

async function settingsFile(stated: Found | undefined, cwd: string): Promise<SettingsFile | undefined> {
  const { readSettingsFile } = await import('./file.js');
  if (!stated) return readSettingsFile(`${cwd}/lm.yaml`) ?? readSettingsFile(SYSTEM_FILE);
  const path = stated.value as string;
  const file = readSettingsFile(path);
  if (!file) throw new LmError('usage', `${stated.origin.where}: no file ${printable(path)}`);
  return file;
}

/** Defaults that depend on this host. XDG wants a relative XDG_STATE_HOME ignored. */
function derivedLayer(env: Environment, migration: Migration | undefined): Layer {
  const layer = new Map<OptionName, Found>();
  const { XDG_STATE_HOME: xdg, HOME: home } = env;
  const where = xdg?.startsWith('/') ? 'XDG_STATE_HOME' : 'default';
  const stateDir = where === 'default' ? `${home || homedir()}/.local/state/lm` : `${xdg}/lm`;
  layer.set('state-dir', read('state-dir', stateDir, { source: 'default', where }, '/'));
  if (migration?.pair) {
    const origin = { source: 'default', where: `migration_map (${migration.where})` } as const;
    layer.set('url', read('url', defaultUrl(migration.pair.source), origin, '/'));
  }
  return layer;
}
