// Every setting in force, and where it came from, as `lm config show` prints it. Opens no root.

import type { DirType } from '../files/entry.js';
import { find, type Layers } from './layers.js';
import { OPTION_NAMES, type OptionName } from './options.js';
import type { Remembered } from './remembered.js';
import { withMemory } from './resolve.js';
import { knownRoots } from './roots.js';
import type { Stated } from './stated.js';

export interface Shown {
  name: OptionName | 'role' | 'pair';
  /** As it was stated; null when nothing is in force. */
  value: string | readonly string[] | null;
  source: string | null;
  where: string | null;
  /** Of each directory, what says so, and the types of those that nothing tells though this Cassandra has them. */
  whence?: readonly string[];
  unknown?: readonly DirType[];
}

/** In the order of the table of options, then what the migration map says. */
export function showSettings({ layers, migration }: Stated, remembered: Remembered): Shown[] {
  const all = withMemory(layers, remembered);
  const shown: Shown[] = OPTION_NAMES.map((name) => (name === 'root' ? showRoots(all) : show(all, name)));
  if (!migration) return shown;
  const { role = null, pair, where } = migration;
  const partners = pair ? `${pair.source} → ${pair.destination}` : null;
  const origin = { source: 'file', where };
  return [...shown, { name: 'role', value: role, ...origin }, { name: 'pair', value: partners, ...origin }];
}

function show(layers: Layers, name: OptionName): Shown {
  const found = find(layers, name);
  if (!found || found.text.length === 0) return { name, value: null, source: null, where: null };
  return { name, value: found.text, ...found.origin };
}

/** The directories in force, as flags, even when cassandra.yaml names them. */
function showRoots(layers: Layers): Shown {
  const { roots, whence, unknown, cassandra, origin } = knownRoots(layers);
  if (!origin) return { name: 'root', value: null, source: null, where: null };
  const value = roots.map(({ type, path }) => `${type}=${path}`);
  if (!cassandra) return { name: 'root', value, ...origin };
  return { name: 'root', value, ...origin, whence, ...(unknown.length > 0 && { unknown }) };
}
