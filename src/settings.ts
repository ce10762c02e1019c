// The settings of each command, as commands see them: domain values, each with its origin. Shapes only; how they come about
// is told in settings/.

import type { EntryKey, Exclusions } from './files/entry.js';
import type { CassandraYaml } from './settings/cassandra-yaml.js';
import type { Origin } from './settings/layers.js';
import type { Migration } from './settings/migration-map.js';
import type { OptionName, ValueOf } from './settings/options.js';
import type { StatedRoot } from './settings/roots.js';

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
  role: Migration['role'];
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

export interface OnRoots extends CommonSettings {
  /** In the order stated; `data` numbered from 0. Empty only for complete, reset and status. */
  roots: StatedRoot[];
  exclusions: Exclusions;
  cassandra: CassandraYaml | undefined;
}

export interface FromSource extends OnRoots {
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
  /** Absolute. */
  backupDir: string | undefined;
  only: EntryKey | undefined;
  /** Bytes per second, of the whole copy. */
  limitRate: number | undefined;
  preCheck: string | undefined;
  /** Stated ports only; `cassandra.nativeTransportPort` stands beside them. */
  guardPorts: number[];
  adopt: boolean;
  newSource: boolean;
  allowRunning: boolean;
  allowLiveSource: boolean;
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
