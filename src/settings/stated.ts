// Turns command line, environment and settings file into layers, and finds that file. resolve.ts checks combinations of options.

import { userInfo } from 'node:os';
import { join } from 'node:path';
import { errnoOf, LmError, printable } from '../errors.js';
import { lstatIfThere } from '../files/if-there.js';
import { callerIsRoot } from '../trust/trust.js';
import type { readSettingsFile, SettingsFile } from './file.js';
import { type Found, type Layer, type Layers, read } from './layers.js';
import { defaultUrl, locate, type Migration, namesOfThisHost } from './migration-map.js';
import { type CommandName, OPTION_NAMES, type OptionName, optionOf, variableOf } from './options.js';
import { nearest } from './values/nearest.js';

/** A command line taken apart; values are still text. */
export interface Invocation {
  command: CommandName;
  /** `true` for a switch. `url` is among them though it is typed without a flag. */
  flags: Partial<Record<OptionName, string | readonly string[] | true>>;
  /** The bare DIR argument. */
  dir: string | undefined;
  /** The bare RATE argument. */
  rate?: string | undefined;
}

/** What command line, environment and file state, before remembered settings are added. */
export interface Stated {
  command: CommandName;
  /** The argument of `lm limit`, as it was given. */
  rate?: string | undefined;
  layers: Layers;
  migration: Migration | undefined;
  /** The settings file that was read. */
  file: string | undefined;
  /** For the operator, however the command ends. */
  warnings: string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

const SYSTEM_FILE = '/etc/lm/lm.yaml';

/** `names` are the names of this host, unless `--host` gives one. Throws `usage` for a file that cannot be read or is not trusted. */
export async function readStated(
  invocation: Invocation,
  env: Environment,
  cwd: string,
  names = namesOfThisHost,
  isRoot = callerIsRoot(),
): Promise<Stated> {
  const flags = flagLayer(invocation, cwd);
  const environment = environmentLayer(env, cwd);
  const named = flags.get('config') ?? environment.get('config');
  const { file, path, warnings } = await settingsFile(named, cwd, isRoot);
  const layer = file?.layer ?? new Map();
  const stated = [flags, environment, layer] as const;
  const host = stated.map((one) => one.get('host')?.value as string | undefined).find(Boolean);
  const migration = file?.migrationMap && locate(file.migrationMap, host === undefined ? names() : [host]);
  const stateDir = stated.some((one) => one.has('state-dir')) ? undefined : defaultStateDir(env);
  return {
    command: invocation.command,
    rate: invocation.rate,
    layers: [...stated, new Map(), derivedLayer(stateDir, migration, path)],
    migration,
    file: path,
    warnings,
  };
}

function flagLayer({ flags, dir }: Invocation, cwd: string): Layer {
  const layer = new Map<OptionName, Found>();
  for (const name of OPTION_NAMES) {
    const stated = flags[name];
    if (stated === undefined) continue;
    const where = name === 'url' ? 'URL' : `--${name}`;
    layer.set(
      name,
      read(name, stated === true ? (optionOf(name).type.bare ?? 'true') : stated, { source: 'flag', where }, cwd),
    );
  }
  if (dir === undefined) return layer;
  if (layer.has('root'))
    throw new LmError('settings-conflict', 'DIR and --root were both given', { hint: 'DIR means --root data=DIR' });
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

/** Variables that lm sets for a `--pre-check` command, which may run `lm` itself. */
const SET_FOR_PRE_CHECKS = ['LM_SOURCE', 'LM_PORT', 'LM_ROOTS', 'LM_ITERATION', 'LM_THRESHOLD'];

/**
 * Refuses a variable that looks like a misspelt one of lm's, because a threshold or limit that is silently not in force costs data or
 * hours. Others that begin with LM_ belong to other programs (FlexLM reads LM_LICENSE_FILE) and are ignored.
 */
function checkVariables(env: Environment): void {
  const own = OPTION_NAMES.map(variableOf).filter((name) => name !== undefined);
  for (const name of Object.keys(env)) {
    if (!name.startsWith('LM_') || own.includes(name) || SET_FOR_PRE_CHECKS.includes(name)) continue;
    const guess = nearest(
      name.slice(3),
      own.map((one) => one.slice(3)),
    );
    if (guess)
      throw new LmError('unknown-setting', `${printable(name)}: unknown variable`, {
        hint: `did you mean LM_${guess}?`,
      });
  }
}

interface FoundFile {
  file: SettingsFile | undefined;
  path: string | undefined;
  warnings: string[];
}

/**
 * A file that was named must exist. Root works in directories of other users, so it does not read ./lm.yaml by itself: only the file in
 * /etc, or one that is named.
 */
async function settingsFile(stated: Found | undefined, cwd: string, isRoot: boolean): Promise<FoundFile> {
  const { readSettingsFile } = await import('./file.js');
  if (stated) {
    const path = stated.value as string;
    const file = readSettingsFile(path);
    if (!file) throw new LmError('settings-file', `${stated.origin.where}: no file ${printable(path)}`);
    return { file, path, warnings: [] };
  }
  const here = join(cwd, 'lm.yaml');
  const isSkipped = isRoot && here !== SYSTEM_FILE && isThere(here);
  for (const path of isRoot ? [SYSTEM_FILE] : [here, SYSTEM_FILE]) {
    const file = path === here ? readHere(here, readSettingsFile) : readSettingsFile(path);
    if (file) return { file, path, warnings: isSkipped ? [notAsRoot(here)] : [] };
  }
  return { file: undefined, path: undefined, warnings: isSkipped ? [notAsRoot(here)] : [] };
}

/** Fails when the directory is inaccessible, as with `sudo -u` in somebody's home: a file there may be the one that is meant. */
function readHere(path: string, read: typeof readSettingsFile): SettingsFile | undefined {
  try {
    return read(path);
  } catch (error) {
    if (!(error instanceof LmError) || errnoOf(error.cause) !== 'EACCES') throw error;
    const hint = 'cd to a directory that you may enter, or name a settings file with --config';
    throw new LmError(error.kind, error.message, { cause: error.cause, hint });
  }
}

const notAsRoot = (path: string): string =>
  `not read as root, because it was only found here: ${printable(path)}; give --config ./lm.yaml if it is meant`;

function isThere(path: string): boolean {
  try {
    return lstatIfThere(path) !== undefined;
  } catch {
    return false; // it would not be read in any case
  }
}

/** Ignores paths that are not absolute, as the XDG base directory specification requires. Throws `usage` where there is no home. */
function defaultStateDir({ XDG_STATE_HOME: xdg, HOME: home }: Environment): Found {
  if (xdg?.startsWith('/')) return readStateDir(`${xdg}/lm`, 'XDG_STATE_HOME');
  return readStateDir(`${home?.startsWith('/') ? home : homeOfAccount()}/.local/state/lm`, 'default');
}

const readStateDir = (path: string, where: string): Found => read('state-dir', path, { source: 'default', where }, '/');

function homeOfAccount(): string {
  try {
    return userInfo().homedir;
  } catch (cause) {
    throw new LmError('state-dir', 'no home directory: HOME is no absolute path, and this user has no account', {
      cause,
      hint: 'give a directory for the records with --state-dir or LM_STATE_DIR',
    });
  }
}

/** Defaults that depend on this host. */
function derivedLayer(stateDir: Found | undefined, migration: Migration | undefined, file: string | undefined): Layer {
  const layer = new Map<OptionName, Found>();
  if (stateDir) layer.set('state-dir', stateDir);
  if (file !== undefined) layer.set('config', read('config', file, { source: 'default', where: 'default' }, '/'));
  if (migration?.pair) {
    const origin = { source: 'default', where: `migration_map (${migration.where})` } as const;
    layer.set('url', read('url', defaultUrl(migration.pair.source), origin, '/'));
  }
  return layer;
}
