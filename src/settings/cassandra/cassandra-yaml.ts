// Reads directories and ports from cassandra.yaml. storage-dir.ts finds the directories that the file does not name.

import { statSync } from 'node:fs';
import * as z from 'zod';
import { LmError, printable } from '../../errors.js';
import { DIR_TYPES, type DirType } from '../../files/entry.js';
import { YAML_KEYS } from '../../files/roots.js';
import type { ServicePort } from '../../linux/service-ports.js';
import type { TypedDir } from '../types.js';
import { readYaml } from '../values/yaml.js';

/** Cassandra on this host. */
export interface CassandraYaml {
  file: string;
  /** The ports it listens on while it runs, without JMX, which is set elsewhere. */
  ports: ServicePort[];
  /** For how long others keep hints for a node that is down; undefined where the file does not say so, or not in a way that is understood. */
  maxHintWindowMs?: number;
}

/** A directory that the file names; `where` is `/etc/cassandra/cassandra.yaml:12`. */
interface YamlDir extends TypedDir {
  where: string;
}

interface CassandraFile {
  cassandra: CassandraYaml;
  /** In the Sidecar's order of types. */
  dirs: YamlDir[];
  /** Types that this Cassandra has though the file names no directory for them: the default is in force. */
  unnamed: DirType[];
}

const ABSOLUTE = 'takes an absolute path';
const PORT = 'takes a port from 1 to 65535';
/** Cassandra takes a number in quotes too. */
const port = z
  .union([z.int(), z.string().regex(/^\d+$/).transform(Number)], PORT)
  .refine((value) => value >= 1 && value <= 65_535, PORT)
  .nullish();
const dir = z.string(ABSOLUTE).startsWith('/', ABSOLUTE).nullish();

const ADDRESS = 'takes an address';
const INTERFACE = 'takes the name of a network interface';

/** Cassandra reads YAML 1.1, in which yes, no, on and off are booleans too. */
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

/** As in Cassandra, a key without a value counts as absent, and so does an empty list. */
const Shape = z.looseObject(
  {
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
    rpc_address: z.string(ADDRESS).nullish(),
    rpc_interface: z.string(INTERFACE).nullish(),
    storage_port: port,
    ssl_storage_port: port,
    listen_address: z.string(ADDRESS).nullish(),
    listen_interface: z.string(INTERFACE).nullish(),
    max_hint_window: z.unknown().optional(),
    max_hint_window_in_ms: z.unknown().optional(),
    listen_on_broadcast_address: flag.nullish(),
    broadcast_address: z.string(ADDRESS).nullish(),
  },
  'takes the keys of a cassandra.yaml',
);

/** Throws `usage` when there is no such file, or a value in it is not valid. */
export function readCassandraYaml(path: string): CassandraFile {
  const file = readYaml(path, { owner: ownerOf(path) });
  if (!file)
    throw new LmError('settings-file', `no file ${printable(path)}`, {
      hint: 'give --cassandra-yaml FILE or --root TYPE=DIR',
    });
  const parsed = Shape.safeParse(file.value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const where = printable(file.locationOf(issue.path));
    throw new LmError('settings-file', `${issue.path.join('.') || 'cassandra.yaml'} (${where}): ${issue.message}`);
  }
  const yaml = parsed.data;
  const dirs = DIR_TYPES.flatMap((type): YamlDir[] => {
    const key = YAML_KEYS[type];
    const stated = yaml[key] ?? [];
    if (typeof stated === 'string') return [{ type, path: stated, where: file.locationOf([key]) }];
    return stated.map((path, index) => ({ type, path, where: file.locationOf([key, index]) }));
  });
  const kept = DIR_TYPES.filter(
    (type) => ALWAYS_KEPT.includes(type) || (type === 'cdc_raw' && yaml.cdc_enabled === true),
  );
  return {
    cassandra: { file: path, ports: portsIn(yaml), ...hintWindowIn(yaml) },
    dirs,
    unnamed: kept.filter((type) => !dirs.some((stated) => stated.type === type)),
  };
}

/**
 * The service account may own this file: it holds directories and ports, no command and no secret, and its owner already decides where
 * the service keeps its data. No other user may be able to write it.
 */
function ownerOf(path: string): number | undefined {
  try {
    return statSync(path).uid;
  } catch {
    return undefined; // reading it fails too, and says why
  }
}

/** Every Cassandra from 3.0 on has these; `local_system_data` has a directory of its own only where the file names one. */
const ALWAYS_KEPT: readonly DirType[] = ['hints', 'commitlog', 'saved_caches', 'data'];

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `3h` since 4.1, and a number of milliseconds before, which 4.1 still takes. A forecast is all that is made of it, so nothing is refused. */
function hintWindowIn(yaml: z.infer<typeof Shape>): Pick<CassandraYaml, 'maxHintWindowMs'> {
  const [, amount, unit] = /^(\d{1,12})(ms|s|m|h|d)$/.exec(String(yaml.max_hint_window ?? '')) ?? [];
  if (amount !== undefined) return { maxHintWindowMs: Number(amount) * UNIT_MS[unit!]! };
  const ms = Number(yaml.max_hint_window_in_ms ?? Number.NaN);
  return Number.isSafeInteger(ms) && ms > 0 ? { maxHintWindowMs: ms } : {};
}

/** Ports have Cassandra's defaults. Without an address Cassandra uses the one of this host's name, so it may be any. */
function portsIn(yaml: z.infer<typeof Shape>): ServicePort[] {
  const broadcast = yaml.listen_on_broadcast_address ? yaml.broadcast_address : undefined;
  const clients = listensAt(yaml.rpc_address, yaml.rpc_interface);
  const peers = listensAt(yaml.listen_address, yaml.listen_interface, broadcast);
  const ssl = yaml.native_transport_port_ssl;
  return [
    { name: 'native_transport_port', port: yaml.native_transport_port ?? 9042, ...clients },
    ...(ssl ? [{ name: 'native_transport_port_ssl', port: ssl, ...clients }] : []),
    { name: 'storage_port', port: yaml.storage_port ?? 7000, ...peers },
    { name: 'ssl_storage_port', port: yaml.ssl_storage_port ?? 7001, ...peers },
  ];
}

function listensAt(
  address: string | null | undefined,
  device: string | null | undefined,
  broadcast?: string | null,
): Pick<ServicePort, 'hosts' | 'interface'> {
  if (!address) return device && !broadcast ? { interface: device } : {};
  return { hosts: broadcast ? [address, broadcast] : [address] };
}
