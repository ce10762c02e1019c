// Which directories take part, whoever names them: DIR, --root, roots: or cassandra.yaml. Numbers them; opens none.

import { LmError, printable } from '../errors.js';
import type { DirType } from '../files/entry.js';
import { type CassandraYaml, readCassandraYaml } from './cassandra-yaml.js';
import type { TypedDir } from './kinds.js';
import { type Found, type Layers, label, type Origin } from './layers.js';

/** A root as stated: `path` is absolute but otherwise as given, so it may not exist, and may be a link. */
export interface StatedRoot {
  type: DirType;
  /** 0, but for `data`, which is numbered in the order stated. */
  index: number;
  path: string;
}

export interface StatedRoots {
  roots: StatedRoot[];
  /** Who named them; undefined when nobody did. */
  origin: Origin | undefined;
  cassandra: CassandraYaml | undefined;
  notes: string[];
}

/** From the strongest layer that names any; directories of two layers are never mixed. Empty when none does. */
export function statedRoots(layers: Layers): StatedRoots {
  for (const layer of layers) {
    const dirs = layer.get('root');
    const yaml = layer.get('cassandra-yaml');
    if (dirs) return fromWords(dirs, yaml);
    if (yaml) return fromCassandraYaml(yaml);
  }
  return { roots: [], origin: undefined, cassandra: undefined, notes: [] };
}

/** A copy keeps the directories it took from cassandra.yaml, and that file for its port; nobody else may state both. */
function fromWords({ value, origin }: Found, yaml: Found | undefined): StatedRoots {
  const where = label('root', origin);
  if (yaml && origin.source !== 'remembered') {
    throw new LmError('usage', `${where} and ${label('cassandra-yaml', yaml.origin)} were both given`, {
      hint: 'both name the directories; keep one',
    });
  }
  const cassandra = yaml && readCassandraYaml(yaml.value as string).cassandra;
  return { roots: numbered(value as TypedDir[], where), origin, cassandra, notes: [] };
}

function fromCassandraYaml({ value, origin }: Found): StatedRoots {
  const { dirs, cassandra, notes } = readCassandraYaml(value as string);
  const where = label('cassandra-yaml', origin);
  if (dirs.length === 0) throw new LmError('usage', `${where}: ${printable(cassandra.file)} names no directory`);
  return { roots: numbered(dirs, where), origin, cassandra, notes };
}

function numbered(dirs: readonly TypedDir[], where: string): StatedRoot[] {
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
