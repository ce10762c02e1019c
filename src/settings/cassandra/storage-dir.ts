// Finds the directory below which Cassandra keeps what its cassandra.yaml does not name: -Dcassandra.storagedir of the process that runs
// with that file, else the default for where the file lies. What such a directory holds is not looked at: an old tree may look like the
// right one. Another user's process can have any argument, so it is never enough by itself: the operator has to decide.

import { basename, dirname, join, normalize, resolve } from 'node:path';
import { LmError, printable } from '../../errors.js';
import type { DirType } from '../../files/entry.js';
import { yamlLine } from '../../files/roots.js';
import { readAccounts, userText } from '../../owners/accounts.js';

/** A process by its command line. */
export interface CommandLine {
  pid: number;
  argv: readonly string[];
  /** User ids; a set-user-id program has several. */
  users: readonly number[];
}

/** What storageDir needs to know of a host. */
export interface Host {
  processes(): Iterable<CommandLine>;
  /** The users who decide what a service with this file does: root, the caller, and the owner of the file. */
  trusted(file: string): readonly number[];
  /**
   * The path in this process of what `pid` calls `path`, which may be relative to the working directory of `pid`, or exist only in its
   * mount namespace; undefined where it cannot be found out.
   */
  toLocalPath(pid: number, path: string): string | undefined;
  /** With links resolved, as far as the path exists. */
  realPath(path: string): string;
  exists(path: string): boolean;
}

/** `why` follows the words "the default": `by -Dcassandra.storagedir of pid 7`. */
interface StorageDir {
  path: string;
  why: string;
  /** It comes from a process that somebody else may have started. */
  isUntrusted?: true;
}

/**
 * `unnamed` are the types that are looked for. Undefined when nothing is found. Throws `usage`, naming the candidates, when two processes
 * or two locations of the file lead to different directories, or when only a process of another user leads to one.
 */
export function storageDir(file: string, unnamed: readonly DirType[], host: Host): StorageDir | undefined {
  const byProcesses = fromProcesses(file, host);
  const trusted = byProcesses.filter(({ isUntrusted }) => !isUntrusted);
  const [first, ...others] = trusted.length > 0 ? trusted : [...fromLocation(file, host), ...byProcesses];
  const other = others.find(({ path }) => host.realPath(path) !== host.realPath(first!.path));
  if (!first || !(other || first.isUntrusted)) return first;
  const candidates = other ? [first, other] : [first];
  const below = candidates.map(({ path, why }) => `${printable(path)} (${printable(why)})`).join(' or ');
  const lines = (dir: StorageDir): string[] =>
    unnamed.map((type) => `${printable(yamlLine(type, join(dir.path, type)))}  (${printable(dir.why)})`);
  throw new LmError(
    'cassandra-default',
    `${printable(file)} has no ${keysText(unnamed)}, and the default may be below ${below}`,
    {
      details: candidates.flatMap(lines),
      hint: `add to ${printable(file)} the lines that hold; or give every --root TYPE=DIR instead of the file`,
    },
  );
}

/** `commitlog_directory and hints_directory` */
export const keysText = (types: readonly DirType[]): string =>
  andText(types.map((type) => yamlLine(type, '').split(':')[0]!));

export const andText = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;

/** Packages keep the file below /etc/cassandra (the RPM behind an alternative named `conf`), a tarball in CASSANDRA_HOME/conf. */
function fromLocation(file: string, { realPath }: Host): StorageDir[] {
  return [normalize(file), realPath(file)].flatMap((path): StorageDir[] => {
    const dir = dirname(path);
    if (/^\/etc\/cassandra(?:\/(?:conf|[^/]+\.conf))?$/.test(dir))
      return [{ path: '/var/lib/cassandra', why: `of the package, whose file lies in ${dir}` }];
    if (basename(dir) !== 'conf') return [];
    return [{ path: join(dirname(dir), 'data'), why: `of CASSANDRA_HOME ${dirname(dir)}` }];
  });
}

function fromProcesses(file: string, host: Host): StorageDir[] {
  const found: StorageDir[] = [];
  const trusted = host.trusted(file);
  for (const { pid, argv, users } of host.processes()) {
    const storage = property(argv, 'cassandra.storagedir');
    if (!storage || argv.some((word) => word.startsWith(TOOLS))) continue;
    const config = configOf(pid, argv, host);
    if (config === undefined || host.realPath(config) !== host.realPath(file)) continue;
    const path = host.toLocalPath(pid, storage);
    if (path === undefined)
      throw new LmError(
        'cassandra-default',
        `pid ${pid} runs with ${printable(file)} and keeps its data in ${printable(storage)}`,
        {
          details: ['where that is on this host could not be found out'],
          hint: 'run as root; or give every --root TYPE=DIR instead of the file',
        },
      );
    const otherUser = users.find((uid) => !trusted.includes(uid));
    const why = `by -Dcassandra.storagedir of pid ${pid}`;
    if (otherUser === undefined) found.push({ path: resolve(path), why });
    else {
      const whose = `a process of ${userText(readAccounts(), otherUser)}`;
      found.push({ path: resolve(path), why: `${why}, ${whose}`, isUntrusted: true });
    }
  }
  return found;
}

/** nodetool and other tools get a storage directory too, but keep nothing there. */
const TOOLS = 'org.apache.cassandra.tools.';

/** The last one counts, as in Java. */
function property(argv: readonly string[], name: string): string | undefined {
  const prefix = `-D${name}=`;
  return argv.findLast((word) => word.startsWith(prefix))?.slice(prefix.length);
}

/** The path in this process of the file that a Cassandra was started with. It is given as a path, a URL, or a name in the class path. */
function configOf(pid: number, argv: readonly string[], host: Host): string | undefined {
  const config = property(argv, 'cassandra.config') ?? 'cassandra.yaml';
  if (config.startsWith('/')) return host.toLocalPath(pid, config);
  if (config.startsWith('file:'))
    return URL.canParse(config) ? host.toLocalPath(pid, decoded(new URL(config).pathname)) : undefined;
  return classPath(argv)
    .map((entry) => host.toLocalPath(pid, join(entry, config)))
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
