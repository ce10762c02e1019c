// Whether Cassandra's transaction logs, which name files by their whole paths, mean the files they stand beside here. A node that is
// started on one that means others deletes those. Reads the logs that have come; changes nothing.

import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { errnoOf, LmError, localError, printable } from '../errors.js';
import type { Emit } from '../events.js';
import { type EntryKey, FIRST_FEW, type ListedRoot, type ListingHeader, parentOf } from '../files/entry.js';
import { pathOf, type Roots } from '../files/roots.js';
import { pathsNamed } from '../files/txn-log.js';

export interface TxnLogGuardOptions {
  roots: Roots;
  /** Whether the tree is known to be Cassandra's. */
  cassandra: boolean;
  /** Of a final pass; any other is told once what it would find. */
  isFinal: boolean;
  /** Take them as they are, and say so. */
  allowTxnLogs: boolean;
  emit: Emit;
  /** Throws what it is given, unless this is a dry run. */
  object(error: LmError): void;
}

/** What a survey of both sides has shown of them. */
export interface TxnLogsSeen {
  /** Those that are here. */
  txnLogs: readonly EntryKey[];
  /** The source's. */
  header: Pick<ListingHeader, 'roots'>;
}

/** Logs that are here, and those of them that name files elsewhere. */
export interface TxnLogs {
  logs: number;
  elsewhere: number;
}

export interface TxnLogGuard {
  /** Once the two sides are equal. Throws `refused`, naming each log and what it means, and `local` for one that cannot be read. */
  prove(seen: TxnLogsSeen): void;
  /** As `prove` has found it; undefined for a tree that neither a log nor its settings say to be Cassandra's. */
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
      const problems = txnLogs.flatMap((key) => problemOf(key, replicas, roots, header.roots) ?? []);
      if (txnLogs.length > 0 || cassandra) found = { logs: txnLogs.length, elsewhere: problems.length };
      const [first] = problems;
      if (!first) return;
      const what = `${counted(problems.length)} of Cassandra ${problems.length === 1 ? 'names' : 'name'} files elsewhere`;
      if (!isFinal || allowTxnLogs)
        return emit({
          type: 'warning',
          text: `${what}: ${first.text}`,
          hint: isFinal
            ? `a node that is started here may delete what they name`
            : `a final pass refuses them: ${wayOut(first)}`,
        });
      object(
        new LmError('refused', `${what}, which a node started here may delete`, {
          details: [
            ...problems.slice(0, FIRST_FEW).map(({ text }) => text),
            ...(problems.length > FIRST_FEW ? [`and ${problems.length - FIRST_FEW} more`] : []),
          ],
          hint: `${wayOut(first)}; --allow-txn-logs takes them as they are`,
        }),
      );
    },
    found: () => found,
  };
}

const counted = (logs: number): string => (logs === 1 ? '1 transaction log' : `${logs} transaction logs`);

interface Problem {
  key: EntryKey;
  text: string;
}

/** The tool is Cassandra's; a table's directory is its name, a hyphen and its id. */
function wayOut({ key }: Problem): string {
  const [keyspace, table] = key.split('/').slice(2);
  const which =
    table === undefined ? 'KEYSPACE TABLE' : printable(`${keyspace} ${table.replace(/-[0-9a-f]{32}$/, '')}`);
  return `on the stopped source: sstableutil --cleanup ${which} (and so for each table), then copy again`;
}

/** The directories in which a log of a name stands. */
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

/** Undefined for a log that means what it stands beside, or that has gone meanwhile. */
function problemOf(key: EntryKey, replicas: Replicas, roots: Roots, there: readonly ListedRoot[]): Problem | undefined {
  const path = pathOf(roots, key);
  const text = textOf(path);
  if (text === undefined) return undefined;
  const paths = pathsNamed(text);
  if (!paths) return { key, text: `${printable(path)} cannot be read as a transaction log` };
  const other = paths.find((each) => !means(each, replicas.get(nameOf(key))!, roots, there));
  if (other === undefined) return undefined;
  return { key, text: `${printable(path)}, which names ${printable(other)}` };
}

/**
 * Whether a record's path leads to where the log stands here, or one of its replicas: Cassandra keeps one in each directory that it
 * names files of. What was in one root at the source and would be in another here, as where two disks have been swapped, is not meant.
 */
function means(path: string, replicas: ReadonlySet<string>, roots: Roots, there: readonly ListedRoot[]): boolean {
  if (!path.includes('/')) return true; // beside the log, in the first versions
  if (!isAbsolute(path)) return false; // from wherever the node is started
  const dir = realDirOf(resolve(path, '..'));
  if (!replicas.has(dir)) return false;
  const root = there.find((each) => each.path !== '' && path.startsWith(`${each.path}/`));
  return !root || roots.find(({ key }) => key === root.key)?.path === root.path;
}

/** As the name leads here, through whatever links. */
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
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK); // a pipe may have taken its name
    return fstatSync(fd).isFile() ? readFileSync(fd, 'utf8') : undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ELOOP') return undefined;
    throw localError('read', path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
