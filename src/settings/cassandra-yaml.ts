// What cassandra.yaml says of directories and ports. Only what stands there: Cassandra's own defaults hang on how it was
// installed, and a guess would copy the wrong tree.

import * as z from 'zod';
import { LmError, printable } from '../errors.js';
import type { TypedDir } from './kinds.js';
import { readYaml } from './yaml.js';

/** Cassandra on this host. */
export interface CassandraYaml {
  file: string;
  /** 9042 unless the file says otherwise. */
  nativeTransportPort: number;
}

const dir = z.string().startsWith('/', 'takes an absolute path').nullish();

const Shape = z.looseObject({
  data_file_directories: z.array(z.string().startsWith('/', 'takes an absolute path')).nullish(),
  commitlog_directory: dir,
  hints_directory: dir,
  saved_caches_directory: dir,
  cdc_raw_directory: dir,
  local_system_data_file_directory: dir,
  native_transport_port: z.int().min(1).max(65_535).nullish(),
});

/** Throws `usage` when there is no such file, or a directory in it will not do. `notes` name the roots it leaves out. */
export function readCassandraYaml(path: string): { cassandra: CassandraYaml; dirs: TypedDir[]; notes: string[] } {
  const file = readYaml(path);
  if (!file)
    throw new LmError('usage', `no file ${printable(path)}`, { hint: 'give --cassandra-yaml FILE or --root TYPE=DIR' });
  const parsed = Shape.safeParse(file.value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const where = printable(file.placeOf(issue.path));
    throw new LmError('usage', `${issue.path.join('.') || 'cassandra.yaml'} (${where}): ${issue.message}`);
  }
  const yaml = parsed.data;
  const dirs = [
    ...one('hints', yaml.hints_directory),
    ...one('commitlog', yaml.commitlog_directory),
    ...one('saved_caches', yaml.saved_caches_directory),
    ...one('cdc_raw', yaml.cdc_raw_directory),
    ...one('local_system_data', yaml.local_system_data_file_directory),
    ...(yaml.data_file_directories ?? []).flatMap((data) => one('data', data)),
  ];
  return {
    cassandra: { file: path, nativeTransportPort: yaml.native_transport_port ?? 9042 },
    dirs,
    notes: ALWAYS_THERE.filter(({ type }) => !dirs.some((stated) => stated.type === type)).map(
      ({ type, key }) => `${path} has no ${key}, so ${type} is left out; add it there or give every --root`,
    ),
  };
}

/** Directories that every Cassandra has, named in its file or not. */
const ALWAYS_THERE = [
  { type: 'data', key: 'data_file_directories' },
  { type: 'commitlog', key: 'commitlog_directory' },
  { type: 'hints', key: 'hints_directory' },
  { type: 'saved_caches', key: 'saved_caches_directory' },
] as const;

const one = (type: TypedDir['type'], path: string | null | undefined): TypedDir[] => (path ? [{ type, path }] : []);
