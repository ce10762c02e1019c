// Lists every setting in force and where it comes from, for `lm config show`. Opens no root.

import type { DirType } from '../files/entry.js';
import { find, type Layers } from './layers.js';
import { OPTION_NAMES, type OptionName } from './options.js';
import type { Remembered } from './remembered.js';
import { withRemembered } from './resolve.js';
import { knownRoots } from './roots.js';
import type { Stated } from './stated.js';

export interface Shown {
  name: OptionName | 'pair';
  /** As stated; null when there is no value. */
  value: string | readonly string[] | null;
  source: string | null;
  where: string | null;
  /** The origin of each directory, and the types whose directory cannot be found out though this Cassandra has one. Named so in --json. */
  whence?: readonly string[];
  unknown?: readonly DirType[];
}

/** In the order of the table of options; the migration map comes last. */
export function showSettings({ layers, migration }: Stated, remembered: Remembered): Shown[] {
  const all = withRemembered(layers, remembered);
  const shown: Shown[] = OPTION_NAMES.map((name) => (name === 'root' ? showRoots(all) : show(all, name)));
  if (!migration) return shown;
  const { role = null, pair, where } = migration;
  const partners = pair ? `${pair.source} → ${pair.destination}` : null;
  const origin = { source: 'file', where };
  return [
    ...shown.filter(({ name }) => name !== 'role'),
    { name: 'role', value: role, ...origin },
    { name: 'pair', value: partners, ...origin },
  ];
}

function show(layers: Layers, name: OptionName): Shown {
  const found = find(layers, name);
  if (!found || found.text.length === 0) return { name, value: null, source: null, where: null };
  return { name, value: found.text, ...found.origin };
}

/** The directories in force, written as --root takes them, also when cassandra.yaml names them. */
function showRoots(layers: Layers): Shown {
  const { roots, rootOrigins, unknown, cassandra, origin } = knownRoots(layers);
  if (!origin) return { name: 'root', value: null, source: null, where: null };
  const value = roots.map(({ type, path }) => `${type}=${path}`);
  if (!cassandra) return { name: 'root', value, ...origin };
  return { name: 'root', value, ...origin, whence: rootOrigins, ...(unknown.length > 0 && { unknown }) };
}
