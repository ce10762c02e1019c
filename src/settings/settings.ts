// The types of the settings of each command. resolve.ts makes them from layers.

import type { DirType, EntryKey } from '../files/entry.js';
import type { Exclusions } from '../files/listing.js';
import type { OwnerRule } from '../owners/owner-rules.js';
import type { RateLimit } from '../pace/rate-limit.js';
import type { CassandraYaml } from './cassandra/cassandra-yaml.js';
import type { Origin } from './layers.js';
import type { Migration } from './migration-map.js';
import type { OptionName, ValueOf } from './options.js';
import type { StatedRoot } from './roots.js';

export interface StatedSetting extends Origin {
  name: OptionName;
  value: string | readonly string[];
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
  /** The settings file that was read. */
  file: string | undefined;
  /** From the migration map; undefined when there is no map, or this host is not in it. */
  role: Migration['role'];
  pair: Migration['pair'];
  /** The origin of each option. */
  origins: Partial<Record<OptionName, Origin>>;
  /** The options in force whose value is no default, as stated. */
  stated: StatedSetting[];
  /** Warnings for the operator, such as certificates that go unused; printed once. */
  notes: string[];
}

/** For the side that connects: paths of PEM files, and the fingerprint that the source's certificate must have. */
interface ClientTls {
  caCert: string | undefined;
  clientCert: string | undefined;
  clientKey: string | undefined;
  /** `AB:CD:…`; replaces the check of authorities and names. */
  pin: string | undefined;
}

export interface OnRoots extends CommonSettings {
  /** In the order stated; `data` numbered from 0. Empty only for complete, reset and status. */
  roots: StatedRoot[];
  /** The origin of each of `roots`, for people. */
  rootOrigins: string[];
  /** Types that --without leaves out. */
  without: DirType[];
  exclusions: Exclusions;
  cassandra: CassandraYaml | undefined;
}

/** The agent that serves a source directory of this host while a command runs. */
export interface OwnAgent {
  url: URL;
  tokenFile: string;
}

export interface FromSource extends OnRoots {
  /** With the scheme `file:` for a directory of this host. */
  url: URL;
  /** By which such a directory is reached. */
  ownAgent?: OwnAgent;
  tokenFile: string | undefined;
  tls: ClientTls;
  concurrency: number;
  /** Undefined: the default of each kind of failure. */
  retryForMs: number | undefined;
  /** Where its metrics are shown; undefined where nobody asks for them. */
  metrics: { listen: ValueOf<'metrics-listen'>; file: string | undefined } | undefined;
}

/** For commands that run on both hosts: on the source itself there is no URL. */
export interface ReachingSource extends OnRoots {
  url: URL | undefined;
  ownAgent?: OwnAgent;
  tokenFile: string | undefined;
  tls: ClientTls;
}

export interface ServeSettings extends OnRoots {
  /** The live directories of those of `roots` that are snapshots, by the same types and indexes. */
  liveRoots: StatedRoot[];
  /** What its agent is for. */
  serves: 'source' | 'destination';
  /** A name of this host in addition to those that the system gives it. */
  hostName: string | undefined;
  /** The names of other hosts in the migration map: requests for them are meant for another agent. */
  otherHosts: string[];
  listen: ValueOf<'listen'>;
  maxConcurrentFileRequests: number;
  /** For the whole agent: what it sends, and what it reads for digests. */
  limitRate: RateLimit | undefined;
  yieldToIo: boolean;
  /** Bytes per second. */
  yieldFloor: number;
  tokenFile: string | undefined;
  tlsAuto: boolean;
  tlsCert: string | undefined;
  tlsKey: string | undefined;
  clientCa: string | undefined;
  /** A client's certificate must have one of these; when empty, every certificate that `clientCa` signed is accepted. */
  clientNames: string[];
  /** Tokens that allow less than everything, by their files. */
  tokensFor: ValueOf<'token-for'>;
  /** Certificates that do, by a name that they have. */
  clientsFor: ValueOf<'client-for'>;
  insecure: boolean;
  expireAfterMs: number | undefined;
  accessLog: string | undefined;
  metricsListen: ValueOf<'metrics-listen'>;
  guardPorts: ValueOf<'guard-port'>;
  jmxPort: ValueOf<'jmx-port'>;
  /** Run by /bin/sh. */
  atRestCheck: string | undefined;
}

export interface CopySettings extends FromSource {
  /** 0 where `maxDowntimeMs` alone is the goal. */
  threshold: number;
  /** How long the final pass and its verification may be forecast to take; never set for a final pass. */
  maxDowntimeMs: number | undefined;
  maxIterations: number;
  dryRun: boolean;
  diff: ValueOf<'diff'>;
  delta: ValueOf<'delta'>;
  maxDelete: ValueOf<'max-delete'>;
  /** The limit without a flag on the command line. */
  usualMaxDelete: ValueOf<'max-delete'>;
  /** Absolute. */
  backupDir: string | undefined;
  only: EntryKey | undefined;
  /** For the whole copy. */
  limitRate: RateLimit | undefined;
  preCheck: string | undefined;
  postCheck: string | undefined;
  /** Stated ports only; `servicePorts` adds those of cassandra.yaml. */
  guardPorts: ValueOf<'guard-port'>;
  jmxPort: ValueOf<'jmx-port'>;
  adopt: boolean;
  newSource: boolean;
  allowRunning: boolean;
  allowLiveSource: boolean;
  waitForWriterMs: number;
  allowTxnLogs: boolean;
  /** Whether the source's SSTables are checked there before they are fetched. */
  sstables: boolean;
  allowDamagedAtSource: boolean;
  keepSetuid: boolean;
  ownerRules: OwnerRule[];
}

interface VerifySettings extends FromSource {
  algo: ValueOf<'algo'>;
  /** What each end reads at most. */
  limitRate: RateLimit | undefined;
  yieldToIo: boolean;
  yieldFloor: number;
  /** At most one of the two. */
  incremental: boolean;
  offline: boolean;
  live: boolean;
  repair: boolean;
  sstables: boolean;
  /** Of --repair: as in CopySettings. */
  preCheck: string | undefined;
  guardPorts: ValueOf<'guard-port'>;
  jmxPort: ValueOf<'jmx-port'>;
  allowRunning: boolean;
  postCheck: string | undefined;
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
  allowDamagedAtSource: boolean;
  keepSetuid: boolean;
  ownerRules: OwnerRule[];
}

type ResetSettings = OnRoots;

export interface StatusSettings extends ReachingSource {
  /** How often to look again; 0 is not at all. */
  watchMs: number;
  history: boolean;
}

export interface WaitSettings extends OnRoots {
  /** Known for what is said in the end; nothing is asked of it. */
  url: URL | undefined;
  until: NonNullable<ValueOf<'until'>>;
  timeoutMs: number | undefined;
  intervalMs: number;
}

/** Of a destination with a URL; what `lm copy` or `lm serve` would have, these resolve for themselves. */
interface DoctorSettings extends ReachingSource {
  concurrency: number;
  limitRate: RateLimit | undefined;
  /** Bytes; undefined: its disk is not read. */
  probeDisk: number | undefined;
}

interface InstancesSettings extends CommonSettings {
  /** The name of an instance. */
  forget: string | undefined;
}

type LimitSettings = CommonSettings;

interface ReportSettings extends CommonSettings {
  /** Absolute paths of files to write. */
  html: string | undefined;
  manifest: string | undefined;
}

export interface SettingsOf {
  serve: ServeSettings;
  copy: CopySettings;
  verify: VerifySettings;
  complete: CompleteSettings;
  reset: ResetSettings;
  status: StatusSettings;
  wait: WaitSettings;
  limit: LimitSettings;
  doctor: DoctorSettings;
  instances: InstancesSettings;
  report: ReportSettings;
  'config show': CommonSettings;
  demo: CommonSettings;
}
