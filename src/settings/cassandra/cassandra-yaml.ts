// What cassandra.yaml says of directories and ports. Where Cassandra keeps what its file does not name, storage-dir.ts tells.

import { statSync } from 'node:fs';
import * as z from 'zod';
import { LmError, printable } from '../../errors.js';
import { DIR_TYPES, type DirType } from '../../files/entry.js';
import { YAML_KEYS } from '../../files/roots.js';
import type { ServicePort } from '../../linux/service-ports.js';
import type { TypedDir } from '../kinds.js';
import { readYaml } from '../values/yaml.js';

/** Cassandra on this host. */
export interface CassandraYaml {
  file: string;
  /** What it listens on while it runs; JMX, which is set elsewhere, is not among them. */
  ports: ServicePort[];
}

/** A directory that the file names, and where: `/etc/cassandra/cassandra.yaml:12`. */
export interface YamlDir extends TypedDir {
  where: string;
}

export interface CassandraFile {
  cassandra: CassandraYaml;
  /** In the Sidecar's order of types. */
  dirs: YamlDir[];
  /** What this Cassandra keeps though the file does not say where: its default holds. */
  unnamed: DirType[];
}

const ABSOLUTE = 'takes an absolute path';
const port = z.int().min(1).max(65_535).nullish();
const dir = z.string().startsWith('/', ABSOLUTE).nullish();

/** Cassandra reads YAML 1.1, in which these are true and false as well. */
const flag = z.union(
  [
    z.boolean(),
    z
      .string()
      .regex(/^(?:true|yes|on)$/i)
      .transform(() => true),
    z
      .string()
      .regex(/^(?:false|no|off)$/i)
      .transform(() => false),
  ],
  'takes true or false',
);

/** A key without a value is an absent key, for Cassandra too; so is an empty list. */
const Shape = z.looseObject({
  data_file_directories: z
    .array(z.string(ABSOLUTE).startsWith('/', ABSOLUTE), 'takes a list of absolute paths')
    .nullish(),
  commitlog_directory: dir,
  hints_directory: dir,
  saved_caches_directory: dir,
  cdc_raw_directory: dir,
  cdc_enabled: flag.nullish(),
  local_system_data_file_directory: dir,
  native_transport_port: port,
  native_transport_port_ssl: port,
  rpc_address: z.string().nullish(),
  rpc_interface: z.string().nullish(),
  storage_port: port,
  ssl_storage_port: port,
  listen_address: z.string().nullish(),
  listen_interface: z.string().nullish(),
  listen_on_broadcast_address: flag.nullish(),
  broadcast_address: z.string().nullish(),
});

/** Throws `usage` when there is no such file, or a directory in it will not do. */
export function readCassandraYaml(path: string): CassandraFile {
  const file = readYaml(path, { owner: ownerOf(path) });
  if (!file)
    throw new LmError('usage', `no file ${printable(path)}`, { hint: 'give --cassandra-yaml FILE or --root TYPE=DIR' });
  const parsed = Shape.safeParse(file.value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const where = printable(file.placeOf(issue.path));
    throw new LmError('usage', `${issue.path.join('.') || 'cassandra.yaml'} (${where}): ${issue.message}`);
  }
  const yaml = parsed.data;
  const dirs = DIR_TYPES.flatMap((type): YamlDir[] => {
    const key = YAML_KEYS[type];
    const stated = yaml[key] ?? [];
    if (typeof stated === 'string') return [{ type, path: stated, where: file.placeOf([key]) }];
    return stated.map((path, index) => ({ type, path, where: file.placeOf([key, index]) }));
  });
  const kept = DIR_TYPES.filter(
    (type) => ALWAYS_KEPT.includes(type) || (type === 'cdc_raw' && yaml.cdc_enabled === true),
  );
  return {
    cassandra: { file: path, ports: portsIn(yaml) },
    dirs,
    unnamed: kept.filter((type) => !dirs.some((stated) => stated.type === type)),
  };
}

/**
 * Of the file the service itself goes by its service account may be the owner: it names directories and ports, no command and no secret,
 * and who owns it decides already what that service keeps where. Others may not write it.
 */
function ownerOf(path: string): number | undefined {
  try {
    return statSync(path).uid;
  } catch {
    return undefined; // whoever reads it says why
  }
}

/** By every Cassandra from 3.0 on; `local_system_data` has a directory of its own only where the file names one. */
const ALWAYS_KEPT: readonly DirType[] = ['hints', 'commitlog', 'saved_caches', 'data'];

/** Ports have Cassandra's defaults; an address that is not stated may be any, for it is then what this host's name stands for. */
function portsIn(yaml: z.infer<typeof Shape>): ServicePort[] {
  const broadcast = yaml.listen_on_broadcast_address ? yaml.broadcast_address : undefined;
  const clients = placeOf(yaml.rpc_address, yaml.rpc_interface);
  const peers = placeOf(yaml.listen_address, yaml.listen_interface, broadcast);
  const ssl = yaml.native_transport_port_ssl;
  return [
    { name: 'native_transport_port', port: yaml.native_transport_port ?? 9042, ...clients },
    ...(ssl ? [{ name: 'native_transport_port_ssl', port: ssl, ...clients }] : []),
    { name: 'storage_port', port: yaml.storage_port ?? 7000, ...peers },
    { name: 'ssl_storage_port', port: yaml.ssl_storage_port ?? 7001, ...peers },
  ];
}

function placeOf(
  address: string | null | undefined,
  device: string | null | undefined,
  broadcast?: string | null,
): Pick<ServicePort, 'hosts' | 'interface'> {
  if (!address) return device && !broadcast ? { interface: device } : {};
  return { hosts: broadcast ? [address, broadcast] : [address] };
}
