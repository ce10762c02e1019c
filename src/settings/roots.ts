// Which directories take part, whoever names them: DIR, --root, roots: or cassandra.yaml. Numbers them; opens none.

import { LmError, printable } from '../errors.js';
import type { DirType } from '../files/entry.js';
import { type CassandraYaml, readCassandraYaml } from './cassandra-yaml.js';
import type { TypedDir } from './kinds.js';
import { type Found, type Layers, label } from './layers.js';

/** A root as stated: `path` is absolute but otherwise as given, so it may not exist, and may be a link. */
export interface StatedRoot {
  type: DirType;
  /** 0, but for `data`, which is numbered in the order stated. */
  index: number;
  path: string;
}

export interface StatedRoots {
  roots: StatedRoot[];
  cassandra: CassandraYaml | undefined;
  notes: string[];
}

/** From the strongest layer that names any; directories of two layers are never mixed. Empty when none does. */
export function statedRoots(layers: Layers): StatedRoots {
  for (const layer of layers) {
    const dirs = layer.get('root');
    const yaml = layer.get('cassandra-yaml');
    if (dirs && yaml) return both(dirs, yaml);
    if (dirs)
      return { roots: numbered(dirs.value as TypedDir[], label('root', dirs.origin)), cassandra: undefined, notes: [] };
    if (yaml) return fromCassandraYaml(yaml);
  }
  return { roots: [], cassandra: undefined, notes: [] };
}

/** A copy keeps the directories it took from cassandra.yaml, and the file for its port; nobody else may state both. */
function both(dirs: Found, yaml: Found): StatedRoots {
  const names = [label('root', dirs.origin), label('cassandra-yaml', yaml.origin)];
  if (dirs.origin.source !== 'remembered') {
    throw new LmError('usage', `${names.join(' and ')} were both given`, {
      hint: 'both name the directories; keep one',
    });
  }
  const { cassandra } = readCassandraYaml(yaml.value as string);
  return { roots: numbered(dirs.value as TypedDir[], names[0]!), cassandra, notes: [] };
}

function fromCassandraYaml(yaml: Found): StatedRoots {
  const { dirs, cassandra, notes } = readCassandraYaml(yaml.value as string);
  const where = label('cassandra-yaml', yaml.origin);
  if (dirs.length === 0) throw new LmError('usage', `${where}: ${printable(cassandra.file)} names no directory`);
  return { roots: numbered(dirs, where), cassandra, notes };
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
