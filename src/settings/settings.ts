// The settings of each command, as commands see them: domain values, each with its origin. Shapes only; how they come about
// is told in settings/.

import type { DirType, EntryKey, Exclusions } from '../files/entry.js';
import type { OwnerRule } from '../owners/owner-rules.js';
import type { CassandraYaml } from './cassandra/cassandra-yaml.js';
import type { Origin } from './layers.js';
import type { Migration } from './migration-map.js';
import type { OptionName, ValueOf } from './options.js';
import type { StatedRoot } from './roots.js';

/** What every command has. */
export interface CommonSettings {
  /** Absolute. */
  stateDir: string;
  instance: string | undefined;
  json: boolean;
  quiet: boolean;
  verbose: boolean;
  color: 'auto' | 'always' | 'never';
  /** The settings file that was read. */
  file: string | undefined;
  /** From the migration map; undefined when there is none, or this host is not in it. */
  role: Migration['role'];
  pair: Migration['pair'];
  /** Who stated each option. */
  origins: Partial<Record<OptionName, Origin>>;
  /** For the operator to know, such as certificates that go unused; print once. */
  notes: string[];
}

/** Paths of PEM files for the side that connects, and the fingerprint that the source's certificate must have. */
export interface ClientTls {
  caCert: string | undefined;
  clientCert: string | undefined;
  clientKey: string | undefined;
  /** `AB:CD:…`; instead of authorities and names. */
  pin: string | undefined;
}

export interface OnRoots extends CommonSettings {
  /** In the order stated; `data` numbered from 0. Empty only for complete, reset and status. */
  roots: StatedRoot[];
  /** Of each of `roots`, what says so; for people. */
  whence: string[];
  /** Types that were left out, and said to be. */
  without: DirType[];
  exclusions: Exclusions;
  cassandra: CassandraYaml | undefined;
}

export interface FromSource extends OnRoots {
  url: URL;
  tokenFile: string | undefined;
  tls: ClientTls;
  concurrency: number;
  /** Undefined is as long as is usual. */
  retryForMs: number | undefined;
}

/** For commands of both hosts: at the source itself there is none to reach. */
export interface ReachingSource extends OnRoots {
  url: URL | undefined;
  tokenFile: string | undefined;
  tls: ClientTls;
}

export interface ServeSettings extends OnRoots {
  /** What this host is called beside the names it has by itself. */
  hostName: string | undefined;
  listen: ValueOf<'listen'>;
  maxConcurrentFileRequests: number;
  /** Bytes per second, of the whole agent. */
  limitRate: number | undefined;
  tokenFile: string | undefined;
  tlsAuto: boolean;
  tlsCert: string | undefined;
  tlsKey: string | undefined;
  clientCa: string | undefined;
  /** Of which a client's certificate must have one; all that `clientCa` signed are taken where there is none. */
  clientNames: string[];
  insecure: boolean;
  expireAfterMs: number | undefined;
  accessLog: string | undefined;
  guardPorts: ValueOf<'guard-port'>;
  jmxPort: ValueOf<'jmx-port'>;
  /** Given to /bin/sh. */
  atRestCheck: string | undefined;
}

export interface CopySettings extends FromSource {
  threshold: number;
  maxIterations: number;
  dryRun: boolean;
  diff: ValueOf<'diff'>;
  maxDelete: ValueOf<'max-delete'>;
  /** What it is where no flag is given. */
  usualMaxDelete: ValueOf<'max-delete'>;
  /** Absolute. */
  backupDir: string | undefined;
  only: EntryKey | undefined;
  /** Bytes per second, of the whole copy. */
  limitRate: number | undefined;
  preCheck: string | undefined;
  /** Stated ports only; `servicePorts` puts those of cassandra.yaml beside them. */
  guardPorts: ValueOf<'guard-port'>;
  jmxPort: ValueOf<'jmx-port'>;
  adopt: boolean;
  newSource: boolean;
  allowRunning: boolean;
  allowLiveSource: boolean;
  waitForWriterMs: number;
  allowTxnLogs: boolean;
  keepSetuid: boolean;
  ownerRules: OwnerRule[];
}

export interface VerifySettings extends FromSource {
  algo: ValueOf<'algo'>;
  report: string | undefined;
  keepSetuid: boolean;
  ownerRules: OwnerRule[];
}

export interface CompleteSettings extends ReachingSource {
  retryForMs: number | undefined;
  preCheck: string | undefined;
  guardPorts: ValueOf<'guard-port'>;
  jmxPort: ValueOf<'jmx-port'>;
  allowRunning: boolean;
  unverified: boolean;
  keepSetuid: boolean;
  ownerRules: OwnerRule[];
}

export type ResetSettings = OnRoots;

export type StatusSettings = ReachingSource;

export interface InstancesSettings extends CommonSettings {
  /** A name. */
  forget: string | undefined;
}

export interface SettingsOf {
  serve: ServeSettings;
  copy: CopySettings;
  verify: VerifySettings;
  complete: CompleteSettings;
  reset: ResetSettings;
  status: StatusSettings;
  instances: InstancesSettings;
  'config show': CommonSettings;
  demo: CommonSettings;
}
