// Where Cassandra keeps what its cassandra.yaml does not name: below -Dcassandra.storagedir. Told by the process that runs with
// that file, else by where the file lies; by no look at what such a directory holds, which would take the old tree for the new. Whoever
// may start a process may give it such words: those of a stranger's are no more than a reason to ask.

import { basename, dirname, join, normalize, resolve } from 'node:path';
import { LmError, printable } from '../../errors.js';
import type { DirType } from '../../files/entry.js';
import { yamlLine } from '../../files/roots.js';
import { readAccounts, userText } from '../../owners/accounts.js';

/** A process by its command line. */
export interface CommandLine {
  pid: number;
  argv: readonly string[];
  /** User ids; those of a set-user-id program are several. */
  users: readonly number[];
}

/** What is asked of this host. */
export interface Host {
  processes(): Iterable<CommandLine>;
  /** Who decides what the service does that runs with this file: root, the caller, and the owner of the file. */
  trusted(file: string): readonly number[];
  /**
   * What this process would call what `pid` calls `path`, which may start from that one's working directory or show in its mount
   * namespace alone; undefined where it cannot be told.
   */
  asHere(pid: number, path: string): string | undefined;
  /** Without links, as far as it is there. */
  real(path: string): string;
  exists(path: string): boolean;
}

/** `why` follows "the default": `by -Dcassandra.storagedir of pid 7`. */
export interface StorageDir {
  path: string;
  why: string;
  /** A process says so that somebody else may have started. */
  isDoubtful?: true;
}

/**
 * Undefined when nothing tells. Throws `usage`, naming both, when two processes, or two places of the file, tell of different
 * directories, or a stranger's process of another than the place of the file; `unnamed` is what is looked for.
 */
export function storageDir(file: string, unnamed: readonly DirType[], host: Host): StorageDir | undefined {
  const told = byProcess(file, host);
  const believed = told.filter(({ isDoubtful }) => !isDoubtful);
  const [first, ...others] = believed.length > 0 ? believed : [...byPlace(file, host), ...told];
  const other = others.find(({ path }) => host.real(path) !== host.real(first!.path));
  if (!first || !(other || first.isDoubtful)) return first;
  const candidates = other ? [first, other] : [first];
  const below = candidates.map(({ path, why }) => `${printable(path)} (${printable(why)})`).join(' or ');
  const lines = (dir: StorageDir): string[] =>
    unnamed.map((type) => `${printable(yamlLine(type, join(dir.path, type)))}  (${printable(dir.why)})`);
  throw new LmError('usage', `${printable(file)} has no ${keysText(unnamed)}, and the default may be below ${below}`, {
    details: candidates.flatMap(lines),
    hint: `add to ${printable(file)} the lines that hold; or give every --root TYPE=DIR instead of the file`,
  });
}

/** `commitlog_directory and hints_directory` */
export const keysText = (types: readonly DirType[]): string =>
  andText(types.map((type) => yamlLine(type, '').split(':')[0]!));

export const andText = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;

/** The packages keep their file below /etc/cassandra, the RPM behind an alternative of `conf`; a tarball in CASSANDRA_HOME/conf. */
function byPlace(file: string, { real }: Host): StorageDir[] {
  return [normalize(file), real(file)].flatMap((path): StorageDir[] => {
    const dir = dirname(path);
    if (/^\/etc\/cassandra(?:\/(?:conf|[^/]+\.conf))?$/.test(dir))
      return [{ path: '/var/lib/cassandra', why: `of the package, whose file lies in ${dir}` }];
    if (basename(dir) !== 'conf') return [];
    return [{ path: join(dirname(dir), 'data'), why: `of CASSANDRA_HOME ${dirname(dir)}` }];
  });
}

function byProcess(file: string, host: Host): StorageDir[] {
  const found: StorageDir[] = [];
  const trusted = host.trusted(file);
  for (const { pid, argv, users } of host.processes()) {
    const storage = property(argv, 'cassandra.storagedir');
    if (!storage || argv.some((word) => word.startsWith(TOOLS))) continue;
    const config = configOf(pid, argv, host);
    if (config === undefined || host.real(config) !== host.real(file)) continue;
    const path = host.asHere(pid, storage);
    if (path === undefined)
      throw new LmError(
        'usage',
        `pid ${pid} runs with ${printable(file)} and keeps its data in ${printable(storage)}`,
        {
          details: ['where that is on this host could not be told'],
          hint: 'run as root; or give every --root TYPE=DIR instead of the file',
        },
      );
    const stranger = users.find((uid) => !trusted.includes(uid));
    const why = `by -Dcassandra.storagedir of pid ${pid}`;
    if (stranger === undefined) found.push({ path: resolve(path), why });
    else {
      const whose = `a process of ${userText(readAccounts(), stranger)}`;
      found.push({ path: resolve(path), why: `${why}, ${whose}`, isDoubtful: true });
    }
  }
  return found;
}

/** nodetool and its kin are told of a storage directory as well, and keep nothing there. */
const TOOLS = 'org.apache.cassandra.tools.';

/** The last one counts, as in Java. */
function property(argv: readonly string[], name: string): string | undefined {
  const prefix = `-D${name}=`;
  return argv.findLast((word) => word.startsWith(prefix))?.slice(prefix.length);
}

/** The file a Cassandra was started with, as this process would call it: a URL, or a name that is looked up in its class path. */
function configOf(pid: number, argv: readonly string[], host: Host): string | undefined {
  const config = property(argv, 'cassandra.config') ?? 'cassandra.yaml';
  if (config.startsWith('/')) return host.asHere(pid, config);
  if (config.startsWith('file:'))
    return URL.canParse(config) ? host.asHere(pid, decoded(new URL(config).pathname)) : undefined;
  return classPath(argv)
    .map((entry) => host.asHere(pid, join(entry, config)))
    .find((path) => path !== undefined && host.exists(path));
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

const CLASS_PATH = ['-cp', '-classpath', '--class-path'];

function classPath(argv: readonly string[]): string[] {
  const at = argv.findLastIndex((word) => CLASS_PATH.includes(word));
  const joined = argv.findLast((word) => word.startsWith('--class-path='))?.slice('--class-path='.length);
  const stated = argv[at + 1];
  const text = (at >= 0 ? stated : joined) ?? property(argv, 'java.class.path') ?? '';
  return text.split(':').filter((entry) => entry !== '');
}
