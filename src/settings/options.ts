// The one table of options: flags, variables, keys of the file, defaults and what is remembered all come from it. Imports neither
// commander, yaml nor zod, so that `--help` stays quick.

import {
  certificateName,
  choice,
  deleteLimit,
  duration,
  fingerprint,
  guardPort,
  integer,
  keyPrefix,
  leftOutType,
  listen,
  type OptionType,
  ownerRule,
  path,
  pattern,
  rate,
  rateLimit,
  ratio,
  shellGlob,
  text,
  toggle,
  typedDir,
  waitingTime,
  watching,
} from './types.js';
import { permittedName, permittedToken } from './values/permitted.js';
import { size } from './values/size.js';
import { sourceUrl } from './values/source-url.js';

export const COMMANDS = [
  ...(['serve', 'copy', 'verify', 'complete', 'reset', 'status'] as const),
  ...(['wait', 'limit', 'doctor', 'instances', 'report', 'config show', 'demo'] as const),
] as const;
export type CommandName = (typeof COMMANDS)[number];

interface OptionShape {
  // `any` is safe: a type shows only values that it has parsed.
  // biome-ignore lint/suspicious/noExplicitAny: the table holds types of every value
  type: OptionType<any>;
  commands: readonly CommandName[];
  help: string;
  /** As an operator would write it; `type` parses it like any other value. */
  default?: string;
  /** May be given several times: separated by commas in the environment, as a list in the file. */
  list?: true;
  /** The first copy remembers it for later commands. */
  remembered?: true;
  /** `argument`: has no flag, and is given as an argument. `file`: has neither flag nor variable. */
  given?: 'argument' | 'file';
  /** The block of the file that holds the key, as in sidecar.yaml. */
  block?: 'live_migration';
}

const ALL = COMMANDS;
const PULL = ['copy', 'verify', 'complete', 'status', 'doctor'] as const;
const ON_ROOTS = ['serve', 'copy', 'verify', 'complete', 'reset', 'status', 'doctor'] as const;
const NAMING_ROOTS = [...ON_ROOTS, 'wait', 'config show'] as const;

export const OPTIONS = {
  url: {
    type: sourceUrl,
    commands: PULL,
    given: 'argument',
    remembered: true,
    help: 'the source: an lm agent or a Cassandra Sidecar, or a directory of this host',
  },
  root: {
    type: typedDir,
    commands: NAMING_ROOTS,
    list: true,
    remembered: true,
    help: 'a directory that takes part; repeatable, data may repeat and is numbered in order',
  },
  as: {
    type: typedDir,
    commands: ['serve', 'doctor'],
    list: true,
    help: 'the live directory of which the root of this type is a snapshot, for passes below 1.0; repeatable',
  },
  'cassandra-yaml': {
    type: path('FILE'),
    commands: NAMING_ROOTS,
    remembered: true,
    help: 'take the directories, and the port to guard, from this cassandra.yaml',
  },
  without: {
    type: leftOutType,
    commands: NAMING_ROOTS,
    list: true,
    remembered: true,
    help: 'leave out the root of this type, and what it holds; every command repeats it at its end; repeatable',
  },
  host: {
    type: text('NAME'),
    commands: [...ON_ROOTS, 'wait'],
    help: 'a name or address of this host: in migration_map, and as clients of lm serve may call it',
  },

  role: {
    type: choice('source', 'destination'),
    commands: ['serve'],
    help: 'what this host is: source, unless migration_map says destination, whose agent copies and verifies when told over HTTP',
  },
  listen: {
    type: listen,
    commands: ['serve', 'doctor'],
    default: '127.0.0.1:9043',
    help: 'where to listen; :PORT means every address',
  },
  'max-concurrent-file-requests': {
    type: integer(1),
    commands: ['serve'],
    default: '20',
    block: 'live_migration',
    help: 'file requests at once; a further one is told to retry',
  },
  'tls-auto': {
    type: toggle,
    commands: ['serve', 'doctor'],
    help: 'encrypt with a certificate of its own making, kept in --state-dir, and print its fingerprint for --pin',
  },
  'tls-cert': { type: path('FILE'), commands: ['serve', 'doctor'], help: 'certificate chain, PEM' },
  'tls-key': { type: path('FILE'), commands: ['serve', 'doctor'], help: 'its key, PEM, readable by its owner only' },
  'client-ca': {
    type: path('FILE'),
    commands: ['serve', 'doctor'],
    help: 'demand a client certificate signed by one of these',
  },
  'client-name': {
    type: certificateName,
    commands: ['serve'],
    list: true,
    help: 'of those, take only certificates with this name (DNS of subjectAltName, else CN); repeatable',
  },
  'token-for': {
    type: permittedToken,
    commands: ['serve'],
    list: true,
    help: 'take the bearer token in FILE too, for these of list, copy and manage alone; repeatable',
  },
  'client-for': {
    type: permittedName,
    commands: ['serve'],
    list: true,
    help: 'take certificates with this name too, for these of list, copy and manage alone; repeatable',
  },
  insecure: {
    type: toggle,
    commands: ['serve', 'doctor'],
    help: 'ask for no token though anybody who can connect could read everything',
  },
  'expire-after': { type: duration, commands: ['serve'], help: 'stop after this long without a request' },
  'access-log': { type: path('FILE'), commands: ['serve'], help: 'append one line per request to FILE' },
  'metrics-listen': {
    type: listen,
    commands: ['serve', 'copy', 'verify'],
    help: 'answer GET /metrics there, for Prometheus, without a token: on a loopback address alone',
  },
  'metrics-file': {
    type: path('FILE'),
    commands: ['copy', 'verify'],
    help: 'write metrics to FILE (.prom), for the textfile collector of node_exporter: after each pass, and however the run ends',
  },

  threshold: {
    type: ratio,
    commands: ['copy'],
    default: '1.0',
    help: 'stop when this share of the bytes matches; 1.0 is the final pass',
  },
  'max-downtime': {
    type: duration,
    commands: ['copy'],
    help: 'stop when the final pass and its verification would take no longer, by what passes have measured; with --threshold below 1.0: and enough matches',
  },
  'max-iterations': { type: integer(1), commands: ['copy'], default: '3', help: 'downloading passes at most' },
  concurrency: {
    type: integer(1),
    commands: ['copy', 'verify', 'doctor'],
    default: '10',
    remembered: true,
    help: 'requests under way at once',
  },
  'dry-run': { type: toggle, commands: ['copy'], help: 'print what would be done, and change nothing' },
  diff: {
    type: choice('mtime', 'size', 'checksum'),
    commands: ['copy'],
    default: 'mtime',
    help: 'what makes two files differ: size and mtime, size alone, or size and digest',
  },
  delta: {
    type: choice('auto', 'always', 'never'),
    commands: ['copy'],
    default: 'auto',
    help: 'fetch only the blocks of big files that differ from what is here: where that is faster, always, or never',
  },
  'max-delete': {
    type: deleteLimit,
    commands: ['copy', 'doctor'],
    default: '50%',
    help: 'refuse when the source has lost more than this share, or number of files, of what it held',
  },
  'backup-dir': {
    type: path('DIR'),
    commands: ['copy', 'doctor'],
    help: 'keep there what is removed or replaced; outside the roots, on their file system',
  },
  only: { type: keyPrefix, commands: ['copy'], help: 'only what lies below this key, such as data/0/keyspace' },
  'limit-rate': {
    type: rateLimit,
    commands: ['serve', 'copy', 'verify', 'doctor'],
    help: "bytes a second at most, such as 200MiB/s, or by the clock, such as 'Mon-Fri 08:00-18:00=50MiB/s, else off, zone Europe/Berlin': sent or received, or read for digests, at each end",
  },
  'yield-to-io': {
    type: toggle,
    commands: ['serve', 'verify'],
    help: 'read more slowly while disks are busy, by /proc/pressure/io; verify: at both ends; serve: what is sent too',
  },
  'yield-floor': {
    type: rate,
    commands: ['serve', 'verify'],
    default: '8MiB/s',
    help: 'how fast --yield-to-io reads on however busy the disks are; --limit-rate is its ceiling',
  },
  'retry-for': {
    type: waitingTime,
    commands: ['copy', 'verify', 'complete'],
    remembered: true,
    help: 'how long a lost source is waited for (30s), and one that is only busy (5m); 0s waits for neither',
  },
  'pre-check': {
    type: text('CMD'),
    commands: ['copy', 'verify', 'complete', 'doctor'],
    remembered: true,
    help: 'a command that must succeed before every pass, before verify --repair, and before lm complete on either host',
  },
  'post-check': {
    type: text('CMD'),
    commands: ['copy', 'verify'],
    remembered: true,
    help: 'a command that checks the result: run once the threshold is reached, and when verify (not --live) found both sides equal',
  },
  'guard-port': {
    type: guardPort,
    commands: ['serve', 'copy', 'verify', 'complete', 'doctor'],
    list: true,
    remembered: true,
    help: 'a port of the service here, which must not be listened on; repeatable; serve: asked for the final pass',
  },
  'jmx-port': {
    type: guardPort,
    commands: ['serve', 'copy', 'verify', 'complete', 'doctor'],
    remembered: true,
    help: 'where the JMX of Cassandra here listens (7199, which is guarded when cassandra.yaml is known)',
  },
  'at-rest-check': {
    type: text('CMD'),
    commands: ['serve'],
    help: 'a command that must succeed before a final pass and before lm complete here, such as a check that the service is stopped',
  },
  'keep-setuid': {
    type: toggle,
    commands: ['copy', 'verify', 'complete', 'doctor'],
    help: 'give programs set-user-id and set-group-id as at the source; verify and complete: expect them',
  },
  owner: {
    type: ownerRule,
    commands: ['copy', 'verify', 'complete', 'doctor'],
    list: true,
    remembered: true,
    help: "who a user or group of the source's is here: NAME=NAME, NAME=NUMBER, or numeric for all; default: by name; repeatable",
  },
  adopt: {
    type: toggle,
    commands: ['copy', 'doctor'],
    help: 'let lm change and remove what is here and was not copied by it',
  },
  'new-source': {
    type: toggle,
    commands: ['copy', 'doctor'],
    help: 'accept a source, or roots, other than those seen before',
  },
  'allow-running': {
    type: toggle,
    commands: ['copy', 'verify', 'complete', 'doctor'],
    help: 'go on though nothing proves that the service here is stopped',
  },
  'allow-live-source': {
    type: toggle,
    commands: ['copy'],
    help: 'let a final pass succeed though something still writes to the source',
  },
  'wait-for-writer': {
    type: waitingTime,
    commands: ['copy'],
    default: '30s',
    help: 'how long a final pass waits until a process that still writes to the source ends; 0s refuses at once',
  },
  'allow-txn-logs': {
    type: toggle,
    commands: ['copy'],
    help: 'let a final pass succeed though transaction logs of Cassandra name files elsewhere',
  },

  algo: {
    type: choice('xxhash32', 'md5', 'xxhash64', 'crc32c'),
    commands: ['verify'],
    default: 'xxhash32',
    help: 'digest to compare',
  },
  incremental: {
    type: toggle,
    commands: ['verify'],
    help: 'read only what no earlier read has proved, by the hashes that copies and verifications keep',
  },
  live: {
    type: toggle,
    commands: ['verify'],
    help: 'of a source in use: judge contents alone, and count what differs in size, time or name as not yet copied',
  },
  offline: {
    type: toggle,
    commands: ['verify'],
    help: 'ask no source: read every file here again, by the hashes that copies and verifications keep',
  },
  repair: {
    type: toggle,
    commands: ['verify'],
    help: 'fetch the blocks that differ of files whose contents are wrong here, in place, and verify those again',
  },
  sstables: {
    type: toggle,
    commands: ['copy', 'verify', 'doctor'],
    help: 'check SSTables by their Digest.crc32 and TOC.txt: verify on both sides, copy at the source before it fetches them',
  },
  'allow-damaged-at-source': {
    type: toggle,
    commands: ['copy', 'complete'],
    help: 'take SSTables as they are that --sstables has found damaged at the source already',
  },
  report: { type: path('FILE'), commands: ['verify'], help: 'write every difference to FILE' },
  unverified: {
    type: toggle,
    commands: ['complete'],
    help: 'complete without a final pass, a verification, and a last look at both sides',
  },

  'probe-disk': {
    type: size,
    commands: ['doctor'],
    help: 'have the source read so much of its disk, for ten seconds at most, and say how fast it does',
  },

  watch: {
    type: watching,
    commands: ['status'],
    help: 'tell it again whenever it has changed, and look for that at least this often (2s)',
  },
  history: {
    type: toggle,
    commands: ['status'],
    help: 'list what was done so far: runs and passes, when, how long, and how each ended',
  },
  until: {
    type: { ...choice('converged', 'copied', 'verified', 'complete'), metavar: 'GOAL' },
    commands: ['wait'],
    help: 'converged: the last copy has met its threshold; copied: a final pass has succeeded; verified: and that is verified; complete: lm complete has passed here',
  },
  timeout: {
    type: waitingTime,
    commands: ['wait'],
    help: 'wait no longer than this, and end with exit code 9 then',
  },
  interval: {
    type: duration,
    commands: ['wait'],
    default: '5s',
    help: 'look at least this often; it ends once nothing has been at work for two of these',
  },

  html: {
    type: path('FILE'),
    commands: ['report'],
    help: 'write a page to FILE, with plots, that needs neither network nor script',
  },
  manifest: {
    type: path('FILE'),
    commands: ['report'],
    help: 'write to FILE the digests of the last full verification, for md5sum -c or xxhsum -c',
  },

  forget: {
    type: text('NAME'),
    commands: ['instances'],
    help: 'remove all records of this one, if it is complete, or nothing has come of it, or its directories are gone',
  },

  'token-file': {
    type: path('FILE'),
    commands: ['serve', ...PULL],
    remembered: true,
    help: 'bearer token of 16 characters or more, readable by its owner only',
  },
  'ca-cert': { type: path('FILE'), commands: PULL, remembered: true, help: 'trust these instead of the system, PEM' },
  'client-cert': { type: path('FILE'), commands: PULL, remembered: true, help: 'certificate to present, PEM' },
  'client-key': { type: path('FILE'), commands: PULL, remembered: true, help: 'its key, readable by its owner only' },

  pin: {
    type: fingerprint,
    commands: PULL,
    remembered: true,
    help: 'accept only a source whose certificate has this fingerprint; its signer and name do not matter',
  },

  exclude: {
    type: shellGlob,
    commands: ON_ROOTS,
    list: true,
    remembered: true,
    help: "leave out what matches, such as '**/*.tmp' or data/0/ks/old/; without a slash a name anywhere; repeatable",
  },
  'files-to-exclude': {
    type: pattern,
    commands: ON_ROOTS,
    list: true,
    given: 'file',
    block: 'live_migration',
    remembered: true,
    help: 'files left out: glob: or regex: patterns of whole paths',
  },
  'dirs-to-exclude': {
    type: pattern,
    commands: ON_ROOTS,
    list: true,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is the Sidecar's
    default: 'glob:${DATA_FILE_DIR}/*/*/snapshots',
    given: 'file',
    block: 'live_migration',
    remembered: true,
    help: 'directories left out with all they hold',
  },

  config: { type: path('FILE'), commands: ALL, help: 'settings file (./lm.yaml unless root, else /etc/lm/lm.yaml)' },
  'state-dir': { type: path('DIR'), commands: ALL, help: 'where lm keeps its records ($XDG_STATE_HOME/lm)' },
  instance: { type: text('NAME'), commands: ALL, help: 'which migration of this host is meant, if there are several' },
  json: { type: toggle, commands: ALL, help: 'one JSON object per line on stdout' },
  quiet: { type: toggle, commands: ALL, help: 'results and errors only' },
  verbose: { type: toggle, commands: ALL, help: 'a line for every path' },
  color: { type: choice('auto', 'always', 'never'), commands: ALL, default: 'auto', help: 'colours on a terminal' },
} as const satisfies Record<string, OptionShape>;

export type OptionName = keyof typeof OPTIONS;

/** An option without its exact type, for code that goes through the whole table. */
type Option = OptionShape;

export const OPTION_NAMES = Object.keys(OPTIONS) as OptionName[];

export const optionOf = (name: OptionName): Option => OPTIONS[name];

type Single<N extends OptionName> = (typeof OPTIONS)[N]['type'] extends OptionType<infer T> ? T : never;

/** The type of a setting once resolved: lists and switches are always there, others may be undefined unless they have a default. */
export type ValueOf<N extends OptionName> = (typeof OPTIONS)[N] extends { list: true }
  ? Single<N>[]
  : (typeof OPTIONS)[N] extends { default: string }
    ? Single<N>
    : Single<N> extends boolean
      ? boolean
      : Single<N> | undefined;

/** `LM_MAX_DELETE`; undefined for options that only the file can set. */
export const variableOf = (name: OptionName): string | undefined =>
  optionOf(name).given === 'file' ? undefined : `LM_${name.toUpperCase().replaceAll('-', '_')}`;

/** `max_delete`, `roots`, `live_migration.max_concurrent_file_requests`; undefined for an option that the file cannot set. */
export function fileKeyOf(name: OptionName): string | undefined {
  if (name === 'config') return undefined;
  if (name === 'root') return 'roots';
  const key = name.replaceAll('-', '_');
  const { block } = optionOf(name);
  return block ? `${block}.${key}` : key;
}
