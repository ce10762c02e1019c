// The settings of one command, as commands and engine see them: domain values, each with its origin. Reads no secret and
// opens no root: words only.

import type { DirType, EntryKey, Exclusions } from './files/entry.js';
import type { Layers, Origin } from './settings/layers.js';
import type { Migration } from './settings/migration-map.js';
import type { CommandName, OptionName, ValueOf } from './settings/options.js';

/** A root as stated: `path` is absolute but otherwise as given, so it may not exist, and may be a link. */
export interface StatedRoot {
  type: DirType;
  index: number;
  path: string;
}

/** Cassandra on this host, as its cassandra.yaml has it. */
export interface CassandraYaml {
  file: string;
  nativeTransportPort: number;
}

/** What every command has. */
export interface CommonSettings {
  /** Absolute. */
  stateDir: string;
  instance: string | undefined;
  json: boolean;
  quiet: boolean;
  verbose: boolean;
  color: 'auto' | 'always' | 'never';
  /** From the migration map; undefined when there is none, or this host is not in it. */
  role: 'source' | 'destination' | undefined;
  pair: Migration['pair'];
  /** Who stated each option. */
  origins: Partial<Record<OptionName, Origin>>;
  /** For the operator to know, such as a directory cassandra.yaml does not name; print once. */
  notes: string[];
}

/** Paths of PEM files for the side that connects. */
export interface ClientTls {
  caCert: string | undefined;
  clientCert: string | undefined;
  clientKey: string | undefined;
}

interface OnRoots extends CommonSettings {
  /** In the order stated; `data` numbered from 0. Empty only for complete, reset and status. */
  roots: StatedRoot[];
  exclusions: Exclusions;
  cassandra: CassandraYaml | undefined;
}

interface FromSource extends OnRoots {
  url: URL;
  tokenFile: string | undefined;
  tls: ClientTls;
  concurrency: number;
}

export interface ServeSettings extends OnRoots {
  listen: ValueOf<'listen'>;
  maxConcurrentFileRequests: number;
  /** Bytes per second, of the whole agent. */
  limitRate: number | undefined;
  tokenFile: string | undefined;
  tlsCert: string | undefined;
  tlsKey: string | undefined;
  clientCa: string | undefined;
  insecure: boolean;
  expireAfterMs: number | undefined;
  accessLog: string | undefined;
}

export interface CopySettings extends FromSource {
  threshold: number;
  maxIterations: number;
  dryRun: boolean;
  diff: ValueOf<'diff'>;
  maxDelete: ValueOf<'max-delete'>;
  only: EntryKey | undefined;
  /** Bytes per second, of the whole copy. */
  limitRate: number | undefined;
  preCheck: string | undefined;
  /** Stated ports only; `cassandra.nativeTransportPort` stands beside them. */
  guardPorts: number[];
  adopt: boolean;
  newSource: boolean;
  allowRunning: boolean;
}

export interface VerifySettings extends FromSource {
  algo: ValueOf<'algo'>;
  report: string | undefined;
}

export interface CompleteSettings extends OnRoots {
  unverified: boolean;
}

export type ResetSettings = OnRoots;

export interface StatusSettings extends OnRoots {
  url: URL | undefined;
  tokenFile: string | undefined;
  tls: ClientTls;
}

export interface SettingsOf {
  serve: ServeSettings;
  copy: CopySettings;
  verify: VerifySettings;
  complete: CompleteSettings;
  reset: ResetSettings;
  status: StatusSettings;
  'config show': CommonSettings;
  demo: CommonSettings;
}

/** What a command line, the environment and the file say, before memory has its word. */
export interface Stated {
  command: CommandName;
  layers: Layers;
  migration: Migration | undefined;
}

/** Options by name, in the words they were stated in; what the state directory keeps for the commands after a copy. */
export type Remembered = Record<string, string | string[]>;
