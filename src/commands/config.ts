// `lm config show`: every setting in force, and where it came from. Opens no root and asks nobody.

import { printable } from '../errors.js';
import type { Io } from '../io.js';
import { jsonLine } from '../last-error.js';
import { find, type Layers } from '../settings/layers.js';
import { OPTION_NAMES, type OptionName } from '../settings/options.js';
import type { Remembered } from '../settings/remembered.js';
import { commonSettings, resolve, withMemory } from '../settings/resolve.js';
import { statedRoots } from '../settings/roots.js';
import type { Stated } from '../settings/stated.js';
import { readRemembered } from '../state/remembered.js';
import { theseMigrations } from './this-migration.js';

interface Shown {
  name: OptionName | 'role' | 'pair';
  /** As it was stated; null when nothing is in force. */
  value: string | readonly string[] | null;
  source: string | null;
  where: string | null;
}

export async function run(stated: Stated, io: Io): Promise<number> {
  const { json } = commonSettings(stated);
  const shown = showSettings(stated, memoryOf(stated));
  for (const line of json ? shown.map((one) => jsonLine('setting', null, one)) : table(shown)) io.stdout.write(line);
  if (json) io.stdout.write(jsonLine('summary', null, { exitCode: 0 }));
  return 0;
}

/** Of the only migration these settings can mean; of several, none. */
function memoryOf(stated: Stated): Remembered {
  const [first, ...others] = theseMigrations(resolve('status', stated));
  return (first && others.length === 0 && readRemembered(first.dir)) || {};
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
  const { roots, origin } = statedRoots(layers);
  if (!origin) return { name: 'root', value: null, source: null, where: null };
  return { name: 'root', value: roots.map(({ type, path }) => `${type}=${path}`), ...origin };
}

const WIDEST_VALUE = 36;

/** Name, value and origin in columns; the further values of a list each on a line below. */
function table(shown: readonly Shown[]): string[] {
  const rows = shown.map(({ name, value, where }) => {
    const values = value === null ? ['-'] : typeof value === 'string' ? [value] : value;
    return { name, values: values.map(printable), where: printable(where ?? '-') };
  });
  const nameWidth = Math.max(...rows.map((row) => row.name.length));
  const valueWidth = Math.min(
    WIDEST_VALUE,
    Math.max(...rows.flatMap((row) => row.values.map((value) => value.length))),
  );
  return rows.flatMap(({ name, values: [first, ...others], where }) => [
    `${name.padEnd(nameWidth)}  ${first!.padEnd(valueWidth)}  ${where}\n`,
    ...others.map((value) => `${' '.repeat(nameWidth)}  ${value}\n`),
  ]);
}
