// The one table of options: flags, variables, file keys, defaults and what is remembered are all read from it. Adding an
// option is adding an entry here. Loads neither commander, yaml nor zod, so that `--help` stays quick.

import {
  certificateName,
  choice,
  deleteLimit,
  duration,
  fingerprint,
  guardPort,
  integer,
  type Kind,
  keyPrefix,
  leftOutType,
  listen,
  ownerRule,
  path,
  pattern,
  rate,
  ratio,
  shellGlob,
  text,
  toggle,
  typedDir,
  waitingTime,
} from './kinds.js';
import { sourceUrl } from './values/source-url.js';

export const COMMANDS = [
  ...(['serve', 'copy', 'verify', 'complete', 'reset', 'status'] as const),
  ...(['instances', 'config show', 'demo'] as const),
] as const;
export type CommandName = (typeof COMMANDS)[number];

interface OptionShape {
  // A kind shows only values of its own making.
  // biome-ignore lint/suspicious/noExplicitAny: the table holds kinds of every type
  kind: Kind<any>;
  commands: readonly CommandName[];
  help: string;
  /** In the words an operator would use; read by `kind` like any other. */
  default?: string;
  /** May be given several times; separated by commas in the environment, a list in the file. */
  list?: true;
  /** Kept by the first copy for the commands after it. */
  remembered?: true;
  /** `argument`: stands without a flag on the command line. `file`: has neither flag nor variable. */
  given?: 'argument' | 'file';
  /** The block of the file that holds the key, as in sidecar.yaml. */
  block?: 'live_migration';
}

const ALL = COMMANDS;
const PULL = ['copy', 'verify', 'complete', 'status'] as const;
const ON_ROOTS = ['serve', 'copy', 'verify', 'complete', 'reset', 'status'] as const;
const NAMING_ROOTS = [...ON_ROOTS, 'config show'] as const;

export const OPTIONS = {
  url: {
    kind: sourceUrl,
    commands: PULL,
    given: 'argument',
    remembered: true,
    help: 'the source: an lm agent or a Cassandra Sidecar',
  },
  root: {
    kind: typedDir,
    commands: NAMING_ROOTS,
    list: true,
    remembered: true,
    help: 'a directory that takes part; repeatable, data may repeat and is numbered in order',
  },
  'cassandra-yaml': {
    kind: path('FILE'),
    commands: NAMING_ROOTS,
    remembered: true,
    help: 'take the directories, and the port to guard, from this cassandra.yaml',
  },
  without: {
    kind: leftOutType,
    commands: NAMING_ROOTS,
    list: true,
    remembered: true,
    help: 'leave out the root of this type, and what it holds; said again at the end of every command; repeatable',
  },
  host: {
    kind: text('NAME'),
    commands: ON_ROOTS,
    help: 'a name or address of this host: in migration_map, and as clients of lm serve may call it',
  },

  listen: {
    kind: listen,
    commands: ['serve'],
    default: '127.0.0.1:9043',
    help: 'where to listen; :PORT means every address',
  },
  'max-concurrent-file-requests': {
    kind: integer(1),
    commands: ['serve'],
    default: '20',
    block: 'live_migration',
    help: 'file requests under way at once; the next is told to come back',
  },
  'tls-auto': {
    kind: toggle,
    commands: ['serve'],
    help: 'encrypt with a certificate of its own making, kept in --state-dir, and print its fingerprint for --pin',
  },
  'tls-cert': { kind: path('FILE'), commands: ['serve'], help: 'certificate chain, PEM' },
  'tls-key': { kind: path('FILE'), commands: ['serve'], help: 'its key, PEM, readable by its owner only' },
  'client-ca': { kind: path('FILE'), commands: ['serve'], help: 'demand a client certificate signed by one of these' },
  'client-name': {
    kind: certificateName,
    commands: ['serve'],
    list: true,
    help: 'of those, take only certificates with this name (DNS of subjectAltName, else CN); repeatable',
  },
  insecure: {
    kind: toggle,
    commands: ['serve'],
    help: 'ask for no token though anybody who can connect could read everything',
  },
  'expire-after': { kind: duration, commands: ['serve'], help: 'stop after this long without a request' },
  'access-log': { kind: path('FILE'), commands: ['serve'], help: 'append a line a request to FILE' },

  threshold: {
    kind: ratio,
    commands: ['copy'],
    default: '1.0',
    help: 'stop when this share of the bytes matches; 1.0 is the final pass',
  },
  'max-iterations': { kind: integer(1), commands: ['copy'], default: '3', help: 'downloading passes at most' },
  concurrency: {
    kind: integer(1),
    commands: ['copy', 'verify'],
    default: '10',
    remembered: true,
    help: 'requests under way at once',
  },
  'dry-run': { kind: toggle, commands: ['copy'], help: 'say what would be done, change nothing' },
  diff: {
    kind: choice('mtime', 'size', 'checksum'),
    commands: ['copy'],
    default: 'mtime',
    help: 'what makes two files differ: size and mtime, size alone, or size and digest',
  },
  'max-delete': {
    kind: deleteLimit,
    commands: ['copy'],
    default: '50%',
    help: 'refuse when the source has lost more than this share, or number of files, of what it held',
  },
  'backup-dir': {
    kind: path('DIR'),
    commands: ['copy'],
    help: 'keep there what is removed or replaced; outside the roots, on their file system',
  },
  only: { kind: keyPrefix, commands: ['copy'], help: 'only what lies below this key, such as data/0/keyspace' },
  'limit-rate': { kind: rate, commands: ['serve', 'copy'], help: 'bytes a second at most, such as 200MiB/s' },
  'retry-for': {
    kind: waitingTime,
    commands: ['copy', 'verify', 'complete'],
    remembered: true,
    help: 'how long a lost source is waited for (30s), and one that is only busy (5m); 0s waits for neither',
  },
  'pre-check': {
    kind: text('CMD'),
    commands: ['copy', 'complete'],
    remembered: true,
    help: 'a command that must succeed before every pass, and before lm complete on either host',
  },
  'guard-port': {
    kind: guardPort,
    commands: ['serve', 'copy', 'complete'],
    list: true,
    remembered: true,
    help: 'a port of the service here, which must not be listened on; repeatable; serve: asked for the final pass',
  },
  'jmx-port': {
    kind: guardPort,
    commands: ['serve', 'copy', 'complete'],
    remembered: true,
    help: 'where the JMX of Cassandra here listens (7199, which is guarded when cassandra.yaml is known)',
  },
  'at-rest-check': {
    kind: text('CMD'),
    commands: ['serve'],
    help: 'a command that must succeed here before a final pass, and lm complete here, may; such as a look for the service',
  },
  'keep-setuid': {
    kind: toggle,
    commands: ['copy', 'verify', 'complete'],
    help: 'give programs set-user-id and set-group-id as at the source; verify and complete: expect them',
  },
  owner: {
    kind: ownerRule,
    commands: ['copy', 'verify', 'complete'],
    list: true,
    remembered: true,
    help: "who a user or group of the source's is here: NAME=NAME, NAME=NUMBER, or numeric for all; by name unless said; repeatable",
  },
  adopt: { kind: toggle, commands: ['copy'], help: 'give lm what is here and was not put there by it' },
  'new-source': { kind: toggle, commands: ['copy'], help: 'accept a source, or roots, other than those seen before' },
  'allow-running': {
    kind: toggle,
    commands: ['copy', 'complete'],
    help: 'go on though nothing proves that the service here is stopped',
  },
  'allow-live-source': {
    kind: toggle,
    commands: ['copy'],
    help: 'end a final pass well though something still writes to the source',
  },
  'wait-for-writer': {
    kind: waitingTime,
    commands: ['copy'],
    default: '30s',
    help: 'how long a final pass waits for a process that still writes to the source to go; 0s refuses at once',
  },
  'allow-txn-logs': {
    kind: toggle,
    commands: ['copy'],
    help: 'end a final pass well though transaction logs of Cassandra name files elsewhere',
  },

  algo: {
    kind: choice('xxhash32', 'md5', 'xxhash64', 'crc32c'),
    commands: ['verify'],
    default: 'xxhash32',
    help: 'digest to compare',
  },
  report: { kind: path('FILE'), commands: ['verify'], help: 'write every difference to FILE' },
  unverified: {
    kind: toggle,
    commands: ['complete'],
    help: 'complete without a final pass, a verification, and a last look at both sides',
  },

  forget: {
    kind: text('NAME'),
    commands: ['instances'],
    help: 'remove all records of this one, if it is complete, or nothing has come of it, or its directories are gone',
  },

  'token-file': {
    kind: path('FILE'),
    commands: ['serve', ...PULL],
    remembered: true,
    help: 'bearer token of 16 characters or more, readable by its owner only',
  },
  'ca-cert': { kind: path('FILE'), commands: PULL, remembered: true, help: 'trust these instead of the system, PEM' },
  'client-cert': { kind: path('FILE'), commands: PULL, remembered: true, help: 'certificate to present, PEM' },
  'client-key': { kind: path('FILE'), commands: PULL, remembered: true, help: 'its key, readable by its owner only' },

  pin: {
    kind: fingerprint,
    commands: PULL,
    remembered: true,
    help: 'the source has the certificate with this fingerprint, whoever signed it, and whatever its name',
  },

  exclude: {
    kind: shellGlob,
    commands: ON_ROOTS,
    list: true,
    remembered: true,
    help: "leave out what matches, such as '**/*.tmp' or data/0/ks/old/; without a slash a name anywhere; repeatable",
  },
  'files-to-exclude': {
    kind: pattern,
    commands: ON_ROOTS,
    list: true,
    given: 'file',
    block: 'live_migration',
    remembered: true,
    help: 'files left out: glob: or regex: patterns of whole paths',
  },
  'dirs-to-exclude': {
    kind: pattern,
    commands: ON_ROOTS,
    list: true,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is the Sidecar's
    default: 'glob:${DATA_FILE_DIR}/*/*/snapshots',
    given: 'file',
    block: 'live_migration',
    remembered: true,
    help: 'directories left out with all they hold',
  },

  config: { kind: path('FILE'), commands: ALL, help: 'settings file (./lm.yaml unless root, else /etc/lm/lm.yaml)' },
  'state-dir': { kind: path('DIR'), commands: ALL, help: 'where lm keeps its records ($XDG_STATE_HOME/lm)' },
  instance: { kind: text('NAME'), commands: ALL, help: 'which migration of this host is meant, if there are several' },
  json: { kind: toggle, commands: ALL, help: 'one JSON object a line on stdout' },
  quiet: { kind: toggle, commands: ALL, help: 'results and errors only' },
  verbose: { kind: toggle, commands: ALL, help: 'a line for every path' },
  color: { kind: choice('auto', 'always', 'never'), commands: ALL, default: 'auto', help: 'colours on a terminal' },
} as const satisfies Record<string, OptionShape>;

export type OptionName = keyof typeof OPTIONS;

/** An entry as code that goes through the whole table sees it. */
export type Option = OptionShape;

export const OPTION_NAMES = Object.keys(OPTIONS) as OptionName[];

export const optionOf = (name: OptionName): Option => OPTIONS[name];

type Single<N extends OptionName> = (typeof OPTIONS)[N]['kind'] extends Kind<infer T> ? T : never;

/** What a setting is once resolved: lists and switches are always there, others may be missing unless they have a default. */
export type ValueOf<N extends OptionName> = (typeof OPTIONS)[N] extends { list: true }
  ? Single<N>[]
  : (typeof OPTIONS)[N] extends { default: string }
    ? Single<N>
    : Single<N> extends boolean
      ? boolean
      : Single<N> | undefined;

/** `LM_MAX_DELETE`; undefined for what only a file can say. */
export const variableOf = (name: OptionName): string | undefined =>
  optionOf(name).given === 'file' ? undefined : `LM_${name.toUpperCase().replaceAll('-', '_')}`;

/** `max_delete`, `roots`, `live_migration.max_concurrent_file_requests`; undefined for what cannot stand in the file. */
export function fileKeyOf(name: OptionName): string | undefined {
  if (name === 'config') return undefined;
  if (name === 'root') return 'roots';
  const key = name.replaceAll('-', '_');
  const { block } = optionOf(name);
  return block ? `${block}.${key}` : key;
}
