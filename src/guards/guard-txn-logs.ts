// Checks that Cassandra's transaction logs, which name files by their whole paths, name files beside them here. A node that is started on a
// log that names other files deletes those.

import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import type { Emit } from '../events.js';
import { type EntryKey, parentOf } from '../files/entry.js';
import { FIRST_FEW, type ListedRoot, type ListingHeader } from '../files/listing.js';
import { pathsNamed } from '../files/names/txn-log.js';
import { pathOf, type Roots } from '../files/roots.js';

interface TxnLogGuardOptions {
  roots: Roots;
  /** Whether the tree is known to be Cassandra's. */
  cassandra: boolean;
  /** A final pass refuses; any other pass warns of what a final one would refuse. */
  isFinal: boolean;
  /** Take them as they are, with a warning. */
  allowTxnLogs: boolean;
  emit: Emit;
  /** Throws what it is given, unless this is a dry run. */
  object(error: LmError): void;
}

/** What a survey has found of them. */
interface TxnLogsSeen {
  /** The logs that are here. */
  txnLogs: readonly EntryKey[];
  /** The source's. */
  header: Pick<ListingHeader, 'roots'>;
}

/** The number of logs here, and of those that name files elsewhere. */
interface TxnLogs {
  logs: number;
  elsewhere: number;
}

export interface TxnLogGuard {
  /** Called once the two sides are equal. Throws `refused`, naming each log and the files it names, and `local` for one that cannot be read. */
  prove(seen: TxnLogsSeen): void;
  /** The result of `prove`; undefined for a tree that is not Cassandra's by its logs or its settings. */
  found(): TxnLogs | undefined;
}

export function createTxnLogGuard({
  roots,
  cassandra,
  isFinal,
  allowTxnLogs,
  emit,
  object,
}: TxnLogGuardOptions): TxnLogGuard {
  let found: TxnLogs | undefined;
  return {
    prove({ txnLogs, header }) {
      const replicas = replicasOf(txnLogs, roots);
      const left = txnLogs.map((key) => judge(key, replicas, roots, header.roots)).filter((each) => each !== 'gone');
      const problems = left.filter((each) => each !== 'right');
      if (txnLogs.length > 0 || cassandra) found = { logs: left.length, elsewhere: problems.length };
      const [first] = problems;
      if (!first) return;
      const what = `${countText(problems.length)} of Cassandra ${problems.length === 1 ? 'names' : 'name'} files elsewhere`;
      if (!isFinal || allowTxnLogs)
        return emit({
          type: 'warning',
          text: `${what}: ${first.text}`,
          hint: isFinal
            ? `a node that is started here may delete what they name`
            : `a final pass refuses them: ${cleanupHint(first)}`,
        });
      object(
        new LmError('transaction-logs', `${what}, which a node started here may delete`, {
          details: [
            ...problems.slice(0, FIRST_FEW).map(({ text }) => text),
            ...(problems.length > FIRST_FEW ? [`and ${problems.length - FIRST_FEW} more`] : []),
          ],
          hint: `${cleanupHint(first)}; --allow-txn-logs takes them as they are`,
        }),
      );
    },
    found: () => found,
  };
}

const countText = (logs: number): string => (logs === 1 ? '1 transaction log' : `${logs} transaction logs`);

interface Problem {
  key: EntryKey;
  text: string;
}

/** sstableutil is part of Cassandra; the directory of a table is its name, a hyphen and its id. */
function cleanupHint({ key }: Problem): string {
  const [keyspace, table] = key.split('/').slice(2);
  const which =
    table === undefined ? 'KEYSPACE TABLE' : printable(`${keyspace} ${table.replace(/-[0-9a-f]{32}$/, '')}`);
  return `on the stopped source: sstableutil --cleanup ${which} (and so for each table), then copy again`;
}

/** The directories in which a log of each name is. */
type Replicas = ReadonlyMap<string, ReadonlySet<string>>;

function replicasOf(keys: readonly EntryKey[], roots: Roots): Replicas {
  const replicas = new Map<string, Set<string>>();
  for (const key of keys) {
    const dirs = replicas.get(nameOf(key)) ?? new Set();
    replicas.set(nameOf(key), dirs.add(pathOf(roots, parentOf(key))));
  }
  return replicas;
}

const nameOf = (key: EntryKey): string => key.slice(key.lastIndexOf('/') + 1);

/** `right`: it means what it stands beside. `gone`: since it was listed, as what the source no longer had. */
function judge(
  key: EntryKey,
  replicas: Replicas,
  roots: Roots,
  sourceRoots: readonly ListedRoot[],
): Problem | 'right' | 'gone' {
  const path = pathOf(roots, key);
  const text = textOf(path);
  if (text === undefined) return 'gone';
  const paths = pathsNamed(text);
  if (!paths) return { key, text: `${printable(path)} cannot be read as a transaction log` };
  const other = paths.find((each) => !namesOwnFiles(each, replicas.get(nameOf(key))!, roots, sourceRoots));
  if (other === undefined) return 'right';
  return { key, text: `${printable(path)}, which names ${printable(other)}` };
}

/**
 * Whether the path of a record leads to the directory of the log here, or of one of its replicas: Cassandra keeps a replica in each
 * directory whose files it names. False for a path that was in one root at the source and leads to another root here, as when two disks
 * are swapped.
 */
function namesOwnFiles(
  path: string,
  replicas: ReadonlySet<string>,
  roots: Roots,
  there: readonly ListedRoot[],
): boolean {
  if (!path.includes('/')) return true; // the first versions name files beside the log
  if (!isAbsolute(path)) return false; // relative to where the node is started
  const dir = realDirOf(resolve(path, '..'));
  if (!replicas.has(dir)) return false;
  const root = there.find((each) => each.path !== '' && path.startsWith(`${each.path}/`));
  return !root || roots.find(({ key }) => key === root.key)?.path === root.path;
}

/** The path after links; the path itself when it does not exist. */
function realDirOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function textOf(path: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK); // O_NONBLOCK, because a pipe may have its name by now
    return fstatSync(fd).isFile() ? readFileSync(fd, 'utf8') : undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ELOOP') return undefined;
    throw localError('read', path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
