// Finds the directories that take part, from DIR, --root, roots: or cassandra.yaml, and numbers them. Opens none of them.

import { join } from 'node:path';
import { LmError, printable } from '../errors.js';
import { DIR_TYPES, type DirType } from '../files/entry.js';
import { yamlLine } from '../files/roots.js';
import { type CassandraYaml, readCassandraYaml } from './cassandra/cassandra-yaml.js';
import { andText, type Host, keysText, storageDir } from './cassandra/storage-dir.js';
import { thisHost } from './cassandra/this-host.js';
import { type Found, find, type Layers, label, type Origin } from './layers.js';
import type { TypedDir } from './types.js';

/** A root as stated: `path` is made absolute but not resolved, so it may not exist or may be a link. */
export interface StatedRoot {
  type: DirType;
  /** 0, but for `data`, which is numbered in the order stated. */
  index: number;
  path: string;
}

interface StatedRoots {
  roots: StatedRoot[];
  /** The origin of each of `roots`: `--root`, `/etc/cassandra/cassandra.yaml:12`, `default of the package, …`. */
  rootOrigins: string[];
  /** The origin of the whole list; undefined when no layer names a root. */
  origin: Origin | undefined;
  cassandra: CassandraYaml | undefined;
  /** Left out by --without. */
  without: DirType[];
}

/** The roots of the strongest layer that names any; those of two layers are never mixed. Empty when no layer does. */
export function statedRoots(layers: Layers, host = thisHost): StatedRoots {
  const { unknown, ...stated } = knownRoots(layers, host);
  if (unknown.length > 0) throw directoriesUnknown(stated.cassandra!.file, unknown);
  return stated;
}

/** As `statedRoots`; `unknown` are the types whose directory cannot be found out, though this Cassandra has one. */
export function knownRoots(layers: Layers, host = thisHost): StatedRoots & { unknown: DirType[] } {
  const without = find(layers, 'without')!;
  for (const layer of layers) {
    const dirs = layer.get('root');
    const yaml = layer.get('cassandra-yaml');
    if (dirs) return { ...fromWords(dirs, yaml, without), unknown: [] };
    if (yaml) return fromCassandraYaml(yaml, without.value as DirType[], host);
  }
  const none = { roots: [], rootOrigins: [], origin: undefined, cassandra: undefined };
  return { ...none, without: without.value as DirType[], unknown: [] };
}

/** A copy remembers both the directories that it took from cassandra.yaml and that file, for its ports; no other layer may state both. */
function fromWords({ value, origin }: Found, yaml: Found | undefined, without: Found): StatedRoots {
  const where = label('root', origin);
  if (yaml && origin.source !== 'remembered') {
    throw new LmError('settings-conflict', `${where} and ${label('cassandra-yaml', yaml.origin)} were both given`, {
      hint: 'both name the directories; keep one',
    });
  }
  const dirs = value as TypedDir[];
  const isNamed = (type: DirType): boolean => dirs.some((dir) => dir.type === type);
  const leftOut = without.value as DirType[];
  const both = leftOut.find(isNamed);
  if (both && without.origin.source === origin.source)
    throw new LmError(
      'settings-conflict',
      `${where} names ${both}, and ${label('without', without.origin)} leaves it out`,
      {
        hint: 'keep one',
      },
    );
  return {
    roots: numbered(dirs, where),
    rootOrigins: dirs.map(() => origin.where),
    origin,
    cassandra: yaml && readCassandraYaml(yaml.value as string).cassandra,
    without: leftOut.filter((type) => !isNamed(type)), // a stronger layer names it than the one that leaves it out
  };
}

function fromCassandraYaml({ value, origin }: Found, without: DirType[], host: Host) {
  const { dirs, unnamed, cassandra } = readCassandraYaml(value as string);
  const takesPart = (type: DirType): boolean => !without.includes(type);
  const sought = unnamed.filter(takesPart);
  const storage = sought.length > 0 ? storageDir(cassandra.file, sought, host) : undefined;
  const named = [
    ...dirs.filter(({ type }) => takesPart(type)),
    ...(storage
      ? sought.map((type) => ({ type, path: join(storage.path, type), where: `default ${storage.why}` }))
      : []),
  ].sort((a, b) => DIR_TYPES.indexOf(a.type) - DIR_TYPES.indexOf(b.type));
  return {
    roots: numbered(named, label('cassandra-yaml', origin)),
    rootOrigins: named.map(({ where }) => where),
    origin,
    cassandra,
    without,
    unknown: storage ? [] : sought,
  };
}

function directoriesUnknown(file: string, types: readonly DirType[]): LmError {
  const lines = andText(types.map((type) => `\`${yamlLine(type, 'DIR')}\``));
  return new LmError(
    'cassandra-default',
    `${printable(file)} has no ${keysText(types)}, and its default cannot be found out: no process runs with this file, which lies neither in /etc/cassandra nor in CASSANDRA_HOME/conf`,
    {
      hint: `add ${lines} to ${printable(file)}, the DIR that this Cassandra uses (by default ${types[0]} below its -Dcassandra.storagedir); or give every --root TYPE=DIR instead of the file`,
    },
  );
}

/** Throws `usage` for a type other than data that comes twice. `where` is where they are stated. */
export function numbered(dirs: readonly TypedDir[], where: string): StatedRoot[] {
  const roots: StatedRoot[] = [];
  for (const { type, path } of dirs) {
    const index = roots.filter((root) => root.type === type).length;
    if (index > 0 && type !== 'data') {
      throw new LmError('usage', `${where}: got ${type} twice, takes one; only data may repeat`);
    }
    roots.push({ type, index, path });
  }
  return roots;
}
