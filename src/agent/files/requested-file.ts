// Opens the regular file that a file URL names, or makes the reply that refuses it: the Sidecar's checks in the Sidecar's order
// (LiveMigrationFileResolveHandler). It opens nothing outside the root.

import { type BigIntStats, closeSync, fstatSync, realpathSync } from 'node:fs';
import { errnoOf } from '../../errors.js';
import { DirCache } from '../../files/dirfd.js';
import { DIR_TYPES, type EntryKey, parentOf } from '../../files/entry.js';
import type { Root, Roots } from '../../files/roots.js';
import { type Filter, judgeKey } from '../../patterns/filter.js';
import { inTurns } from '../../threads/in-turns.js';
import { FILES } from '../../wire/file-urls.js';
import type { Route } from '../../wire/routes.js';
import { errorReply, type Reply } from '../reply.js';

/** The caller closes `fd`. The path of `key` has no symbolic link. */
export interface OpenFile {
  fd: number;
  stat: BigIntStats;
  key: EntryKey;
  name: string;
}

/** Runs in turns with other requests: the file may lie thousands of levels deep. */
export async function openRequested(roots: Roots, excludes: Filter, route: Route<'file'>): Promise<OpenFile | Reply> {
  const { type, index, path } = route;
  if (!DIR_TYPES.some((known) => known === type)) return errorReply(400, `Invalid directory type: ${type}`);
  if (!isIndex(index)) return errorReply(400, `Invalid directoryIndex: ${index}`);
  if ('problem' in path)
    return path.problem === 'malformed'
      ? errorReply(400, 'Malformed request path')
      : errorReply(400, 'Tried to access file using relative path');
  const root = roots.find((r) => r.key === `${type}/${index}`);
  const requested = [type, index, ...path.names].join('/');
  if (!root) return errorReply(404, `File url ${FILES}/${requested} is unknown.`);
  try {
    const key = resolve(root, path.names);
    if (key === undefined) return errorReply(403, 'Resolved path escapes base directory');
    return await openReal(roots, key, () => inTurns(judgeKey(excludes, requested)));
  } catch (error) {
    return GONE.has(errnoOf(error) ?? '')
      ? errorReply(404, 'File not found')
      : errorReply(500, `Filesystem error while resolving requested path: ${errnoOf(error) ?? error}`);
  }
}

/** A Java int, zero or more. */
const isIndex = (text: string): boolean => /^\+?\d{1,10}$/.test(text) && Number(text) < 2 ** 31;

/** ELOOP: a component was replaced by a link after it was resolved, so the requested file is gone. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP']);

/** The key after links are resolved; undefined when they lead out of the root. */
function resolve(root: Root, names: string[]): EntryKey | undefined {
  const base = root.path === '/' ? '' : root.path;
  const real = realpathSync.native(`${base}/${names.join('/')}`);
  if (real === root.path) return root.key;
  return real.startsWith(`${base}/`) ? root.key + real.slice(base.length) : undefined;
}

/** Follows no link, so that a change after `resolve` cannot lead out of the root. */
async function openReal(roots: Roots, key: EntryKey, isExcluded: () => Promise<boolean>): Promise<OpenFile | Reply> {
  if (roots.some((root) => root.key === key)) return errorReply(400, 'Cannot transfer directory');
  const name = key.slice(key.lastIndexOf('/') + 1);
  const dirs = new DirCache(roots);
  let fd: number | undefined;
  try {
    await inTurns(dirs.levels(parentOf(key)));
    fd = dirs.openFile(parentOf(key), name);
    const stat = fstatSync(fd, { bigint: true });
    const refusal = await refuse(stat, isExcluded);
    if (refusal) return refusal;
    const file = { fd, stat, key, name };
    fd = undefined;
    return file;
  } catch (error) {
    if (errnoOf(error) === 'ENXIO') return errorReply(404, NO_FILE); // a socket
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
    dirs.close();
  }
}

const NO_FILE = 'The requested file does not exist';

async function refuse(stat: BigIntStats, isExcluded: () => Promise<boolean>): Promise<Reply | undefined> {
  if (stat.isDirectory()) return errorReply(400, 'Cannot transfer directory');
  if (await isExcluded()) return errorReply(404, 'Requested path is excluded from live migration');
  return stat.isFile() ? undefined : errorReply(404, NO_FILE);
}
